"""The model card as the README.md of a Hugging Face repository."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.leaderboard.markdown import _code
from benchmarks.leaderboard.text import clean, hundred, number
from benchmarks.record import SCORES, RunRecord

_OURS = ("random", "trained from scratch")  # weights that come from nobody else


def model_card(record: RunRecord, gallery: Mapping[str, Any]) -> str:
    """What `record` says of its model; whatever a record says stays text.

    `gallery` holds what is shown beside the text.
    """
    name = " + ".join(str(record.parts.get(kind, "")) for kind in ("backbone", "attention", "decoder"))
    title = ("# An image captioner", "", _code(name), "")
    body = (*_parts(record), *_results(record), *_use(record))
    return "\n".join(["---", *_front(record, name), "---", "", *title, *body])


def _front(record: RunRecord, name: str) -> Iterable[str]:
    if record.synthetic and record.weights in _OURS:
        yield "license: apache-2.0"
    yield from ("library_name: caption-zoo", "pipeline_tag: image-to-text")
    yield from ("tags:", "- image-captioning", "- caption-zoo")
    scores = _scores(record)
    if not scores:
        return
    yield from ("model-index:", f"- name: {_quoted(name)}", "  results:", "  - task:", "      type: image-to-text")
    kind = _quoted(record.dataset.partition("(")[0])
    yield from ("    dataset:", f"      name: {_quoted(record.dataset)}", f"      type: {kind}")
    yield f"      split: {_quoted(record.split)}"
    yield "    metrics:"
    for metric, value in scores.items():
        yield from (f"    - type: {metric.lower()}", f"      name: {metric} x 100", f"      value: {hundred(value)}")


def _parts(record: RunRecord) -> Iterable[str]:
    yield from ("| part | Spec | from |", "|--|--|--|")
    for kind in ("backbone", "attention", "decoder"):
        cells = (record.parts.get(kind, ""), record.origins.get(kind, ""))
        yield f"| {kind} | {' | '.join(_cell(value) for value in cells)} |"
    yield from ("", f"Weights of the backbone before training: {_code(record.weights)}.", "")
    yield ("The code is under Apache-2.0. Weights that came from elsewhere, and data, have licences of their own.")
    yield ""


def _results(record: RunRecord) -> Iterable[str]:
    scores = _scores(record)
    if not scores:
        return
    yield from ("## Scores", "", f"On {_code(record.dataset)}, split {_code(record.split)}, times 100.", "")
    if record.synthetic:
        yield from ("The images are drawn, so the scores say nothing of photographs.", "")
    yield from (f"| {' | '.join(scores)} |", f"|{'--:|' * len(scores)}")
    yield f"| {' | '.join(hundred(value) for value in scores.values())} |"
    yield from ("", f"Scorer: {_code(record.signature)}.", "")


def _use(record: RunRecord) -> Iterable[str]:
    yield from ("## Use", "")
    if foreign := sorted({origin for origin in map(str, record.origins.values()) if origin != "caption-zoo"}):
        yield from (f"It has parts from elsewhere, which are needed too: {', '.join(map(_code, foreign))}.", "")
    yield from ("`FOLDER` is where this file lies.", "")
    yield from ("```python", "import zoo", "", 'model = zoo.from_pretrained("FOLDER")')
    yield from ('print(model.caption(["photo.jpg"])[0])', "```", "")
    yield from ("```console", "caption-zoo caption FOLDER photo.jpg", "```", "")


def _scores(record: RunRecord) -> dict[str, float]:
    found = {name: number(record.scores.get(name)) for name in SCORES}
    return {name: value for name, value in found.items() if value is not None}


def _quoted(value: object) -> str:
    return json.dumps(clean(value), ensure_ascii=False)


def _cell(value: object) -> str:
    return _code(value).replace("|", "\\|")
