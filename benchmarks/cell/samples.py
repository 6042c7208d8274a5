"""What a card shows of a run: the best, the middling and the worst captions, and where the model looked.

A sample of a record holds what may be passed on: the image's id and where it can be seen, the
words, their score and the maps. Picture and references stand in it only where the data set may
be shared; of others they lie in `gallery.json` beside the record, which stays at home.
"""

import io
import json
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import Dataset, Example, Prediction
from benchmarks.records.samples import GALLERY, PICKS
from zoo.pictures import upright

_EACH = 2  # samples of each pick
_SIDE = 320  # pixels of a picture's longer side


def picked(scores: Mapping[int, float]) -> dict[int, str]:
    """Image id -> "best", "median" or "worst", by `scores`; of few images each is picked once."""
    order = sorted(scores, key=lambda image: (-scores[image], image))
    middle = max(0, (len(order) - _EACH) // 2)
    picks = dict.fromkeys(order[:_EACH], "best")
    for pick, images in (("worst", order[-_EACH:]), ("median", order[middle : middle + _EACH])):
        picks |= {image: pick for image in images if image not in picks}
    return dict(sorted(picks.items(), key=lambda item: (PICKS.index(item[1]), order.index(item[0]))))


def samples(
    dataset: Dataset,
    predictions: Mapping[int, Prediction],
    scores: Mapping[int, float],
    picks: Mapping[int, str],
    *,
    non_visual: bool,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What a record says of the picked images, and what its gallery holds of them.

    `non_visual` says whether the model can look at something beside the image.
    """
    examples = {example.image_id: example for example in dataset.test}
    entries, gallery = [], {}
    for image, pick in picks.items():
        shown = {"picture": _picture(dataset, examples[image]), "references": list(examples[image].captions)}
        entry = {
            "image": image,
            "pick": pick,
            "score": round(scores[image], 6),
            **_attention(predictions[image], non_visual=non_visual),
        }
        if examples[image].source:
            entry["source"] = examples[image].source
        entries.append(entry | shown if dataset.shareable else entry)
        if not dataset.shareable:
            gallery[str(image)] = shown
    return entries, gallery


def write_gallery(gallery: Mapping[str, Any], folder: Path) -> None:
    """Put it beside the record; nothing where there is nothing to hold back."""
    if gallery:
        (folder / GALLERY).write_text(json.dumps(gallery, ensure_ascii=False) + "\n", encoding="utf-8")


def _attention(prediction: Prediction, *, non_visual: bool) -> dict[str, Any]:
    """Words and their maps, in bytes: 255 is the highest share, `peak`."""
    entry: dict[str, Any] = {"words": list(prediction.words)}
    if prediction.maps is None or not prediction.maps.size:
        return entry
    peak = float(prediction.maps.max()) or 1.0
    shares = np.rint(prediction.maps * (255 / peak)).astype(np.uint8)
    if non_visual:
        entry["non_visual"] = [round(float(1 - shares.sum()), 3) for shares in prediction.maps]
    return entry | {
        "grid": list(prediction.maps.shape[1:]),
        "peak": round(peak, 6),
        "maps": b64encode(shares.tobytes()).decode(),
    }


def _picture(dataset: Dataset, example: Example) -> str:
    """As a data URL: a photograph as JPEG, a drawing as PNG."""
    picture = upright(dataset.load(example))
    picture.thumbnail((_SIDE, _SIDE))
    kind, data = ("PNG" if dataset.synthetic else "JPEG"), io.BytesIO()
    picture.save(data, kind, optimize=True, **({} if kind == "PNG" else {"quality": 80}))
    return f"data:image/{kind.lower()};base64,{b64encode(data.getvalue()).decode()}"
