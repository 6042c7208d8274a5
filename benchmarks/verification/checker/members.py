"""Whether an ensemble is as large as the models that it is made of."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def sizes(record: Mapping[str, Any], members: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Where its parameters are not those of its members, the frozen ones of each, or once where they are shared."""
    trained = sum(member["trained"] for member in members)
    frozen = [member["params"] - member["trained"] for member in members]
    if record["trained"] != trained:
        yield f"the ensemble {record['id']} has {record['trained']} trained parameters, its members have {trained}"
    if record["params"] not in (trained + sum(frozen), trained + max(frozen)):
        counts = " or ".join(str(trained + count) for count in sorted({sum(frozen), max(frozen)}))
        yield f"the ensemble {record['id']} has {record['params']} parameters, its members give {counts}"
