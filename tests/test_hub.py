"""Captioners of the Hub: pushed, pinned by a commit, loaded without a network, and each refusal in one line."""

import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest
import torch
import yaml
from hub_server import hub
from huggingface_hub import constants, hf_hub_download
from PIL import Image
from records import record

import zoo
from benchmarks.cli.main import main
from zoo.hub import HubWarning
from zoo.hub.client import Repository
from zoo.pretrained import load_members, locate

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # huggingface_hub's own, in a push
PHOTO = Image.effect_noise((50, 40), 60).convert("RGB")
DECODING = {"num_beams": 2, "max_length": 3, "length_penalty": 0.0}


def model(seed=0):
    torch.manual_seed(seed)
    return zoo.create_model("patches(dim=8)", "mean", "lstm(dim=8)", vocabulary=[*"abcd"])


def offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A hub that this process takes for the one of Hugging Face, which reads its environment when it is imported."""
    with hub() as (server, address):
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
        server.writers.add("Bearer right")
        yield server


def publish(server, folder, name="lab/model", branch="main", made=None):
    (made or model()).save_pretrained(folder)
    return server.add(name, folder, branch)


def refusal(*arguments, **options):
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as error:
        zoo.from_pretrained(*arguments, **options)
    return str(error.value)


def test_what_was_pushed_is_loaded_again_and_named_by_its_commit(served, tmp_path):
    one, two = model(1), model(2)
    first = one.push_to_hub("lab/model", token="right")
    second = two.push_to_hub("lab/model", token="right")
    third = one.push_to_hub("lab/model", token="right", revision="trial")
    assert first.startswith("lab/model@")
    assert len({first, second, third}) == 3
    assert served.private == set()
    for source, expected, options in (
        (second, two, {}),
        (first, one, {"revision": first.partition("@")[2]}),
        (third, one, {"revision": "trial"}),
    ):
        loaded = zoo.from_pretrained("lab/model", **options)
        assert loaded.source == source
        assert loaded.state_dict().keys() == expected.state_dict().keys()
        assert all(torch.equal(value, expected.state_dict()[name]) for name, value in loaded.state_dict().items())
    assert zoo.from_pretrained(first).source == first
    members = load_members([locate(second), locate("lab/model@trial")])
    assert [member.source for member in members] == [second, third]
    two.push_to_hub("lab/other", token="right", private=True)
    one.push_to_hub("lab/other", token="right", private=True)
    assert served.private == {"lab/other"}
    assert one.source == ""
    one.save_pretrained(tmp_path / "model")
    assert zoo.from_pretrained(tmp_path / "model").source == str(tmp_path / "model")


def test_a_path_is_a_path_even_where_the_hub_has_that_name(served, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    publish(served, tmp_path / "remote")
    model().save_pretrained("lab/model")
    assert zoo.from_pretrained("lab/model").source == "lab/model"
    assert served.requests.total() == 0
    assert "there is a folder of that name" in refusal("lab/model", revision="main")
    assert refusal("lab/model@main") == "no folder 'lab/model@main'"
    assert "is another" in refusal("other/model@main", revision="v1")
    assert "models there are called ORG/NAME" in refusal("lab/model/x", revision="main")
    assert refusal(Path("lab/none")) == "no folder 'lab/none'"
    assert served.requests.total() == 0


def test_a_misspelt_run_is_not_asked_of_the_hub(served, tmp_path, monkeypatch, capsys):
    publish(served, tmp_path / "remote")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "right")
    (tmp_path / "lab").mkdir()
    assert main(["caption", "lab/model", "photo.jpg"]) == 2
    line = "no folder 'lab/model' in 'lab'; for the Hub's model of that name, give a revision: main"
    assert capsys.readouterr().err == f"caption-zoo: {line}\n"
    assert (served.requests.total(), served.tokens) == (0, set())
    assert zoo.from_pretrained("lab/model", revision="main").source.startswith("lab/model@")


def test_a_commit_that_was_fetched_needs_no_network(served, tmp_path):
    commit = publish(served, tmp_path / "one")
    zoo.from_pretrained("lab/model")
    before = served.requests.total()
    assert zoo.from_pretrained("lab/model", revision=commit).source == f"lab/model@{commit}"
    assert served.requests.total() == before
    newer = publish(served, tmp_path / "two", made=model(3))
    assert zoo.from_pretrained("lab/model", local_files_only=True).source == f"lab/model@{commit}"
    assert served.requests.total() == before
    assert zoo.from_pretrained("lab/model").source == f"lab/model@{newer}"


def test_offline_the_cache_is_all_there_is(served, tmp_path, monkeypatch):
    commit = publish(served, tmp_path / "one")
    publish(served, tmp_path / "two", branch="v2", made=model(3))
    zoo.from_pretrained("lab/model", cache_dir=tmp_path / "own")
    offline(monkeypatch)
    before = served.requests.total()
    assert zoo.from_pretrained("lab/model", cache_dir=tmp_path / "own").source == f"lab/model@{commit}"
    assert "the cache has no config.json of lab/model@main, and no request goes to the Hub" in refusal("lab/model")
    assert "of lab/model@v2" in refusal("lab/model", revision="v2", cache_dir=tmp_path / "own")
    with pytest.raises(ValueError, match="the Hub cannot be reached for lab/new"):
        model().push_to_hub("lab/new")
    assert served.requests.total() == before


def test_a_cache_that_another_program_has_filled_will_do(served, tmp_path):
    commit = publish(served, tmp_path / "one")
    for file in ("config.json", "model.safetensors"):
        hf_hub_download("lab/model", file)
    served.refused["lab/model/request.json"] = (503, "")
    for options in ({"local_files_only": True}, {}):
        with pytest.warns(HubWarning, match=r"(request\.json|\(503).*; captions are searched by the defaults"):
            assert zoo.from_pretrained("lab/model", **options).source == f"lab/model@{commit}"


@pytest.mark.parametrize("status", [429, 503])
def test_a_request_that_the_hub_cannot_give_is_no_request_that_it_has_not(served, tmp_path, status):
    publish(served, tmp_path / "one")
    served.refused["lab/model/request.json"] = (status, "")
    assert f"the Hub cannot give lab/model at the moment ({status}" in refusal("lab/model")
    served.refused.clear()
    zoo.from_pretrained("lab/model")


def test_weights_that_would_come_from_elsewhere_are_refused(served, tmp_path):
    folder = tmp_path / "one"
    commit = publish(served, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"backbone_stored": False}))
    line = f"lab/model@{commit} lacks the weights of its backbone: publish the run with caption-zoo push"
    assert refusal("lab/model") == line
    assert set(served.files) == {"config.json"}


def test_a_hub_out_of_reach_is_told_at_once_and_the_cache_is_taken_with_a_warning(served, tmp_path, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    commit = publish(served, tmp_path / "one")
    zoo.from_pretrained("lab/model")
    served.refused["lab/model"] = served.refused["lab/new"] = (503, "")
    assert "no folder 'lab/new', and the Hub cannot give lab/new at the moment (503" in refusal("lab/new")
    with pytest.warns(HubWarning, match=f"its cache has commit {commit}"):
        assert zoo.from_pretrained("lab/model").source == f"lab/model@{commit}"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address)
        assert "check the network, or HF_ENDPOINT" in refusal("lab/new")
        with pytest.warns(HubWarning, match=f"its cache has commit {commit}"):
            zoo.from_pretrained("lab/model")
    assert waits == []


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        ((404, "RepoNotFound"), "the Hub has no model 'lab/model', or not for everybody: check its name; a private one takes: hf auth login"),
        ((401, "RepoNotFound"), "the Hub has no model 'lab/model'"),
        ((403, "GatedRepo"), "lab/model is gated: accept its terms at http://127.0.0.1"),
        ((401, ""), "the Hub takes no such token, or asks for one (401"),
        ((403, ""), "the Hub refuses lab/model to the token in use (403"),
        ((429, ""), "at the moment (429"),
        ((418, ""), "the Hub refuses lab/model (418"),
    ],
)  # fmt: skip
def test_each_refusal_names_the_model_and_the_remedy(served, answer, line):
    served.refused["lab/model"] = answer
    assert line in refusal("lab/model")


def test_what_is_missing_or_misnamed_is_told(served, tmp_path):
    publish(served, tmp_path / "one")
    assert "lab/model has no revision 'v9': name a branch" in refusal("lab/model", revision="v9")
    for revision in ("../../x", "/etc/passwd", "a/../b", "", "a b"):
        assert "is no branch, tag or commit" in refusal("lab/model", revision=revision)
    for name in ("../model", "lab/..", "lab/a--b"):
        before = served.requests.total()
        refusal(name)
        assert served.requests.total() == before
    for name in ("model", "a/b/c", "lab/mo del", "lab/\n"):
        with pytest.raises(ValueError, match="no name of a model"):
            Repository(name)
    (tmp_path / "one" / "model.safetensors").unlink()
    served.add("lab/bare", tmp_path / "one")
    assert refusal("lab/bare").endswith("has no model.safetensors")
    (tmp_path / "empty").mkdir()
    served.add("lab/empty", tmp_path / "empty")
    for options in ({}, {}, {"local_files_only": True}):
        assert refusal("lab/empty", **options) == "no folder 'lab/empty', and lab/empty@main has no config.json"
    publish(served, tmp_path / "filled", "lab/empty")
    assert zoo.from_pretrained("lab/empty").source.startswith("lab/empty@")


class Harm:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def test_nothing_of_a_repository_runs_and_no_other_file_is_fetched(served, tmp_path):
    folder = tmp_path / "one"
    publish(served, folder)
    for name in ("pytorch_model.bin", "optimizer.pt"):
        (folder / name).write_bytes(pickle.dumps(Harm(tmp_path / "ran")))
    (folder / "modeling.py").write_text(f"import os; os.mkdir({str(tmp_path / 'ran')!r})")
    zoo.from_pretrained("lab/model")
    assert set(served.files) == {"config.json", "request.json", "model.safetensors"}
    (folder / "model.safetensors").write_bytes(pickle.dumps(Harm(tmp_path / "ran")))
    shutil.copytree(folder, tmp_path / "pickled")
    served.add("lab/pickled", tmp_path / "pickled")
    assert refusal("lab/pickled").startswith("no captioner in 'lab/pickled@")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"format": None}, "its config.json is not of caption-zoo"),
        ({"format": 1}, "train it again"),
        ({"parts": {"backbone": "patches(dim=8)", "attention": "gaussian", "decoder": "lstm"}}, "needs a part that is not here: no attention 'gaussian'"),
        ({"parts": {"backbone": "../../evil", "attention": "mean", "decoder": "lstm"}}, "evil"),
        ({"parts": {"backbone": "timm/test_vit(weights='../../mine.pth')", "attention": "mean", "decoder": "lstm"}}, "its parts name a file elsewhere"),
        ({"parts": {"backbone": "patches(dim=8)", "attention": "os.system", "decoder": "lstm"}}, "cannot read component 'os.system'"),
        ({"vocabulary": "../../etc/passwd"}, "a vocabulary starts with"),
        ({"vocabulary": [["a"]]}, "TypeError"),
    ],
)  # fmt: skip
def test_a_config_that_is_not_ours_is_refused_before_any_weights(served, tmp_path, change, line):
    folder = tmp_path / "one"
    commit = publish(served, folder)
    config = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    found = refusal("lab/model")
    assert line in found
    assert f"lab/model@{commit}" in found
    assert str(tmp_path) not in found
    assert set(served.files) == {"config.json"}


def test_a_huge_config_is_not_fetched(served, tmp_path):
    publish(served, tmp_path / "one")
    served.sizes["config.json"] = 2**40
    assert "config.json of lab/model@main has 1,099,511,627,776 bytes, and may have 67,108,864" in refusal("lab/model")
    assert served.requests["GET"] == 0


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"size": None}, "config.json of lab/model@main has an unknown number of bytes, and may have 67,108,864"),
        ({"etag": "0" * 40}, "the Hub names no SHA-256 of model.safetensors of lab/model@"),
    ],
)
def test_what_the_hub_does_not_tell_of_a_file_is_not_taken_on_trust(served, tmp_path, monkeypatch, change, line):
    tell = huggingface_hub.get_hf_file_metadata
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", lambda *a, **k: replace(tell(*a, **k), **change))
    publish(served, tmp_path / "one")
    assert line in refusal("lab/model")
    assert "the cache has no model.safetensors" in refusal("lab/model", local_files_only=True) or "size" in change


def test_weights_that_are_damaged_are_refused_and_fetched_anew(served, tmp_path):
    commit = publish(served, tmp_path / "one")
    weights = (tmp_path / "one" / "model.safetensors").read_bytes()
    served.sent["model.safetensors"] = weights[:-1] + bytes([weights[-1] ^ 1])
    assert f"model.safetensors of lab/model@{commit} came with another hash" in refusal("lab/model")
    assert "the cache has no model.safetensors" in refusal("lab/model", local_files_only=True)
    served.sent.clear()
    assert zoo.from_pretrained("lab/model").source == f"lab/model@{commit}"
    (tmp_path / "cut").mkdir()
    shutil.copy(tmp_path / "one" / "config.json", tmp_path / "cut")
    (tmp_path / "cut" / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    commit = served.add("lab/cut", tmp_path / "cut")
    assert refusal("lab/cut").startswith(f"no captioner in 'lab/cut@{commit}'")
    served.sent["model.safetensors"] = weights[: len(weights) // 2]
    publish(served, tmp_path / "three", "lab/short", made=model(5))
    assert "lab/short" in refusal("lab/short")


def test_the_command_pushes_a_run_with_its_card_and_captions_with_what_it_pushed(served, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "right")
    run, made = tmp_path / "run", model()
    made.save_pretrained(run)
    record(parts=made.parts.as_dict()).save(run)
    (run / "request.json").write_text(json.dumps({"decoding": DECODING}))
    PHOTO.save(tmp_path / "photo.png")
    assert main(["push", str(run), "lab/model", "--license", "apache-2.0", "--revision", "v1"]) == 0
    source = capsys.readouterr().out.strip()
    commit = source.removeprefix("lab/model@")
    folder = served.commits[commit]
    assert {file.name for file in folder.iterdir()} == {"README.md", "config.json", "model.safetensors", "request.json"}
    card = (folder / "README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "apache-2.0"
    assert "caption-zoo" in front["tags"]
    assert front["model-index"][0]["results"]
    assert 'zoo.from_pretrained("lab/model")' in card
    assert "caption-zoo caption lab/model photo.jpg" in card
    photo = str(tmp_path / "photo.png")
    expected = f"{photo}\t{made.caption([PHOTO], **DECODING)[0]}\n"
    for _ in ("fetched", "offline"):
        assert main(["caption", "lab/model", photo, "--revision", "v1"]) == 0
        assert capsys.readouterr().out == expected
        offline(monkeypatch)
    assert main(["export", "lab/model", "--revision", commit, "--out", str(tmp_path / "out")]) == 0
    assert zoo.from_pretrained(tmp_path / "out").caption([PHOTO]) == made.caption([PHOTO])


def test_a_push_that_the_hub_refuses_is_one_line_before_anything_is_written(served, tmp_path, capsys, monkeypatch):
    made = model()
    monkeypatch.setattr(type(made), "write", lambda *_: pytest.fail("it was written"))
    with pytest.raises(ValueError, match=r"asks for one \(401"):
        made.push_to_hub("lab/model")
    with pytest.raises(ValueError, match=r"\Athe Hub refuses lab/model to the token in use \(403.*hf auth login"):
        made.push_to_hub("lab/model", token="wrong")
    for name in ("model", "a/b/c"):
        with pytest.raises(ValueError, match="they are ORG/NAME"):
            made.push_to_hub(name, token="right")
    assert served.repositories == {}
    assert main(["push", str(tmp_path), "lab/model"]) == 2
    assert capsys.readouterr().err == f"caption-zoo: no captioner in '{tmp_path}': it has no config.json\n"


def test_what_is_to_be_private_is_not_pushed_into_a_public_repository(served):
    made = model()
    made.push_to_hub("lab/model", token="right")
    before = dict(served.commits)
    with pytest.raises(
        ValueError, match=r"\Alab/model is public: make it private at http://127.*/lab/model/settings, or"
    ):
        made.push_to_hub("lab/model", token="right", private=True, revision="trial")
    assert served.commits == before
    assert "trial" not in served.repositories["lab/model"]


def test_a_warning_of_the_hub_is_one_line_of_the_command(served, tmp_path, capsys):
    publish(served, tmp_path / "one")
    zoo.from_pretrained("lab/model")
    served.refused["lab/model"] = (500, "")
    PHOTO.save(tmp_path / "photo.png")
    assert main(["caption", "lab/model", str(tmp_path / "photo.png")]) == 0
    err = capsys.readouterr().err
    assert err.count("caption-zoo: warning: the Hub cannot give lab/model") == 1


def test_importing_needs_no_client_and_the_environment_is_heeded(served, tmp_path):
    commit = publish(served, tmp_path / "one")
    code = """if True:
        import sys, zoo
        from zoo.hub.client import Repository
        assert "huggingface_hub" not in sys.modules
        print(Repository("lab/model").fetch("config.json"))
        assert "torch" not in sys.modules
    """
    environment = {
        **os.environ, "HF_ENDPOINT": constants.ENDPOINT, "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1", "PYTHONPATH": os.pathsep.join(sys.path),
    }  # fmt: skip
    for more in ({}, {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment | more,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode == 0, done.stderr
        assert Path(done.stdout.strip()).parts[-2:] == (commit, "config.json")
