"""The card of a run: one HTML file, in the order in which a reader asks."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from markupsafe import Markup

from benchmarks.leaderboard.card import facts, rerun
from benchmarks.leaderboard.card.curves import curves, epochs
from benchmarks.leaderboard.card.neighbours import neighbours
from benchmarks.leaderboard.card.scores import scores
from benchmarks.leaderboard.html.attention_strip import samples
from benchmarks.leaderboard.html.document import document, text_of
from benchmarks.leaderboard.html.paths import name_of
from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.formatting import breakable, clean, html, hundred, signed
from benchmarks.leaderboard.tables.rows import Row, Table
from benchmarks.leaderboard.tables.samples import shown
from benchmarks.records.record import PARTS, RunRecord


def card(record: RunRecord, table: Table, row: Row, gallery: Mapping[str, Any]) -> str:
    """`record`, one of the runs of `row` in `table`, as a whole HTML document.

    gallery: image id -> picture and references, where the record may not hold them. What is
    given is shown, so a card that is passed on is made without.
    """
    main = "\n".join(
        filter(
            None,
            [
                _headline(record, table, row),
                scores(record, table, row),
                samples(shown(record, gallery)),
                f'<div class="two">{_learning(record)}{_speed(record)}</div>',
                f'<div class="two">{_neighbours(record, table, row)}{_words(record)}</div>',
                _again(record),
                f'<div class="two">{_listed("Environment", facts.environment(record))}'
                f"{_listed('Where it came from', facts.provenance(record))}</div>",
            ],
        )
    )
    title = f"{' + '.join(row.parts)}, seed {record.seed}"
    style = text_of("page.css", "sample.css", "card.css")
    script = text_of("look.js", "card.js")
    return document("card.html", style=style, script=script, title=title, main=Markup(main))


def _headline(record: RunRecord, table: Table, row: Row) -> str:
    parts = "<i> + </i>".join(f"<bdi>{breakable(record.parts.get(part, ''))}</bdi>" for part in PARTS)
    notices = "".join(f'<p class="notice">{html(text)}</p>' for text in _notices(record, table, row))
    split = f", <bdi>{html(table.split)}</bdi>" if table.split else ""
    others = [run for run in row.runs if run is not record]
    seeds = ", ".join(_other(run) for run in others)
    seen = f" · other seeds: {seeds}" if seeds else ""
    return (
        f'<p class="source"><a href="../index.html#{table.anchor(row)}">Leaderboard</a> · '
        f"run <code>{html(record.id)}</code> · seed {html(record.seed)}{seen}</p>"
        f'<section class="title"><h1>{parts}</h1><p class="on">on <bdi>{breakable(table.dataset)}</bdi>{split}</p>'
        f"{notices}</section>"
    )


def _other(run: RunRecord) -> str:
    return _linked(run, html(run.seed))


def _linked(run: RunRecord, text: str) -> str:
    """`text`, which is HTML, as a link to the card of `run` where it has one."""
    name = name_of(run)
    return f'<a href="{name}">{text}</a>' if name else text


def _notices(record: RunRecord, table: Table, row: Row) -> Iterable[str]:
    yield from wording.notices(table)
    if "limit=" in record.dataset:
        yield "A sample of the data set: these scores do not compare with those of the whole one."
    for name in row.plugins:
        yield f"A part comes from the plug-in {clean(name)}."


def _learning(record: RunRecord) -> str:
    found = epochs(record)
    if not found:
        return ""
    rows = "".join(
        f"<tr{' class=first' if epoch.chosen else ''}>{''.join(f'<td>{text}</td>' for text in epoch.texts)}</tr>"
        for epoch in found
    )
    kept = next((f"Epoch {epoch.number} was kept: marked." for epoch in found if epoch.chosen), "")
    return (
        f'<section><h2>How it learnt</h2><p class="note">{kept} Validation captions are greedy and scored without the '
        "Penn Treebank tokenizer: compare them within this run alone.</p>"
        f'<div class="curves">{curves(found)}</div><details><summary>The same as figures</summary><table><thead><tr>'
        '<th scope="col">Epoch</th><th scope="col">Loss</th><th scope="col">Validation CIDEr × 100</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></details></section>"
    )


def _speed(record: RunRecord) -> str:
    rows = "".join(
        f'<tr><th scope="row">{rate.stage}<small>{rate.meaning}</small></th><td><b>{rate.rate}</b></td>'
        f"<td>{rate.spread}</td><td>{rate.batch}</td></tr>"
        for rate in facts.rates(record)
    )
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Stage", "Median", "Slowest to quickest", "Batch"))
    table = (
        f'{_scroll("Speeds")}<table class="speeds"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
    costs = _definitions(facts.costs(record))
    return f"<section><h2>Speed and size</h2>{table if rows else ''}{costs}</section>" if rows or costs else ""


def _neighbours(record: RunRecord, table: Table, row: Row) -> str:
    found = neighbours(table, row)
    if not found:
        return ""
    rows = ""
    for one in found:
        run = next((run for run in one.row.runs if run.seed == record.seed), one.row.runs[0])
        margin = "" if one.margin is None else f" ± {hundred(one.margin)}"
        rows += (
            f'<tr><td>{one.part}</td><th scope="row">{_linked(run, f"<bdi>{breakable(one.value)}</bdi>")}</th>'
            f"<td>{signed(one.gap)}{margin}</td><td>{one.verdict}</td></tr>"
        )
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Part", "In its place", "CIDEr", "That is"))
    return (
        '<section><h2>With one part swapped</h2><p class="note">Mean CIDEr of the entry that differs in this part '
        "alone, less that of this one, on the same images. Clear: beyond what is told apart when all pairs of the "
        f"table are looked at.</p>{_scroll('Entries with one part swapped')}"
        f'<table class="swaps"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></section>"
    )


def _words(record: RunRecord) -> str:
    return _listed("Its captions in numbers", facts.spoken(record))


def _again(record: RunRecord) -> str:
    needed = "".join(f" {html(text)}" for text in rerun.needed(record))
    limits = " ".join(map(html, facts.taught(record)))
    return (
        f'<section><h2>Use it, run it again</h2><p class="note">{limits}</p><div class="two"><div>'
        f"{_copied('Caption pictures of your own, in the folder that holds its run', rerun.caption(record))}"
        f"{_copied('Train it again and compare', rerun.reproduce(record))}"
        f'<p class="note">{needed}</p></div><details><summary>As a config, every setting written out</summary>'
        f"{_copied('Config', rerun.config(record))}</details></div></section>"
    )


def _copied(title: str, text: str) -> str:
    """`text`, in which records were cleaned line by line, with a button that copies it."""
    return (
        f'<div class="copied"><h3>{title}</h3><button type="button" class="js">Copy</button>'
        f'<pre tabindex="0" role="region" aria-label="{title}"><code>'
        f"{escape(text.rstrip(), quote=False)}</code></pre></div>"
    )


def _listed(title: str, found: list[tuple[str, str]]) -> str:
    return f"<section><h2>{title}</h2>{_definitions(found)}</section>" if found else ""


def _definitions(found: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<dt>{html(name)}</dt><dd>{breakable(said)}</dd>" for name, said in found)
    return f'<dl class="list">{items}</dl>' if items else ""


def _scroll(label: str) -> str:
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{label}">'
