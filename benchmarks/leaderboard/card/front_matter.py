"""The front matter of a model card, which model hubs read."""

import re
from collections.abc import Mapping
from pathlib import Path

from yaml import YAMLError

from benchmarks.leaderboard.tables.columns import SCORES
from benchmarks.leaderboard.tables.formatting import clean, number
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS, RunRecord

_COCO_HOST = re.compile(r"https?://(?:[\w-]+\.)*cocodataset\.org/", re.ASCII)


def front_matter(record: RunRecord, table: Table, license_name: str | None) -> str:
    """YAML between two rules; its scores are times 100, and each says so in its name."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="image-to-text",
            task_name="Image captioning",
            dataset_type=_tag(record.dataset),
            dataset_name=f"{clean(record.dataset)}, {len(record.captions)} images",
            dataset_split=clean(table.split) or None,
            metric_type=_tag(column.key).partition("_")[0],
            metric_name=f"{column.title}, times 100",
            metric_value=round(100 * value, 4),
        )
        for column in SCORES
        if (value := number(record.scores.get(column.key))) is not None
    ]
    parts = [_tag(record.parts.get(part, "")) for part in PARTS]
    data = ModelCardData(
        library_name="caption-zoo",
        license=license_name,
        pipeline_tag="image-to-text",
        tags=["image-captioning", "image-to-text", "caption-zoo", *parts],
        datasets=["coco"] if _is_coco(record) else None,
        metrics=[*dict.fromkeys(result.metric_type for result in results)] or None,
        model_name=model_name(record) if results else None,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---"


def stated_license(card: Path) -> str | None:
    """The licence in the front matter of the model card in the file `card`; None where there is none.

    Raises:
        ValueError: the front matter is no YAML.
    """
    from huggingface_hub import metadata_load

    if not card.is_file():
        return None
    try:
        found = (metadata_load(card) or {}).get("license")
    except (YAMLError, ValueError):
        raise ValueError(f"the front matter of {str(card)!r} cannot be read: mend or remove it") from None
    return found if isinstance(found, str) else None


def model_name(record: RunRecord) -> str:
    """Its parts."""
    return " + ".join(clean(record.parts.get(part, "")) for part in PARTS)


def _is_coco(record: RunRecord) -> bool:
    """Whether its images are COCO's, not somebody's own in the same form."""
    return any(isinstance(sample, Mapping) and _COCO_HOST.match(str(sample.get("source"))) for sample in record.samples)


def _tag(spec: str) -> str:
    """A Spec's name without its options, in letters that any tag may have."""
    return re.sub(r"[^a-z0-9_.-]+", "-", clean(spec).partition("(")[0].lower()).strip("-") or "unknown"
