"""Make a pretrained model of a run: weights in float16, scored again, with a card and a record."""

from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli.paths import cache_folder, writable

if TYPE_CHECKING:
    from benchmarks.cell.pack import Packed


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """The run, where the model goes, and what its card says."""
    parser.add_argument("run", metavar="RUN", help="folder of a run, runs/ID")
    parser.add_argument("--out", metavar="DIR", required=True, help="new folder to write; its name is the model's")
    parser.add_argument("--dataset", metavar="SPEC", help="the run's data set with its place: \"coco(root='...')\"")
    parser.add_argument("--weights", metavar="FILE", help="the backbone's weights, where they came from a file")
    parser.add_argument("--start-from", metavar="FOLDER", default="", help="the run that it started from, if it did")
    parser.add_argument("--teacher", metavar="FOLDER", default="", help="the run that it learned from, if it did")
    parser.add_argument("--license", metavar="NAME", help="licence of the weights for the card, as apache-2.0")
    parser.add_argument("--about", metavar="FILE", help="Markdown for the card: credits, limits, the data's licence")
    parser.add_argument("--cache", type=str, help="folder for features and references (default: ~/.cache/caption-zoo)")
    parser.add_argument("--plugin", action="append", metavar="FILE", default=[], help="Python file with components")
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Write the folder, and print its size and what half precision changed."""
    from benchmarks.cell.context import Context
    from benchmarks.cell.pack import pack
    from benchmarks.records.record import RunRecord
    from benchmarks.verification.reproduce import plan_of
    from registry import load_plugin

    for plugin in options.plugin:
        load_plugin(plugin)
    run, out = Path(options.run), Path(options.out)
    record = RunRecord.load(run)
    if members := record.request.get("ensemble"):
        named = ", ".join(map(str, members.values()))
        raise ValueError(f"{run} is an ensemble, which has no weights of its own: pack one of its members, {named}")
    places = {name: options[name] for name in ("dataset", "weights", "start_from", "teacher")}
    (cell,) = plan_of(record, **places).cells
    about = Path(options.about).read_text(encoding="utf-8") if options.about else ""
    cache = Path(options.cache) if options.cache else cache_folder()
    writable(cache)
    with Context(cache) as context:
        packed = pack(run, out, cell, context, license_name=options.license, about=about)
    size = sum(file.stat().st_size for file in out.iterdir())
    print(f"{out}: {size / 1e6:.2f} MB; {_change(packed)}")
    return 0


def _change(packed: "Packed") -> str:
    """What rounding the weights did to captions and scores."""
    run, model = packed
    differ = sum(model.captions[image] != run.captions.get(image) for image in model.captions)
    scores = [f"{name} {run.scores[name]:.4f} -> {value:.4f}" for name, value in model.scores.items()]
    return f"{differ} of {len(model.captions)} captions differ from the run's; {', '.join(scores)}"
