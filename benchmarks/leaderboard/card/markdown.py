"""The card of a run as Markdown, with the front matter that model hubs read."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.leaderboard.card import facts, rerun
from benchmarks.leaderboard.card.curves import epochs
from benchmarks.leaderboard.card.rerun import yaml
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import SCORES
from benchmarks.leaderboard.tables.formatting import BLANK, clean, hundred, number, span
from benchmarks.leaderboard.tables.rows import Table
from benchmarks.leaderboard.tables.samples import Shown, shown
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.records.record import PARTS, RunRecord

_HOST = re.compile(r"https?://(?:[\w-]+\.)*cocodataset\.org/", re.ASCII)


def model_card(record: RunRecord, gallery: Mapping[str, Any]) -> str:
    """`record` as a README for its model; pictures are never in it.

    gallery: image id -> references, where the record may not hold them. What is given is told.

    Raises:
        ValueError: the run did not come to its end, so there is no model.
    """
    if not record.done:
        raise ValueError(f"run {clean(record.id)} failed, so there is no model to make a card of")
    (table,) = summarise([record]).tables
    blocks = [
        _front(record, table),
        f"# {_code(_name(record))}",
        f"An image captioning model made with caption-zoo: run {_code(record.id)}, seed {_code(record.seed)}, "
        f"on {_code(wording.headline(table))}.",
        *(
            f"**{_plain(text)}**"
            for text in [*wording.notices(table), *(f"Needs {name}." for name in rerun.plugins(record))]
        ),
        _table(["Part", "What"], [[part.capitalize(), _code(record.parts.get(part, ""))] for part in PARTS]),
        "## What it can and cannot do",
        " ".join(facts.taught(record)),
        *_use(record),
        *_scores(record, table),
        *_samples(shown(record, gallery)),
        *_learning(record),
        *_speed(record),
        *_listed("Its captions in numbers", facts.spoken(record)),
        *_again(record),
        *_listed("Environment", facts.environment(record)),
        *_listed("Where it came from", facts.provenance(record)),
    ]
    return "\n\n".join(blocks) + "\n"


def _front(record: RunRecord, table: Table) -> str:
    """YAML; its scores are times 100, and each says so in its name."""
    tags = ["image-captioning", "image-to-text", "caption-zoo", *(_tag(record.parts.get(part, "")) for part in PARTS)]
    metrics = [
        {
            "type": _tag(column.key).partition("_")[0],
            "name": f"{column.title}, times 100",
            "value": round(100 * value, 4),
        }
        for column in SCORES
        if (value := number(record.scores.get(column.key))) is not None
    ]
    return "\n".join(
        [
            "---",
            "library_name: caption-zoo",
            "pipeline_tag: image-to-text",
            f"tags: {yaml([*dict.fromkeys(tags)])}",
            *(["datasets: [coco]"] if _is_coco(record) else []),
            f"metrics: {yaml([*dict.fromkeys(metric['type'] for metric in metrics)])}",
            *(_index(record, table, metrics) if metrics else []),
            "---",
        ]
    )


def _index(record: RunRecord, table: Table, metrics: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """The block that model hubs make their tables of."""
    dataset = {"type": _tag(record.dataset), "name": record.dataset, "split": table.split}
    yield from ("model-index:", f"- name: {yaml(_name(record))}", "  results:")
    yield from ("  - task: {type: image-to-text, name: Image captioning}", f"    dataset: {yaml(dataset)}")
    yield from ("    metrics:", *(f"    - {yaml(metric)}" for metric in metrics))


def _is_coco(record: RunRecord) -> bool:
    """Whether its images are COCO's, not somebody's own in the same form."""
    return any(isinstance(sample, Mapping) and _HOST.match(str(sample.get("source"))) for sample in record.samples)


def _tag(spec: str) -> str:
    """A Spec's name without its options, in letters that any tag may have."""
    return re.sub(r"[^a-z0-9_.-]+", "-", clean(spec).partition("(")[0].lower()).strip("-") or "unknown"


def _name(record: RunRecord) -> str:
    return " + ".join(clean(record.parts.get(part, "")) for part in PARTS)


