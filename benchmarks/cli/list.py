"""Names and one-line summaries of what is registered and of the pretrained models, by kind."""

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli import kinds
from benchmarks.cli.pretrained import PRETRAINED, summaries
from benchmarks.runtime.text import plain
from registry import Registry, UnknownName


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """Kind and filter."""
    parser.add_argument(
        "kind",
        nargs="?",
        help="backbone, attention, decoder, dataset, metric, objective, logger, pretrained; all without it",
    )
    parser.add_argument("--filter", type=str, metavar="GLOB", help="only names like this, timm's too: '*lite*'")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print them; a filter asks for variants too, and imports what has them."""
    registries = kinds(options.plugin)
    known = [*registries, PRETRAINED]
    if options.kind is not None and options.kind not in known:
        raise UnknownName("kind", options.kind, known)
    for kind in [options.kind] if options.kind else known:
        lines = _lines(registries[kind], options.filter) if kind in registries else [*summaries(options.filter).items()]
        width = max((len(name) for name, _ in lines), default=0)
        if not options.kind and lines:
            print(f"{kind}:")
        for name, summary in lines:
            print(f"{'' if options.kind else '  '}{name:{width}}  {plain(summary)}".rstrip())
    return 0


def _lines(registry: "Registry[object]", pattern: str | None) -> list[tuple[str, str]]:
    summaries = {
        item.name: item.summary + ("" if item.origin == "caption-zoo" else f" [{item.origin}]")
        for item in registry.components()
    }
    if pattern is None:
        return list(summaries.items())
    return [(name, summaries.get(name, "")) for name in registry.names(pattern)]
