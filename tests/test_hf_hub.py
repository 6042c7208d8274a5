"""Data sets of the Hub: pinned by a commit, read again without a network, and each refusal in one line."""

import json
import os
import subprocess
import sys

import pytest
from folders import drawn, parquet_folder
from hub_server import hub

from benchmarks.data.formats.splits import numbers
from benchmarks.data.hf import HuggingFace
from benchmarks.verification.rescore import RecordChecker
from registry import Spec

datasets = pytest.importorskip("datasets", reason="datasets is not installed: pip install 'caption-zoo[hf]'")

SCRIPT = """
import json, sys
from benchmarks.data.hf import HuggingFace
answers = []
for options in json.loads(sys.argv[1]):
    try:
        data = HuggingFace(**options)
        images = [*data.train, *data.validation, *data.test]
        colours = {image.image_id: data.load(image).getpixel((40, 30)) for image in images}
        answers.append([data.name, data.location, data.fingerprint, data.notes, sorted(colours.items())])
    except ValueError as error:
        answers.append(str(error))
print(json.dumps(answers))
"""
OFFLINE = {"HF_HUB_OFFLINE": "1"}.items()


@pytest.fixture
def served(tmp_path):
    with hub() as (server, address):
        yield server, address, tmp_path / "home"


@pytest.fixture
def ask(served, tmp_path):
    """What a process of its own makes of data sets, since the library reads its environment when imported."""

    def answer(*asked, environment=()):
        _, address, home = served
        variables = {
            "HF_ENDPOINT": address,
            "HF_HOME": str(home),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "NO_PROXY": "127.0.0.1",
        }
        said = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps(asked)],
            env={**os.environ, **variables, **dict(environment)}, cwd=tmp_path, capture_output=True, text=True, timeout=200,
        )  # fmt: skip
        assert said.stdout.count("\n") == 1, said.stderr
        return json.loads(said.stdout)

    return answer


def test_a_data_set_of_the_hub_is_pinned_and_read_again_without_it(served, ask, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    server, *_ = served
    folder, later = parquet_folder(tmp_path / "one"), parquet_folder(tmp_path / "two", train=16)
    commit = server.add("lab/squares", folder)
    server.add("lab/squares", folder, "v1")
    squares = {"path": "lab/squares"}
    ((name, location, fingerprint, notes, colours),) = ask(squares)
    assert (name, location, notes) == (f"lab/squares@{commit}", [], [])
    local = HuggingFace(path=str(folder))
    assert fingerprint == local.fingerprint
    images = [*local.train, *local.validation, *local.test]
    assert colours == sorted([image.image_id, list(local.load(image).getpixel((40, 30)))] for image in images)
    newest = server.add("lab/squares", later)
    pinned = [squares | {"revision": revision} for revision in (commit, "v1")]
    assert [found[0] for found in ask(squares, *pinned)] == [f"lab/squares@{newest}", name, name]
    requests = server.requests.total()
    latest, main, old, other = ask(
        squares | {"revision": newest}, squares | {"revision": "main"}, squares | {"revision": "v1"}, {"path": "other/name"},
        environment=OFFLINE,
    )  # fmt: skip
    assert latest[0] == main[0] == f"lab/squares@{newest}"
    assert latest[3] == [f"the Hub cannot be reached: lab/squares is read from the cache, commit {newest}"]
    assert old.startswith(
        f"the Hub cannot be reached, and the cache has commit {newest} of lab/squares, not 'v1': name"
    )
    assert other.startswith("cannot read 'other/name': Couldn't reach")
    assert server.requests.total() == requests
    assert server.tokens == {None}


def test_an_image_folder_of_the_hub_lies_in_its_cache(served, ask, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.png").write_bytes(drawn("red") + bytes([number]))
    rows = [json.dumps({"file_name": f"{n}.png", "caption": f"Number {n}."}) for n in range(30)]
    (folder / "metadata.jsonl").write_text("\n".join(rows))
    server, *_ = served
    server.add("lab/images", folder)
    (first,) = ask({"path": "lab/images"})
    assert isinstance(first, list), first
    assert [image for image, _ in first[4]] == sorted(numbers(f"{number}.png")[0] for number in range(30))
    assert ask({"path": "lab/images"}, environment=OFFLINE)[0][2] == first[2]


def test_refusals_of_the_hub_are_one_line_with_a_remedy(served, ask, tmp_path):
    server, *_ = served
    folder = parquet_folder(tmp_path / "one")
    server.add("lab/squares", folder)
    server.add("lab/gated", folder)
    server.refused["lab/gated"] = (401, "GatedRepo")
    (tmp_path / "scripted").mkdir()
    (tmp_path / "scripted" / "scripted.py").write_text("raise SystemExit('it ran')")
    server.add("lab/scripted", tmp_path / "scripted")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "README.md").write_text("nothing")
    server.add("lab/bare", tmp_path / "bare")
    refusals = [
        ({"path": "lab/nothing"}, "doesn't exist on the Hub or cannot be accessed: check its name"),
        ({"path": "lab/squares", "revision": "v9"}, "Revision 'v9' doesn't exist for dataset 'lab/squares' on the Hub: name"),
        ({"path": "lab/gated"}, "is a gated dataset on the Hub. You must be authenticated to access it: accept its terms"),
        ({"path": "lab/scripted"}, "scripted.py: the Hub may have it converted, revision='refs/convert/parquet'"),
        ({"path": "lab/squares", "config": "fr"}, "BuilderConfig 'fr' not found"),
        ({"path": "lab/bare"}, "cannot read 'lab/bare'"),
    ]  # fmt: skip
    for (_, expected), said in zip(refusals, ask(*(options for options, _ in refusals)), strict=True):
        assert expected in said
        assert "\n" not in said


def test_a_record_chooses_no_download():
    checker = RecordChecker()
    assert checker._allowed(Spec.parse("hf(path='lab/squares')")) is None
    given = Spec.parse("hf(path='lab/squares')")
    assert RecordChecker(given)._allowed(Spec.parse("hf(path='lab/squares', revision='v1')")) == given
