"""One component: what it does, its options with types and defaults, its paper and its source."""

import inspect
import re
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from benchmarks.commands import kinds
from registry import Registry, Spec, UnknownName


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """Kind and name."""
    parser.add_argument("kind", help="backbone, attention, decoder, dataset or metric")
    parser.add_argument("name", help="its name, as in caption-zoo list")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print it."""
    registries = kinds(options.plugin)
    if options.kind not in registries:
        raise UnknownName("kind", options.kind, registries)
    print(describe(registries[options.kind], Spec.parse(options.name).name))
    return 0


def describe(registry: "Registry[Any]", name: str) -> str:
    """What `show` prints, as text."""
    factory = registry[name]
    text, _, options = (inspect.getdoc(factory) or "").partition("\nOptions:")
    options = options.partition("\n\n")[0]
    module = inspect.getmodule(factory)
    paper = re.findall(r"https://[^\s),;]+", f"{module.__doc__ or ''}\n{text}" if module else text)
    lines = [f"{registry.kind} {spelling(registry, name)}", "", text.strip(), ""]
    if hasattr(factory, "variants"):
        lines += [f"Variants: {len(factory.variants())}, see caption-zoo list {registry.kind} --filter '{name}/*'", ""]
    lines += ["Options:", inspect.cleandoc("\n" + options) or "none", ""] if options else ["No options.", ""]
    lines += [f"Paper:   {link}" for link in dict.fromkeys(paper)]
    return "\n".join([*lines, f"Source:  {factory.__module__}", f"Origin:  {registry.origin(name)}"])


def spelling(registry: "Registry[Any]", name: str) -> str:
    """The name with all its options, their types and defaults."""
    listed = [
        f"{key}: {inspect.formatannotation(option.annotation).replace('typing.', '')} = {option.default!r}"
        for key, option in registry.options(name).items()
    ]
    variant = "/NAME" if hasattr(registry[name], "variants") else ""
    return f"{name}{variant}({', '.join(listed)})" if listed else f"{name}{variant}"
