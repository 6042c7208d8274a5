"""METEOR with a table of paraphrases cut for its references: the same digits, whatever a caption says."""

import gzip
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.metrics.java import paraphrases
from benchmarks.metrics.meteor import Engine, Meteor

REFERENCES = [
    ["a man rides a horse on the beach", "the t-shirt of u.s. make is n't red", "two people near the water"],
    ["caf\u00e9 tables by the road 1,000 o'clock", "a lot of cars in front of a building", "\u212aids play ball"],
    ["a small child with a big dog", "some-body in order to eat food", "ex-wife 's blue car ... and the house"],
]
ALL = frozenset(each for said in REFERENCES for each in said)


@pytest.fixture(scope="module")
def pairs():
    """A sixth of the full table's pairs, from all over it."""
    lines = gzip.decompress(paraphrases.full().read_bytes()).split(b"\n")
    return list(zip(lines[1::18], lines[2::18], strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def table(folder):
    return paraphrases.cached_table(ALL, folder)


@pytest.fixture(scope="module")
def engines(table):
    """METEOR with the whole table, and with the one that was cut."""
    both = Engine(), Engine()
    for engine, needed in zip(both, (paraphrases.full(), table), strict=True):
        engine._restart(needed, ALL)
    yield both
    for engine in both:
        engine.kill()


def sentences(pairs, number):
    """References with phrases replaced by what the table has for them, either way, and with words from anywhere."""
    chance = random.Random(4)
    chosen = [
        (said, old.decode(), new.decode())
        for one, other in pairs
        for old, new in ((one, other), (other, one))
        for said in (chance.choice(REFERENCES[0] + REFERENCES[1] + REFERENCES[2]),)
        if b" " + old + b" " in b" " + said.encode() + b" "
    ]
    words = [word for one, _ in chance.sample(pairs, 300) for word in one.decode().split()]
    for said, old, new in chance.sample(chosen, number):
        changed = f" {said} ".replace(f" {old} ", f" {new} ").split()
        for place in chance.sample(range(len(changed)), len(changed) // 3):
            changed.insert(place, chance.choice(words) if chance.random() < 0.5 else "qzx")
        yield " ".join(changed)


def answers(engine, captions, references):
    lines = [" ||| ".join(["SCORE", *said, caption]) for caption in captions for said in references]
    return engine._process.request(lines, len(lines))


def test_the_same_digits_whatever_is_said(engines, pairs):
    captions = list(sentences(pairs, 150))
    captions += ["tshirt of us make", "the us", "cafe tables", "k ids", "kids play", "1 000 o clock", "", "1000"]
    full, cut = (answers(engine, captions, REFERENCES) for engine in engines)
    assert cut == full


def test_most_of_the_table_goes_and_what_stands_in_a_reference_stays(table, pairs):
    kept = gzip.decompress(table.read_bytes()).split(b"\n")
    kept = set(zip(kept[4::3], kept[5::3], strict=False))
    assert 0 < len(kept) < 3 * len(pairs)  # of six times as many
    plain = [said.encode() for said in ALL if said.isascii()]
    for pair in random.Random(1).sample(pairs, 20_000):
        if any(b" " + phrase + b" " in b" " + said + b" " for phrase in pair for said in plain):
            assert pair in kept, pair


def test_no_phrase_is_longer_than_the_limits(pairs):
    one, other = (b"\n".join(phrases) for phrases in zip(*pairs, strict=True))
    every = one + b"\n" + other
    others = bytes(set(range(256)) - set(paraphrases._COUNTED + b"\n"))
    assert max(map(len, every.translate(None, others).split(b"\n"))) <= paraphrases.LETTERS
    gaps = every.translate(None, bytes(set(range(256)) - set(b" \n")))
    assert max(map(len, gaps.split(b"\n"))) + 1 <= paraphrases.LONGEST


def test_a_table_that_misses_what_a_reference_needs_is_caught(engines, table, folder, pairs):
    """The planted mistake: every second pair of the table is lost."""
    lines = gzip.decompress(table.read_bytes()).split(b"\n")[:-1]
    lost = folder / "lost.gz"
    lost.write_bytes(
        gzip.compress(b"".join(b"\n%b\n%b\n" % pair for pair in zip(lines[1::6], lines[2::6], strict=False)))
    )
    other = Engine()
    other._restart(lost, ALL)
    captions = list(sentences(pairs, 60))
    full, cut = (answers(engine, captions, REFERENCES) for engine in (engines[0], other))
    other.kill()
    assert cut != full


@pytest.fixture
def little(tmp_path, monkeypatch):
    """A table of three pairs, in the place of the full one."""
    content = b"0.1\na dog\none hound\n0.2\nthe us\nu s\n0.3\nno\nnever\n"
    (tmp_path / "full.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(paraphrases, "full", lambda: tmp_path / "full.gz")
    return tmp_path / "cache"


def phrases(table):
    return gzip.decompress(table.read_bytes()).split(b"\n")[3:-1]


def test_other_references_have_another_table(little):
    dogs = paraphrases.cached_table(["a dog runs", "a u.s. flag"], little)
    assert phrases(dogs) == [b"", b"a dog", b"one hound", b"", b"the us", b"u s"]
    assert paraphrases.cached_table(["a u.s. flag", "a dog runs"], little) == dogs
    nothing = paraphrases.cached_table(["a cat"], little)
    assert nothing != dogs
    assert phrases(nothing) == []


def test_a_damaged_table_is_made_again(little):
    table = paraphrases.cached_table(["a dog runs"], little)
    right = table.read_bytes()
    other = paraphrases.cached_table(["never"], little).read_bytes()
    for damaged in (b"", right[:-3], right[:40], b"x" + right, gzip.compress(b"\n\n\n"), other):
        table.write_bytes(damaged)
        assert paraphrases.cached_table(["a dog runs"], little) == table
        assert table.read_bytes() == right
    assert not list(table.parent.glob("*.partial"))


def test_it_is_the_same_file_whenever_it_is_made(little, monkeypatch):
    table = paraphrases.cached_table(["a dog runs"], little)
    right = table.read_bytes()
    table.unlink()
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert paraphrases.cached_table(["a dog runs"], little).read_bytes() == right


def test_it_is_made_elsewhere_where_a_folder_takes_nothing(little, tmp_path):
    (tmp_path / "file").touch()
    table = paraphrases.cached_table(["a dog"], tmp_path / "file", little)
    assert table.is_relative_to(little)
    assert paraphrases.cached_table(["a dog"], tmp_path / "file", little) == table
    with pytest.raises(OSError, match="file"):
        paraphrases.cached_table(["a dog"], tmp_path / "file")


def test_phrases_are_found_wherever_a_table_is_parted(tmp_path, monkeypatch):
    """In the middle of a line, too; the table ends without leaving a pair out."""
    pairs = [(f"{word} dog", f"number {place}") for place, word in enumerate(["a", "no", "the", "qzx"] * 3000)]
    text = "".join(f"0.{place}\n{one}\n{other}\n" for place, (one, other) in enumerate(pairs))
    (tmp_path / "full.gz").write_bytes(gzip.compress(text.encode()))
    monkeypatch.setattr(paraphrases, "full", lambda: tmp_path / "full.gz")
    monkeypatch.setattr(paraphrases, "_CHUNK", 1000)
    found = phrases(paraphrases.cached_table(["a dog runs", "it's the number 7"], tmp_path))
    expected = [pair for pair in pairs if pair[0] == "a dog" or pair[1] == "number 7"]
    assert found == [line.encode() for pair in expected for line in ("", *pair)]
    assert len(expected) == 3001


def test_a_part_of_the_references_needs_no_other_meteor(little, monkeypatch):
    monkeypatch.setattr("benchmarks.metrics.java.lines.LineProcess.request", lambda *_: [])
    monkeypatch.setattr("benchmarks.metrics.java.lines.LineProcess.runs", True)
    engine, started = Engine(), []
    restart = engine._restart
    monkeypatch.setattr(engine, "_restart", lambda *now: (started.append(now), restart(*now))[1])
    for said in (["a dog", "no"], ["no"], ["a dog", "no"], ["a cat"], ["no"]):
        engine.prepare([said], little)
    assert [sorted(said) for _, said in started] == [["a dog", "no"], ["a cat"], ["no"]]


def test_where_nothing_can_be_kept_the_same_digits_come_and_nothing_stays(little, tmp_path, monkeypatch):
    passing = tmp_path / "passing"
    passing.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(passing))
    (tmp_path / "file").touch()
    alive, lost = Engine(), Engine()
    alive.prepare([["a dog runs"]], little)
    lost.prepare([["a dog runs"]], tmp_path / "file")
    said, lines = ["one hound runs"], Meteor().prepare_references([["a dog runs"]])
    assert lost.score(said, lines) == alive.score(said, lines)
    assert lost.score(said, lines)[0] > Engine().score(said, Meteor().prepare_references([["a cat"]]))[0]
    alive.kill(), lost.kill()
    assert list((little / "paraphrases").iterdir())
    assert not list(passing.iterdir())


def test_two_processes_make_the_same_table(tmp_path):
    code = (
        "import sys; from pathlib import Path; from benchmarks.metrics.java import paraphrases as p\n"
        "p.full = lambda: Path(sys.argv[1])\nprint(p.cached_table(['a dog'], Path(sys.argv[2])))"
    )
    (tmp_path / "full.gz").write_bytes(gzip.compress(b"0\na dog\nhound\n" * 50_000))
    command = [sys.executable, "-c", code, str(tmp_path / "full.gz"), str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    one, other = (process.communicate(timeout=60)[0].strip() for process in both)
    assert one == other
    assert len(phrases(Path(one))) == 150_000
    assert len(list((tmp_path / "paraphrases").iterdir())) == 1
