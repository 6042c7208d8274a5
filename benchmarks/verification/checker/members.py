"""Whether an ensemble is as large as the models that it is made of: those with the same backbone share one of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_FROZEN = (
    "concat",
    "efficientnet_lite",
    "timm",
    "torchvision",
)  # backbones that are trained only where an option says so


def evenly(record: Mapping[str, Any]) -> Iterator[str]:
    """Where its trained parameters are not those of so many models of the same parts, though they share none."""
    count = len(record["request"].get("ensemble", ())) or 1
    if record["trained"] % count and not _may_share_trained(record):
        yield f"it trained {record['trained']} parameters, which {count} models of the same parts do not share evenly"


def sizes(record: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Where its parameters are not those of its members; of what all or some of them share, each counts once.

    That is frozen, or, where training left a backbone's weights as they were, trained all the same.
    """
    trained = [member["trained"] for member in members]
    frozen = [member["params"] - member["trained"] for member in members]
    least, most = max(trained) if _may_share_trained(record) else sum(trained), sum(trained)
    if not least <= record["trained"] <= most:
        counts = _counts(least, most)
        yield f"the ensemble {record['id']} has {record['trained']} trained parameters, its members have {counts}"
    least, most = record["trained"] + max(frozen), record["trained"] + sum(frozen)
    if not least <= record["params"] <= most:
        counts = _counts(least, most)
        yield f"the ensemble {record['id']} has {record['params']} parameters, its members give {counts}"


def _may_share_trained(record: Mapping[str, Any]) -> bool:
    """Whether its members may have trained a backbone."""
    backbone = record["request"]["backbone"]
    frozen = backbone.partition("(")[0].partition("/")[0] in _FROZEN and "trainable=" not in backbone
    return not frozen and "trainable=False" not in backbone


def _counts(least: int, most: int) -> str:
    return f"{least} to {most}" if least < most else f"{least}"
