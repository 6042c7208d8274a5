"""The pretrained models as `list`, `show` and completion have them: names, summaries and cards."""

import re

from zoo import models

PRETRAINED = "pretrained"  # beside the kinds of components


def summaries(pattern: str | None = None) -> dict[str, str]:
    """Every pretrained model, or those like `pattern`, with its parts and its score."""
    return {name: _summary(name) for name in models.names(pattern or "*")}


def card(name: str) -> str:
    """Its model card, without what the Hub alone reads.

    Raises:
        ValueError: there is no such model, or it has no card.
    """
    from benchmarks.leaderboard.card.markdown import CARD

    file = models.model_folder(name) / CARD
    if not file.is_file():
        raise ValueError(f"pretrained model {name!r} has no card: there is no {file}")
    text = file.read_text(encoding="utf-8").replace("\u2009", " ")  # thin spaces between thousands
    return re.sub(r"\A---\n.*?^---\n+", "", text, flags=re.DOTALL | re.MULTILINE).rstrip()


def _summary(name: str) -> str:
    """One line; of a model whose files are damaged what is wrong, so that the others are listed."""
    from benchmarks.records.record import FILE, PARTS, RunRecord

    try:
        origin = models.origin(name)
        folder = models.model_folder(name)
        if not (folder / FILE).is_file():
            return f"without a record [{origin}]"
        record = RunRecord.load(folder)
    except Exception as error:  # whatever a distribution's own files and metadata give
        return f"broken: {error}"
    what = " + ".join(record.parts[part] for part in PARTS if part in record.parts)
    cider = record.scores.get("CIDEr")
    images = f"{len(record.captions)} images of {record.dataset}, {record.split}"
    scored = "" if cider is None else f"; CIDEr {100 * cider:.1f} on {images}"
    return what + scored + f" [{origin}]" * (origin != "caption-zoo")
