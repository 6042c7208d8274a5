"""One component, with its options, size, paper and source; or the card of a pretrained model."""

import inspect
import re
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli import kinds
from benchmarks.cli.pretrained import PRETRAINED, card
from benchmarks.runtime.text import plain
from registry import Registry, Spec, UnknownName
from registry.types import kind

_HOME = Path(__file__).parents[2]


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """Kind and name."""
    parser.add_argument("kind", help="backbone, attention, decoder, dataset, metric, objective, logger or pretrained")
    parser.add_argument("spec", metavar="NAME", help="its name, as in caption-zoo list, or a whole Spec")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print it."""
    registries = kinds(options.plugin)
    if options.kind not in (known := [*registries, PRETRAINED]):
        raise UnknownName("kind", options.kind, known)
    if options.kind == PRETRAINED:
        text = card(options.spec)
    else:
        text = describe(registries[options.kind], Spec.parse(options.spec))
    for line in text.split("\n"):
        print(plain(line))
    return 0


def describe(registry: "Registry[Any]", spec: Spec) -> str:
    """What `show` prints, as text.

    Raises:
        RegistryError: there is no such component, variant or option.
    """
    factory = registry[spec.name]
    if spec.variant or spec.options:
        registry.check(spec)
    text, _, options = (inspect.getdoc(factory) or "").partition("\nOptions:")
    options = options.partition("\n\n")[0]
    lines = [f"{registry.kind} {spelling(registry, spec)}", "", text.strip(), ""]
    if hasattr(factory, "variants") and not spec.variant:
        names = f"caption-zoo list {registry.kind} --filter '{spec.name}/*'"
        lines += [f"Variants: {len(factory.variants())}, see {names}", ""]
    lines += ["Options:", inspect.cleandoc("\n" + options) or "none", ""] if options else ["No options.", ""]
    lines += [f"{label + ':':8} {fact}" for label, fact in facts(registry, spec)]
    return "\n".join(lines)


def spelling(registry: "Registry[Any]", spec: Spec) -> str:
    """The name with all its options, their types and defaults."""
    listed = [_option(option) for option in registry.options(spec.name).values()]
    variant = f"/{spec.variant or 'NAME'}" if hasattr(registry[spec.name], "variants") else ""
    return f"{spec.name}{variant}({', '.join(listed)})" if listed else f"{spec.name}{variant}"


def facts(registry: "Registry[Any]", spec: Spec) -> list[tuple[str, str]]:
    """What is known of a component besides its docstring: pairs of label and text."""
    factory = registry[spec.name]
    module = inspect.getmodule(factory)
    prose = (inspect.getdoc(factory) or "").partition("\nOptions:")[0]
    papers = re.findall(r"https://[^\s),;]+", f"{module.__doc__ or ''}\n{prose}" if module else prose)
    return [
        *_sizes(registry, spec),
        *(("Paper" if "arxiv.org" in link else "Link", link) for link in dict.fromkeys(papers)),
        *(("Note", note) for note in _unchecked(registry, spec)),
        ("Source", _source(factory, home=registry.origin(spec.name) == "caption-zoo")),
        ("Origin", registry.origin(spec.name)),
    ]


def _option(option: inspect.Parameter) -> str:
    """Name, type and default, as far as it has them."""
    typed = option.name if option.annotation is option.empty else f"{option.name}: {_type(option.annotation)}"
    return typed if option.default is option.empty else f"{typed} = {option.default!r}"


def _unchecked(registry: "Registry[Any]", spec: Spec) -> list[str]:
    """A line for each option that takes any value, since its type is none that can be checked."""
    return [
        f"values of {key} are not checked"
        + ("" if option.annotation is option.empty else f": {_type(option.annotation)}")
        for key, option in registry.options(spec.name).items()
        if kind(option.annotation) is None
    ]


def _sizes(registry: "Registry[Any]", spec: Spec) -> list[tuple[str, str]]:
    if registry.kind not in ("backbone", "attention", "decoder"):
        return []
    if hasattr(registry[spec.name], "variants") and not spec.variant:
        return [("Size", "by variant")]
    from benchmarks.cli.part_sizes import sizes

    return sizes(registry.kind, spec)


def _source(factory: Any, *, home: bool) -> str:
    """File and line: in the repository, or wherever a plug-in lies."""
    try:
        file, line = Path(inspect.getsourcefile(factory) or ""), inspect.getsourcelines(factory)[1]
    except (TypeError, OSError):  # not written in Python, or its file is gone
        return str(factory.__module__)
    return f"{file.relative_to(_HOME) if home else file}:{line}"


def _type(annotation: Any) -> str:
    text = re.sub(r"(typing|collections\.abc|registry\.types)\.", "", inspect.formatannotation(annotation))
    text = re.sub(r"Annotated\[(\w+), AtLeast\([^)]*\)\]", r"\1", text)
    return re.sub(r"Optional\[(\w+)\]", r"\1 | None", text)