def _use(record: RunRecord) -> Iterable[str]:
    loaded = [f"registry.load_plugin({name!r})" for name in rerun.plugins(record) if name.endswith(".py")]
    lines = ["import registry"] * bool(loaded) + ["import zoo", "", *loaded]
    lines += ['model = zoo.from_pretrained("FOLDER")', 'print(model.caption(["photo.jpg"])[0])']
    yield "## Use it"
    yield f"From Python, with the folder that holds this card and weights:\n\n{_fence('python', chr(10).join(lines))}"
    yield f"Or as a command:\n\n{_fence('console', rerun.caption(record, 'FOLDER'))}"


def _scores(record: RunRecord, table: Table) -> Iterable[str]:
    standing = table.standing(table.rows[0])
    yield "## How good it is"
    yield f"Scores × 100 on {_code(wording.headline(table))}, scorer {_code(record.signature)}." + (
        f" On other images of the kind CIDEr would lie at {span(standing.low, standing.high)} (95 %)."
        if standing
        else ""
    )
    checks = sorted(record.diagnostics)
    lines = [[column.title, _score(record.scores.get(column.key))] for column in SCORES]
    lines += [[f"{_plain(clean(name).replace('_', ' '))}, %", _score(record.diagnostics[name])] for name in checks]
    yield _table(["Score", "This run"], lines)


def _score(value: Any) -> str:
    found = number(value)
    return BLANK if found is None else hundred(found)


def _samples(found: Sequence[Shown]) -> Iterable[str]:
    if not found:
        return
    yield "## What it says"
    yield "The two best, two middling and two worst captions by CIDEr."
    yield "\n".join(line for one in found for line in _sample(one))


def _sample(one: Shown) -> Iterable[str]:
    where = f"[image {_code(one.image)}](<{one.link}>)" if one.link else f"image {_code(one.image)}"
    place = f", {_code(one.place)}" if one.place else ""
    yield f"- {_code(' '.join(one.words))}: {one.pick}, CIDEr {_score(one.score)}, {where}{place}"
    yield from (f"  - reference: {_code(text)}" for text in one.references)


def _learning(record: RunRecord) -> Iterable[str]:
    if found := epochs(record):
        yield "## How it learnt"
        lines = [[*epoch.texts, "kept" if epoch.chosen else ""] for epoch in found]
        yield _table(["Epoch", "Loss", "Validation CIDEr × 100", ""], lines)


def _speed(record: RunRecord) -> Iterable[str]:
    yield "## Speed and size"
    if rates := facts.rates(record):
        lines = [[f"{rate.stage}: {rate.meaning}", rate.rate, rate.spread, rate.batch] for rate in rates]
        yield _table(["Stage", "Median", "Slowest to quickest", "Batch"], lines)
    yield from _listed("", facts.costs(record))


def _again(record: RunRecord) -> Iterable[str]:
    yield "## Run it again"
    yield f"With its record, and compared with it:\n\n{_fence('console', rerun.reproduce(record))}"
    if needed := " ".join(map(_plain, rerun.needed(record))):
        yield needed
    yield f"As a config, every setting written out:\n\n{_fence('yaml', rerun.config(record).rstrip())}"


def _listed(title: str, found: Sequence[tuple[str, str]]) -> Iterable[str]:
    if found:
        yield from [f"## {title}"] * bool(title)
        yield "\n".join(f"- {_plain(name)}: {_code(said)}" for name, said in found)


def _table(heads: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [heads, ["--"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _fence(language: str, text: str) -> str:
    """A block of code that nothing in `text` can end."""
    ticks = "`" * (1 + max([2, *(len(run) for run in re.findall("`+", text))]))
    return f"{ticks}{language}\n{text}\n{ticks}"


def _plain(text: str) -> str:
    return text if re.fullmatch(r"[\w ,.:;'×%()-]*", text) else _code(text)


def _code(value: object) -> str:
    """`value` as a code span: in there nothing is a link, a mention, HTML or emphasis."""
    text = clean(value) or "-"
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text}{ticks}"
