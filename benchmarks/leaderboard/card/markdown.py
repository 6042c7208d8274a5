"""The card of a run as Markdown, with the front matter that model hubs read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.leaderboard.card import facts, rerun
from benchmarks.leaderboard.card.curves import epochs
from benchmarks.leaderboard.card.front_matter import front_matter, model_name
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import SCORES
from benchmarks.leaderboard.tables.diagnostics import diagnostic
from benchmarks.leaderboard.tables.formatting import BLANK, clean, hundred, number, span
from benchmarks.leaderboard.tables.markdown import bullets, code, fence, prose
from benchmarks.leaderboard.tables.markdown import table as table_of
from benchmarks.leaderboard.tables.samples import Shown, shown
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.packed import WEIGHTS_DTYPE
from benchmarks.records.record import FILE, PARTS, RunRecord

CARD = "README.md"


def model_card(
    record: RunRecord,
    gallery: Mapping[str, Any],
    *,
    place: str = "FOLDER",
    license_name: str | None = None,
    about: str = "",
    packed: bool = False,
) -> str:
    """`record` as a README for its model; pictures are never in it.

    gallery: image id -> references, where the record may not hold them. All of them are listed.
    place: from where the model is loaded: FOLDER, ORG/NAME of the Hub, or the name of a pretrained model.
    license_name: its owner's, as the Hub spells it; about: Markdown of the owner's, as it stands.
    packed: the weights beside the card are those of a packed model, and its record lies there too.

    Raises:
        ValueError: the run did not come to its end, so there is no model.
    """
    if not record.done:
        raise ValueError(f"run {clean(record.id)} failed, so there is no model to make a card of")
    (table,) = summarise([record]).tables
    blocks = [
        front_matter(record, table, license_name),
        f"# {code(model_name(record))}",
        f"An image captioning model made with caption-zoo: run {code(record.id)}, {_variant(record)}, "
        f"on {code(wording.headline(table))}.",
        *(
            f"**{prose(text)}**"
            for text in [
                *rerun.source_runs(record),
                *wording.notices(table),
                *(f"Needs {name}." for name in rerun.plugins(record)),
            ]
        ),
        table_of(["Part", "What"], [[part.capitalize(), code(record.parts.get(part, ""))] for part in PARTS]),
        "## Intended use and limitations",
        " ".join(facts.limitations(record)),
        *filter(None, [about.strip()]),
        *_use(record, place),
        *_scores(record, table, packed=packed),
        *_samples(shown(record, gallery)),
        *_training(record),
        *_speed(record),
        *_listed("Caption statistics", facts.caption_statistics(record)),
        *_reproduce(record, packed=packed),
        *_listed("Environment", facts.environment(record)),
        *_listed("Provenance", facts.provenance(record)),
    ]
    return "\n\n".join(blocks) + "\n"


def _variant(record: RunRecord) -> str:
    members = record.request.get("ensemble")
    return f"an ensemble of {len(members)}" if members else f"seed {code(record.seed)}"


def _use(record: RunRecord, place: str) -> Iterable[str]:
    loaded = [f"registry.load_plugin({name!r})" for name in rerun.plugins(record) if name.endswith(".py")]
    lines = ["import registry"] * bool(loaded) + ["import zoo", "", *loaded]
    lines += [f"model = zoo.from_pretrained({json.dumps(place)})", 'print(model.caption(["photo.jpg"])[0])']
    yield "## How to use"
    where = "from the Hub" if "/" in place else "by its name, where it is installed"
    where = "with the folder that holds this card and weights" if place == "FOLDER" else where
    yield f"From Python, {where}:\n\n{fence('python', chr(10).join(lines))}"
    yield f"Or as a command:\n\n{fence('console', rerun.caption(record, place))}"


def _scores(record: RunRecord, table: Table, *, packed: bool) -> Iterable[str]:
    standing = table.standing(table.rows[0])
    yield "## Scores"
    yield f"Scores × 100 on {code(wording.headline(table))}, scorer {code(record.signature)}." + (
        f" On other images of the kind CIDEr would lie at {span(standing.low, standing.high)} (95 %)."
        if standing
        else ""
    )
    if dtype := record.environment.get(WEIGHTS_DTYPE):
        here = "" if packed else "; here they are in float32, with the values that rounding gave"
        yield f"They are those of the weights after they were rounded to {prose(str(dtype))}{here}."
    checks = sorted(record.diagnostics)
    lines = [[column.title, _score(record.scores.get(column.key))] for column in SCORES]
    lines += [[f"{prose(diagnostic(name).title)}, %", _score(record.diagnostics[name])] for name in checks]
    yield table_of(["Score", "This run"], lines)


def _score(value: Any) -> str:
    score = number(value)
    return BLANK if score is None else hundred(score)


def _samples(found: Sequence[Shown]) -> Iterable[str]:
    if not found:
        return
    yield "## Sample captions"
    yield "The two best, two middling and two worst captions by CIDEr."
    yield "\n".join(line for one in found for line in _sample(one))


def _sample(one: Shown) -> Iterable[str]:
    where = f"[image {code(one.image)}](<{one.link}>)" if one.link else f"image {code(one.image)}"
    place = f", {code(one.place)}" if one.place else ""
    yield f"- {code(' '.join(one.words))}: {one.pick}, CIDEr {_score(one.score)}, {where}{place}"
    yield from (f"  - reference: {code(text)}" for text in one.references)


def _training(record: RunRecord) -> Iterable[str]:
    if found := epochs(record):
        yield "## Training curves"
        lines = [[*epoch.texts, "best" if epoch.best else ""] for epoch in found]
        yield table_of(["Epoch", "Loss", "Validation CIDEr × 100", ""], lines)


def _speed(record: RunRecord) -> Iterable[str]:
    yield "## Speed and size"
    if rates := facts.rates(record):
        lines = [[f"{rate.stage}: {rate.meaning}", rate.rate, rate.spread, rate.batch] for rate in rates]
        yield table_of(["Stage", "Median", "Slowest to quickest", "Batch"], lines)
    yield from _listed("", facts.costs(record))


def _reproduce(record: RunRecord, *, packed: bool) -> Iterable[str]:
    yield "## How to reproduce"
    which = "the one beside this card" if packed else "and compared with it"
    yield f"With its record, {which}:\n\n{fence('console', rerun.reproduce(record, FILE if packed else ''))}"
    if WEIGHTS_DTYPE in record.environment:
        yield "This trains the run again, with weights that are not rounded; `caption-zoo pack` rounds those too."
    if requirements := " ".join(map(prose, rerun.requirements(record))):
        yield requirements
    yield f"As a config, every setting written out:\n\n{fence('yaml', rerun.config(record).rstrip())}"


def _listed(title: str, items: Sequence[tuple[str, str]]) -> Iterable[str]:
    if items:
        yield from [f"## {title}"] * bool(title)
        yield bullets(items)
