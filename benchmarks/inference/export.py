"""A run's model for others: as a Hugging Face folder with its card, or as ONNX graphs."""

import shutil
from collections.abc import Callable
from pathlib import Path

from benchmarks.inference.caption_files import decoding_of
from benchmarks.leaderboard.card.front_matter import stated_license
from benchmarks.leaderboard.card.markdown import CARD, model_card
from benchmarks.records.packed import ABOUT
from benchmarks.records.record import FILE, REQUEST, RunRecord
from zoo.atomic import atomic_directory
from zoo.captioner import Captioner
from zoo.export.onnx import export
from zoo.hub.push import push
from zoo.pretrained import Located, load_single
from zoo.registries import ATTENTIONS, BACKBONES, DECODERS
from zoo.settings import omittable, to_request


def huggingface(
    run: Path, captioner: Captioner, folder: Path, place: str = "FOLDER", license_name: str | None = None
) -> str:
    """Write the whole model, its card and, where there is one, the run's request; returns a line to print.

    The card says that it lies at `place`. It has what the owner of a packed model wrote for its card, and the licence
    that is stated there unless there is a `license_name`.
    """
    captioner.write(folder)
    about = _copy_about(run, folder)
    license_name = license_name or stated_license(run / CARD)
    card = model_card(_record(run, captioner), {}, place=place, license_name=license_name, about=about)
    (folder / CARD).write_text(card, encoding="utf-8")
    if (run / REQUEST).is_file():
        shutil.copyfile(run / REQUEST, folder / REQUEST)  # `caption` then searches as the run did
    return "all weights are in it"


def onnx(run: Path, captioner: Captioner, folder: Path) -> str:
    """Write the graphs and what runs them; returns a line to print.

    Raises:
        ValueError: ONNX's packages are missing or broken, the graphs of the parts would give other captions, or the
            run's decoding is beyond the script.
    """
    decoding = decoding_of(run)
    settings = to_request(decoding)
    if beyond := [f"{name}={settings[name]}" for name in settings.keys() & omittable(decoding)]:
        raise ValueError(
            f"{run} writes its captions with {sorted(beyond)[0]}, which the ONNX script does not support: "
            "take --format huggingface"
        )
    difference = export(captioner, folder, decoding=settings)
    _copy_about(run, folder)
    return f"largest difference of a log-probability from torch: {difference:.1e}"


FORMATS: dict[str, Callable[[Path, Captioner, Path], str]] = {"huggingface": huggingface, "onnx": onnx}


def export_run(run: Located, out: Path, kind: str) -> str:
    """Write the model of `run` into the new folder `out`, whole or not at all; returns a line to print.

    Raises:
        ValueError: there is no model in `run`, something lies in `out`, or `kind` cannot be made of it.
    """
    with atomic_directory(out) as partial:
        return FORMATS[kind](run.folder, load_single(run), partial)


def push_run(run: Path, name: str, *, license_name: str | None, private: bool, revision: str) -> str:
    """Publish what `huggingface` writes of `run` as ORG/NAME on the Hub; returns ORG/NAME@COMMIT.

    Raises:
        ValueError: there is no model in `run`, or the Hub cannot be reached or refuses it.
    """
    captioner = load_single(Located(run, str(run)))

    def write(folder: Path) -> None:
        huggingface(run, captioner, folder, name, license_name)

    return push(name, write, private=private, revision=revision)


def _copy_about(run: Path, folder: Path) -> str:
    """What its owner wrote of the model, in its own file again; empty where there is nothing."""
    if not (run / ABOUT).is_file():
        return ""
    shutil.copyfile(run / ABOUT, folder / ABOUT)
    return (folder / ABOUT).read_text(encoding="utf-8")


def _record(run: Path, captioner: Captioner) -> RunRecord:
    """The run's own, or of a folder without one what its model holds."""
    if (run / FILE).is_file():
        return RunRecord.load(run)
    parts = captioner.parts
    return RunRecord(
        id="",
        status="done",
        parts=parts.as_dict(),
        dataset="",
        seed=0,
        request={},
        environment={},
        origins={
            "backbone": BACKBONES.origin(parts.backbone.name),
            "attention": ATTENTIONS.origin(parts.attention.name),
            "decoder": DECODERS.origin(parts.decoder.name),
        },
        weights=captioner.backbone_weights,
    )
