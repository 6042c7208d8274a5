"""The figures of the README, and of the page on pretrained models, are those of the records that come with the project."""

import re
from pathlib import Path

import pytest

import zoo
from benchmarks.leaderboard.tables.columns import columns
from benchmarks.leaderboard.tables.formatting import span
from benchmarks.leaderboard.tables.summary import summarise
from benchmarks.records.record import RunRecord, records

ROOT = Path(__file__).parents[1]
RESULTS = (ROOT / "README.md").read_text().partition("\n## Results\n")[2].partition("\n## ")[0]


PRETRAINED = ROOT / "docs" / "pretrained.md"


@pytest.fixture(scope="module")
def tables():
    return summarise(records(ROOT / "docs" / "leaderboard")).tables


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_each_line_of_its_table_is_an_entry(tables):
    (_, *titles), _, *lines = (cells(line) for line in RESULTS.splitlines() if line.startswith("|"))
    assert len(lines) == 6
    (table,) = [table for table in tables if table.dataset.startswith("scenes(test=400,")]
    entries = {}
    for row in table.rows:
        by_title = {column.title: column.text(row) for column in columns(table)}
        parts = tuple(part.partition("(")[0] for part in row.parts[1:])
        entries[parts] = [by_title[title] for title in titles]
        assert len(row.runs) == 3
    for parts, *shown in lines:
        found = entries[tuple(re.findall(r"`(\w+)`", parts))]
        if "`mean`" in parts:  # which weighs all places alike, so that its pointing is of nothing
            assert (titles[-1], shown[-1]) == ("pointing", "-")
            found, shown = found[:-1], shown[:-1]
        assert shown == found


def test_the_figures_of_its_sentences_are_those_of_the_entries_that_they_name(tables):
    text = " ".join(RESULTS.split())
    (scenes,) = [table for table in tables if table.dataset.startswith("scenes(test=400,")]
    photographs, backbones = [table for table in tables if table.dataset.startswith("coco(")]

    def shown(table, title, *parts, ensemble=0, distilled=False):
        """What the entry has in that column, and its interval."""
        (row,) = [
            row
            for row in table.rows
            if tuple(part.partition("(")[0] for part in row.parts[1:]) == parts
            and (row.ensemble, bool(row.objective)) == (ensemble, distilled)
        ]
        (column,) = [column for column in columns(table) if column.title == title]
        standing = table.standing(row)
        return column.text(row), span(standing.low, standing.high)

    def cider(table, *parts, **kind):
        return shown(table, "CIDEr", *parts, **kind)

    best = ("bahdanau", "lstm")
    single, one = cider(photographs, *best)
    ensemble, several = cider(photographs, *best, ensemble=3)
    distilled, student = cider(photographs, *best, distilled=True)
    combinations = [row for row in photographs.rows if not row.members and not row.objective]
    first = sum(photographs.standing(row).first == 1 for row in combinations)
    networks = {row.parts[0]: row for row in backbones.rows}
    means = {name: row.mean("scores", "CIDEr") for name, row in networks.items()}
    for name in (name for name in means if "trainable=2" in name):
        assert means[name] < means[name.replace(", trainable=2", "").replace("(trainable=2)", "")]
    joint, alone = backbones.rows[:2]
    assert backbones.standing(alone).first == 1
    cells_of = {column.title: column.text for column in columns(backbones)}
    for sentence in (
        f"three EfficientNet-Lites side by side have {cells_of['CIDEr'](joint)} and {cells_of['Speed'](joint)} images a second, "
        f"and the best one alone {cells_of['CIDEr'](alone)} and {cells_of['Speed'](alone)}, which ties;",
        f"one that learns from scratch has {cells_of['CIDEr'](networks['patches(dim=128, image_size=224)'])}.",
        f"Of the {len(combinations)} combinations of `coco-attentions` and `coco-decoders` on the same features, "
        f"three seeds each, {first} tie for first, `mean` among them",
        f"from {cider(scenes, 'bahdanau', 'gru')[0]} for `gru` to {cider(scenes, 'bahdanau', 'adaptive')[0]} for `adaptive`",
        f"`multihead` + `top_down` has a CIDEr of {cider(scenes, 'multihead', 'top_down')[0]} "
        f"and a pointing of {shown(scenes, 'pointing', 'multihead', 'top_down')[0]}.",
        f"{shown(scenes, 'pointing, chance', *best)[0]} is chance",
        f"has a CIDEr of {single} on 347 others (95 % interval {one}), the ensemble of its three seeds {ensemble} ({several}), "
        f"and one model that learned from the ensemble {distilled} ({student});",
        f"`multihead` + `att2in`, with {cider(photographs, 'multihead', 'att2in')[0]}.",
    ):
        assert sentence in text


def test_each_pretrained_model_has_its_figures():
    lines = [cells(line) for line in PRETRAINED.read_text().splitlines() if line.startswith("| `coco_")]
    models = {line[0].split("`")[1]: line[2:] for line in lines}
    assert list(models) == zoo.list_pretrained()
    for name, (size, *shown) in models.items():
        folder = ROOT / "zoo" / "models" / name
        scores = RunRecord.load(folder).scores
        assert shown == [f"{100 * scores[score]:.1f}" for score in ("CIDEr", "Bleu_4", "METEOR")]
        assert size == f"{(folder / 'model.safetensors').stat().st_size / 1e6:.1f} MB"
