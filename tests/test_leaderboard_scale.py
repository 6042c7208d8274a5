"""Leaderboards of many records, and of a page that is being replaced: work in proportion, and nothing by halves."""

import os
import stat
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from records import FEW, record

from benchmarks.leaderboard import write
from benchmarks.leaderboard.card.neighbours import MOST, neighbours
from benchmarks.leaderboard.html.paths import name_of
from benchmarks.leaderboard.publish import published
from benchmarks.leaderboard.tables import bootstrap, rows
from benchmarks.leaderboard.tables.summary import summarise
from zoo.owner import Owner
from zoo.partial import partial_path


def work(runs, tmp_path, monkeypatch):
    """How many records were looked at to write the page of `runs`, and how large its largest card is."""
    looked: Counter[str] = Counter()
    each = rows._each

    def counted(runs, field, name):
        looked["records"] += len(list(runs))
        return each(runs, field, name)

    with monkeypatch.context() as patched:
        patched.setattr(rows, "_each", counted)
        files = write(runs, tmp_path / str(len(runs)))
    return looked["records"], max(file.stat().st_size for file in files if file.parent.name == "runs")


@pytest.mark.parametrize("many", ["seeds", "decoders"])
def test_work_grows_in_proportion_and_cards_do_not_grow(many, tmp_path, monkeypatch):
    def runs(count):
        if many == "seeds":
            return [record(seed=seed, images=2) for seed in range(count)]
        return [record(parts={"decoder": f"lstm(dim={at})"}, level=at / count, images=2) for at in range(1, count + 1)]

    (few, small), (twice, large) = (work(runs(count), tmp_path, monkeypatch) for count in (220, 440))
    assert twice < 2.2 * few
    assert large < 1.05 * small


def test_a_card_of_many_seeds_leads_to_the_next_ones_and_says_how_many_more_there_are(tmp_path):
    runs = [record(seed=seed, images=2) for seed in range(300)]
    write(runs, tmp_path)
    card = (tmp_path / "runs" / name_of(runs[200])).read_text()
    linked = [run.seed for run in runs if f'href="{name_of(run)}"' in card]
    assert linked == [*range(150, 200), *range(201, 251)]
    assert "and 199 more" in " ".join(card.split())


def test_the_best_of_many_neighbours_are_shown():
    runs = [record(parts={"decoder": f"lstm(dim={at})"}, level=at / 99, images=3) for at in range(10, 99)]
    (table,) = summarise(runs).tables
    own = table.rows[60]
    assert [each.row for each in neighbours(table, own)] == list(table.rows[:MOST])
    assert all(each.gap > 0 for each in neighbours(table, own))


def test_fewer_resamples_find_about_the_same_threshold(monkeypatch):
    scores = np.random.default_rng(3).gamma(2, 1, (60, 50))
    samples, _ = bootstrap._resample(scores, np.full(60, 0.05), 0)
    errors = bootstrap._errors(samples)
    whole = bootstrap._threshold(samples, errors)
    monkeypatch.setattr(bootstrap, "_MOST", 1)
    assert bootstrap._threshold(samples, errors) == pytest.approx(whole, rel=0.1)
    assert bootstrap._threshold(samples, errors) != whole


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("beside", [False, True])
def test_a_page_that_is_not_finished_leaves_the_old_one(beside, tmp_path):
    write(FEW, tmp_path / "page")
    if beside:
        (tmp_path / "page" / "notes.txt").write_text("mine")
    old = contents(tmp_path / "page")
    with pytest.raises(FileNotFoundError), published(tmp_path / "page") as new:
        (new / "none" / "index.html").write_text("half")
    assert contents(tmp_path / "page") == old
    assert names(tmp_path) == ["page"]
    if (killed := os.fork()) == 0:
        with published(tmp_path / "page") as new:
            (new / "index.html").write_text("half")
            os._exit(9)
    os.waitpid(killed, 0)
    assert {file: old[file] for file in old} == {
        file: text for file, text in contents(tmp_path / "page").items() if ".partial" not in str(file)
    }
    write(FEW[:2], tmp_path / "page")
    assert (tmp_path / "page" / "index.html").read_bytes() != old[
        next(file for file in old if file.name == "index.html")
    ]


def test_what_a_kill_left_is_removed_and_what_a_living_process_writes_is_not(tmp_path):
    living = partial_path(tmp_path / "page")
    machine, pid, start = Owner.this()
    dead = living.with_name(living.name.replace(f"{machine}-{pid}-{start}", f"{machine}-{pid}-{start - 1}"))
    for left in (living, dead):
        left.mkdir()
    write(FEW, tmp_path / "page")
    assert names(tmp_path) == [living.name, "page"]


def test_a_page_among_other_files_leaves_them_alone_and_removes_cards_of_runs_that_are_no_more(tmp_path):
    write(FEW, tmp_path)
    kept = {tmp_path / "notes.txt": "mine", tmp_path / "runs" / "my.html": "mine too"}
    for file, text in kept.items():
        file.write_text(text)
    files = write(FEW[:2], tmp_path)
    write(FEW[:2], tmp_path / "new")
    assert {file: file.read_text() for file in kept} == kept
    assert all(file.read_bytes() == (tmp_path / "new" / file.relative_to(tmp_path)).read_bytes() for file in files)
    assert not (tmp_path / "runs" / name_of(FEW[2])).exists()


@pytest.mark.parametrize("exchange", [True, False])
def test_a_page_is_there_at_every_step_of_replacing_it_and_keeps_its_mode(exchange, tmp_path, monkeypatch):
    page = tmp_path / "page"
    write(FEW, page)
    page.chmod(0o2775)
    if not exchange:
        monkeypatch.setattr("ctypes.CDLL", lambda name: None)
    seen, rename, replace = [], Path.rename, Path.replace

    def stopped(move):
        def moving(path, target):
            seen.append((page / "index.html").is_file())
            if len(seen) == 2:
                raise KeyboardInterrupt
            return move(path, target)

        return moving

    monkeypatch.setattr(Path, "rename", stopped(rename))
    monkeypatch.setattr(Path, "replace", stopped(replace))
    with nullcontext() if exchange else pytest.raises(KeyboardInterrupt):
        write(FEW[:2], page)
    assert seen == ([] if exchange else [True, True])
    monkeypatch.undo()
    write(FEW[:2], page)
    write(FEW[:2], tmp_path / "new")
    assert contents(page) == contents(tmp_path / "new")
    assert stat.S_IMODE(page.stat().st_mode) == 0o2775
    assert names(tmp_path) == ["new", "page"]


def test_a_record_that_changed_its_seed_still_has_one_card(tmp_path):
    twin = replace(FEW[0], weights="other")
    files = write([*FEW, twin], tmp_path)
    assert len(files) == len(set(files)) == 3 + len(FEW)
