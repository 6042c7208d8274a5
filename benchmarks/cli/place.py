"""The arguments that name a trained model, for the commands that put one to work."""

from collections.abc import Iterator
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser

from benchmarks.cli.notes import print_notes
from zoo import models
from zoo.files import CONFIG, WEIGHTS, has_config

if TYPE_CHECKING:
    from zoo.pretrained import Located


def add_place(parser: ArgumentParser, *, default: bool = False, nargs: str | None = None) -> None:
    """A run's folder, a pretrained model, or one of the Hub and its revision; help tells the `default`, if any."""
    text = "folder of a run, runs/ID; name of a pretrained model; or ORG/NAME[@REVISION] on the Hugging Face Hub"
    text += f" (default: {models.DEFAULT})" * default
    parser.add_argument("model", metavar="MODEL", nargs=nargs, help=text)
    parser.add_argument("--revision", metavar="NAME", help="branch, tag or commit on the Hub (default: main)")


def with_model(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """`argv`, where an empty word stands for the model if its first argument that is no option names none.

    Raises:
        ValueError: it names one, and there is no other; or it is empty, as an unset variable in quotes is.
    """
    places = [] if {"-h", "--help"} & set(argv) else list(_positionals(parser, argv))
    if not places:
        return argv
    first = argv[places[0]]
    if not first:
        raise ValueError("the first word is empty: name a model or an image, or leave it out")
    if not names_model(first):
        return [*argv[: places[0]], "", *argv[places[0] :]]
    if len(places) == 1:
        raise ValueError(f"which images? {first!r} is no image and no folder of images, so it names the model")
    return argv


def resolve_model(model: str | None, revision: str | None) -> "Located":
    """Where the captioner lies that `model` names; without one the default, which a note on stderr names.

    Raises:
        ValueError: there is none, or its name is empty.
    """
    from zoo.pretrained import locate, pretrained

    if model == "":
        raise ValueError("the name of the model is empty: name a run's folder, a pretrained model or ORG/NAME")
    if model is not None:
        return locate(model, revision=revision)
    if revision is not None:
        raise ValueError(f"--revision {revision} is of a model of the Hub: name it, ORG/NAME")
    found = pretrained(models.DEFAULT)
    print_notes([f"no model is named, so it is {models.DEFAULT}"])
    return found


def names_model(word: str) -> bool:
    """Whether the first of several words names a model; an image, a folder of them, a glob and "-" do not.

    A folder does where it has a captioner's config, weights or a record, or holds runs, and is not hidden; what is
    not there does unless it ends as an image.
    """
    from benchmarks.inference.image_files import STDIN, SUFFIXES
    from benchmarks.records.record import FILE, REQUEST

    path = Path(word)
    if path.is_dir():
        if path.name.startswith("."):
            return False
        of_a_run = has_config(path) or any((path / name).exists() for name in (WEIGHTS, FILE))
        return of_a_run or _holds_runs(path) or models.exists(word)
    if path.exists():
        return path.name in (CONFIG, WEIGHTS, REQUEST, FILE)  # a mistake that has an answer of its own
    return word != STDIN and not has_magic(word) and not word.lower().endswith(SUFFIXES)


def _holds_runs(path: Path) -> bool:
    from benchmarks.records.record import FILE

    folders = (file.parent for name in (CONFIG, FILE) for file in path.glob(f"*/{name}"))
    shown = [folder for folder in folders if not folder.name.startswith(".")]
    return any(has_config(folder) or (folder / FILE).is_file() for folder in shown)


def _positionals(parser: ArgumentParser, argv: list[str]) -> Iterator[int]:
    """The places of the words that are no options, and no values of options."""
    words = iter(enumerate(argv))
    for place, word in words:
        if word == "--":
            yield from (rest for rest, _ in words)
        elif word == "-" or not word.startswith("-"):
            yield place
        elif (action := parser._option_string_actions.get(word)) and action.nargs != 0:
            next(words, None)
