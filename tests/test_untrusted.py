"""Files that may come from anyone, attacked: each is read or refused in one line, soon, in little memory, and runs no code."""

import copy
import functools
import json
import os
import pickle
import random
import resource
import signal
import struct
import subprocess
import sys
import zipfile
from contextlib import contextmanager
from dataclasses import fields
from itertools import chain, product
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutants import attacks, mutants
from PIL import Image
from records import record
from safetensors.torch import save as tensors_to_bytes
from sandbox import calls_here
from torch import nn

from benchmarks.cli.main import main
from benchmarks.config import Decoding, Training
from benchmarks.data.formats import content
from benchmarks.data.formats.coco_json import read_captions, read_results
from benchmarks.data.formats.coco_rows import read_coco_rows
from benchmarks.data.formats.references import read_references
from benchmarks.data.formats.rows import read_rows
from benchmarks.leaderboard import write
from benchmarks.records.record import RunRecord
from benchmarks.records.request import read_decoding
from benchmarks.training.checkpoints import Checkpoints
from registry import RegistryError, Spec, load_plugin
from zoo import checkpoint, create_model
from zoo.backbones import RANDOM, weights
from zoo.backbones.patches import Patches
from zoo.pictures import open_picture

ROOT = Path(__file__).parents[1]
FUZZ = settings(derandomize=True, database=None, suppress_health_check=list(HealthCheck))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module", autouse=True)
def _calls_here():
    with calls_here():
        yield


@contextmanager
def no_waiting(seconds=5):
    """A call that waits, for a pipe perhaps, ends."""

    def late(*_):
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def end_of(call, *arguments):
    """How a call ends: "read", or the line that refuses."""
    try:
        call(*arguments)
    except (ValueError, OSError) as error:
        why = str(error)
    else:
        why = "read"
    assert "\n" not in why
    return why


CHILD = """
import resource, sys
from pathlib import Path
from benchmarks.inference.image_files import read
read(sys.argv[1], lambda picture: picture)
resource.setrlimit(resource.RLIMIT_DATA, (2**29, 2**29))
for file in sorted(Path(sys.argv[2]).iterdir()):
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = read(str(file), lambda picture: picture)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert not isinstance(found, str) or ("\\n" not in found and len(found) < 400), (file, found)
    assert after.ru_utime - before.ru_utime < 2, file
    print(isinstance(found, str), file.name)
"""


def read_in_a_child(folder, files):
    """Names of files -> whether each is refused, by a process of 512 MiB that gives each two seconds of its own."""
    hostile = folder / "hostile"
    hostile.mkdir()
    for name, body in files:
        (hostile / name).write_bytes(body)
    for name, target in (
        ("loop", "loop.jpg"),
        ("nowhere", "none"),
        ("zeros", "/dev/zero"),
        ("memory", "/proc/self/mem"),
    ):
        (hostile / f"{name}.jpg").symlink_to(target)
    os.mkfifo(hostile / "pipe.jpg")
    (hostile / "folder.jpg").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "sound.png")
    words = [sys.executable, "-W", "error", "-c", CHILD, folder / "sound.png", hostile]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout[-200:] + done.stderr[-2000:]
    assert not [
        line for line in done.stderr.splitlines() if "Traceback" in line or "Warning" in line
    ]  # libtiff has its own
    return {name: refused == "True" for refused, _, name in (line.partition(" ") for line in done.stdout.splitlines())}


def test_no_image_takes_more_than_its_time_and_memory(tmp_path):
    ends = read_in_a_child(tmp_path, chain(mutants(15), attacks()))
    assert {name for name, refused in ends.items() if not refused and " " not in name} == {"frames.gif"}
    assert 300 < sum(ends.values()) < len(ends) - 100


@pytest.mark.chaos
def test_no_image_of_thousands_takes_more_than_its_time_and_memory(tmp_path):
    assert len(read_in_a_child(tmp_path, mutants(300))) > 6000


def test_on_white_in_bands_it_is_the_picture_that_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr("zoo.pictures._BAND", 500)
    dice = random.Random(0)
    for mode in ("RGBA", "LA"):
        picture = Image.frombytes("RGBA", (70, 33), dice.randbytes(70 * 33 * 4)).convert(mode)
        opaque = picture.convert("RGBA")
        white = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque).convert("RGB")
        picture.save(tmp_path / "a.png")
        assert open_picture(tmp_path / "a.png").tobytes() == white.tobytes()


SPECS = (
    "timm/resnet50(pretrained=False)",
    "coco(root='a b', split='karpathy')",
    "f(x=[1, (2,), 'a'], y=None)",
    "a/b-c.d(x=1.5e3)",
)
LONG = [f"f(x={opening * number}{closing * number})" for opening, closing in ("[]", ("-", "")) for number in (30, 199, 5000)]  # fmt: skip
LONG += [
    "f(x=1" + "+1" * 10**6 + ")",
    "f(x=" + "9" * 10**6 + ")",
    "f(x=0x" + "f" * 4000 + ")",
    "f(x=[" + "1," * 10**6 + "])",
]
ODD = [
    "f(x=1e999)",
    "f(x=-1e999)",
    "f(x={1, 2})",
    "f(x=set())",
    "f(x=b'a')",
    r"f(x='C:\data\pics')",
    "f(x=1j)",
    "f(x=...)",
    "f(x={'a': 1})",
    "f/b\ud800",
    "f/b\u202e",
]
SIGNS = "fx=(),[]{}'\"1e.-+/ \\#:_jbr*%\n\t"


def spelled(value):
    """That a Spec is refused in one short line, or what it says is read back as the same."""
    why, spec = "", None
    try:
        spec = Spec.parse(value)
    except RegistryError as error:
        why = str(error)
    assert "\n" not in why
    assert len(why) < 1500
    if spec is None:
        return False
    text = str(spec)
    assert Spec.parse(text) == spec
    assert str(Spec.parse(text)) == text
    text.encode()
    return True


def test_what_is_no_spec_is_refused_however_long_or_deep():
    deep = []
    for _ in range(5000):
        deep = [deep]
    with no_waiting(10):
        assert not [value for value in (*LONG, *ODD, deep) if spelled(value)]
        for value in (deep, float("nan"), float("inf"), {1}, object(), b"a", 2**20_000):
            assert not spelled({"name": "f", "x": value})
    assert not spelled({"name": "f", "x) + (y": 1})
    assert spelled({"name": "f", "x": [1, "a\nb"]})


def fuzzed_specs():
    edits = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3), st.text(max_size=3)), max_size=4)

    def edited(text, changes):
        for place, length, new in changes:
            text = text[:place] + new + text[place + length :]
        return text

    odd = st.text(SIGNS, max_size=40)
    options = st.dictionaries(st.from_regex("[a-z]{1,3}|.", fullmatch=True), JSON, max_size=3)
    return st.one_of(
        st.text(max_size=60), odd, odd.map("f(x={})".format), st.builds(edited, st.sampled_from(SPECS), edits),
        JSON, options.map(lambda found: {**found, "name": "f"}),
    )  # fmt: skip


@settings(FUZZ, max_examples=400)
@given(fuzzed_specs())
def test_a_fuzzed_spec_is_refused_or_its_own_spelling(value):
    spelled(value)


@pytest.mark.chaos
@settings(FUZZ, max_examples=50_000)
@given(fuzzed_specs())
def test_fuzzed_specs_at_length(value):
    spelled(value)


FORMS = {
    "coco": '{"images": [{"id": 1, "file_name": "a"}], "annotations": [{"image_id": 1, "id": 2, "caption": "a"}]}',
    "karpathy": '{"images": [{"cocoid": 1, "filepath": "a", "filename": "b", "split": "train", "sentences": [{"raw": "a"}]}]}',
    "results": '[{"image_id": 1, "caption": "a"}]',
    "rows": '[{"file": "a.jpg", "caption": "a", "split": "train"}]',
    "textcaps": '{"data": [{"image_id": "a", "caption_str": "a", "reference_strs": ["a"], "set_name": "train"}]}',
    "nested": '[{"image": {"file_name": "a"}, "annotations": [{"caption": "a"}]}]',
    "names": '{"a.jpg": ["a", "b"]}',
    "request": '{"decoding": {"num_beams": 2, "precision": "float32"}}',
}
READERS = (read_captions, read_coco_rows, read_results, read_references, read_rows, RunRecord.load, read_decoding)


def places(value):
    """Each place of a value, as the keys that lead there."""
    yield ()
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from ((key, *rest) for rest in places(value[key]))


def replaced(value, place, new):
    """A value with another at a place."""
    if not place:
        return new
    value = copy.copy(value)
    value[place[0]] = replaced(value[place[0]], place[1:], new)
    return value


WRONG = [None, True, 0, -1, 1.0, 10**30, float("nan"), "", "\ud800", "\0", "a\nb", "../x", "x" * 10**5, [], {}, [[]], [{}], ["a"], {"a": 1}]  # fmt: skip


def test_annotation_files_with_anything_anywhere_are_read_or_refused(tmp_path):
    ends = []
    for text in FORMS.values():
        whole = json.loads(text)
        for place, new in product(places(whole), WRONG):
            (tmp_path / "a.json").write_text(json.dumps(replaced(whole, place, new)))
            ends += [end_of(read, tmp_path / "a.json") for read in READERS]
    assert 100 < ends.count("read") < len(ends) / 3
    assert max(map(len, ends)) < 700 + len(str(tmp_path))


@settings(FUZZ, max_examples=150)
@given(st.data())
def test_fuzzed_annotation_files_are_read_or_refused(tmp_path_factory, data):
    whole = json.loads(data.draw(st.sampled_from(list(FORMS.values()))))
    place = data.draw(st.sampled_from(list(places(whole))))
    file = tmp_path_factory.getbasetemp() / "fuzzed.json"
    file.write_text(json.dumps(replaced(whole, place, data.draw(JSON))))
    for read in READERS:
        end_of(read, file)


@pytest.mark.parametrize("read", READERS)
def test_deep_long_and_endless_files_are_refused_and_a_pipe_is_not_waited_for(tmp_path, monkeypatch, read):
    keys = [f'"k{number}": 1' for number in range(100_000)]
    accents = json.dumps([{"image_id": 1, "image": "a", "file_name": "a", "caption": "a" + "\u0315\u0300" * 10**5}])
    texts = [
        accents,
        "[" * 100_000,
        '{"a":' * 990 + "1" + "}" * 990,
        "9" * 5000,
        "{" + ", ".join([*keys, keys[-1]]) + "}",
    ]
    file = tmp_path / "a.json"
    with no_waiting(20):
        for text in texts:
            file.write_text(text)
            assert end_of(read, file) != "read"
        os.mkfifo(tmp_path / "pipe.json")
        assert "no" in end_of(read, tmp_path / "pipe.json")
    monkeypatch.setattr(content, "_BYTES", 2**27)
    with file.open("wb") as opened:
        opened.truncate(2**40)  # of zeros that no disk holds
    assert "has more than" in end_of(read, file)


def test_a_key_that_is_there_twice_and_an_id_beyond_what_readers_hold_are_refused(tmp_path):
    file = tmp_path / "a.json"
    for text, why in (
        ('[{"image_id": 1, "caption": "a", "caption": "b"}]', "'caption' stands there twice"),
        (f'[{{"image_id": {2**60}, "caption": "a"}}]', "ids go up to"),
        ('[{"image_id": 1, "caption": "\\ud800"}]', "no valid Unicode"),
    ):
        file.write_text(text)
        assert why in end_of(read_results, file)


EXPERIMENT = {
    "dataset": "scenes(train=4, validation=1, test=2)",
    "matrix": {"backbone": ["patches(dim=8)"], "attention": ["mean"], "decoder": ["lstm(dim=8)"], "seeds": [0]},
    "training": {"min_count": 1},
    "decoding": {"num_beams": 2},
    "metrics": ["cider"],
}
SETTINGS = [("training", each.name) for each in fields(Training)] + [
    ("decoding", each.name) for each in fields(Decoding)
]
KEYS = [(key,) for key in EXPERIMENT] + [("matrix", key) for key in EXPERIMENT["matrix"]] + SETTINGS
UNKNOWN = [
    ("training", "class_path"),
    ("decoding", "init_args"),
    ("matrix", "help"),
    ("__path__",),
    ("class_path",),
    ("training", "a\nb"),
]


def refused_config(tmp_path, capsys, place, value):
    """That a config with this value there is refused in one line, and no code of it run."""
    group, *key = place
    values = EXPERIMENT | {group: EXPERIMENT.get(group, {}) | {key[0]: value} if key else value}
    file, canary = tmp_path / "config.json", tmp_path / "ran"
    file.write_text(json.dumps(values).replace("CANARY", str(canary)))
    code = main(["run", str(file), "--out", "/dev/null/x"])  # where none gets to
    err = capsys.readouterr().err
    assert (code, err.count("\n")) == (2, 1), (place, value, err)
    assert len(err) < 2100, (place, len(err))
    assert "cannot write into" not in err, (place, value)
    assert not canary.exists()


CODE = {"class_path": "os.mkdir", "init_args": {"path": "CANARY"}}


def test_no_config_with_a_wrong_value_anywhere_leaves_a_traceback(tmp_path, capsys):
    (tmp_path / "other.yaml").write_text("epochs: 1\n")
    for place in KEYS:
        for value in (None, [[]], CODE):
            refused_config(tmp_path, capsys, place, value)
    for value in (None, True, "x" * 50_000, 10**30):
        refused_config(tmp_path, capsys, ("execution", "workers"), value)
    for value in (None, True, {}):
        refused_config(tmp_path, capsys, ("execution", "executor"), value)
    refused_config(tmp_path, capsys, ("execution", "x" * 1000), 1)
    refused_config(tmp_path, capsys, ("matrix", "seeds"), [10**4000])
    refused_config(tmp_path, capsys, ("matrix", "seeds"), [2**64])
    for group in ("matrix", "training", "decoding"):
        for value in (True, 5, [], str(tmp_path / "other.yaml"), "x" * 50_000):  # it would be read as another config
            refused_config(tmp_path, capsys, (group,), value)
    for place in UNKNOWN:
        refused_config(tmp_path, capsys, place, {})
    for place in (("training", "batch_size"), ("decoding", "num_beams")):
        refused_config(tmp_path, capsys, place, 10**30)
    for value in (
        "mean(x=__import__('os').mkdir('CANARY'))",
        {"name": "mean", "x": CODE},
        {"name": "mean", "x": float("nan")},
    ):
        refused_config(tmp_path, capsys, ("matrix", "attention"), [value])


@pytest.mark.chaos
def test_no_config_of_thousands_leaves_a_traceback(tmp_path, capsys):
    wrong = [
        {"a": 1},
        [{}],
        "x" * 10**5,
        "os.system",
        f"@{tmp_path}",
        "a\nb\u202e\x1b[2J",
        float("inf"),
        -(10**30),
        [CODE],
    ]
    for place in KEYS:
        for value in wrong:
            refused_config(tmp_path, capsys, place, value)


class Harm:
    """Makes a folder when it is read."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    model = create_model("patches(dim=8)", "mean", "lstm(dim=8)", vocabulary=["a", "b"])
    checkpoint.save(model, folder, weights=RANDOM)
    tensors = {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}
    return (folder / "config.json").read_bytes(), (folder / "model.safetensors").read_bytes(), tensors


def with_header(header, data):
    return struct.pack("<Q", len(header)) + header + data


def spoilt_weights(whole, tensors, count):
    """Files of weights, of which none should be read."""
    length = struct.unpack("<Q", whole[:8])[0]
    header, data = json.loads(whole[8 : 8 + length]), whole[8 + length :]
    yield from (whole[:place] for place in range(0, len(whole) - 1, len(whole) // count))
    yield from (struct.pack("<Q", size) + whole[8:] for size in (0, 1, 10**8 + 1, 2**63, 2**64 - 1))
    yield from (with_header(text, data) for text in (b"[" * 100_000, b"{" + b" " * (10**8 - 10) + b"}", b"{}"))
    name = next(name for name in header if name != "__metadata__")
    for key, values in (
        ("dtype", ("F16", "F64", "X", None)),
        ("shape", ([], [-1], [2**62, 4], [10**6, 10**6], ["a"], {})),
        ("data_offsets", ([0, 0], [0, 10**12], [-1, 3], [5, 2], ["a", 1], None)),
    ):
        yield from (
            with_header(json.dumps(header | {name: header[name] | {key: value}}).encode(), data) for value in values
        )
    for kind in (torch.int64, torch.bool, torch.complex64):
        yield tensors_to_bytes(tensors | {name: tensors[name].to(kind)})
    yield tensors_to_bytes({key: value for key, value in tensors.items() if key != name})
    yield tensors_to_bytes(tensors | {f"a\nb\x1b[2J{number}": torch.zeros(1) for number in range(5000)})


def refused_model(tmp_path, config, body):
    (tmp_path / "config.json").write_bytes(config)
    (tmp_path / "model.safetensors").write_bytes(body)
    why = end_of(checkpoint.load, tmp_path)
    assert why != "read"
    assert len(why) < 1200 + len(str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_no_spoilt_weights_are_read_and_no_code_in_them_is_run(saved, tmp_path):
    config, whole, tensors = saved
    for body in spoilt_weights(whole, tensors, 40):
        refused_model(tmp_path, config, body)
    torch.save({"a": Harm(tmp_path / "ran")}, tmp_path / "a.pt")
    for body in (pickle.dumps(Harm(tmp_path / "ran")), (tmp_path / "a.pt").read_bytes()):
        refused_model(tmp_path, config, body)
        refused_model(tmp_path, body, whole)
    (tmp_path / "model.safetensors").unlink()
    os.mkfifo(tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes(config)
    child = f"from zoo import checkpoint; checkpoint.load({str(tmp_path)!r})"  # a reader of pipes hears no alarm
    done = subprocess.run(
        [sys.executable, "-c", child], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "model.safetensors is no file" in done.stderr


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("decoder", "lstm(dim=20000)"),
        ("decoder", "transformer(dim=8, num_heads=1, num_layers=1000000000)"),
        ("attention", "bahdanau(hidden_dim=20000000)"),
        ("backbone", "patches(dim=3000000)"),
        ("backbone", "timm/vit_giant_patch14_224(pretrained=False)"),
    ],
)
def test_a_model_larger_by_far_than_its_weights_is_not_built(saved, tmp_path, kind, spec):
    config = json.loads(saved[0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = json.dumps(replaced(config, ("parts", kind), spec)).encode()
    with no_waiting(60):
        refused_model(tmp_path, text, saved[1])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18  # KiB; they would take a GiB and more


def test_a_backbone_that_cannot_be_built_without_memory_is_built_and_read(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(Patches, "__init__", needs_memory(Patches.__init__))
    (tmp_path / "config.json").write_bytes(saved[0])
    (tmp_path / "model.safetensors").write_bytes(saved[1])
    assert end_of(checkpoint.load, tmp_path) == "read"


def needs_memory(build):
    @functools.wraps(build)
    def init(self, **options):
        float(torch.zeros(1))
        build(self, **options)

    return init


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_a_config_of_a_model_with_anything_anywhere_is_refused_or_read(saved, tmp_path):
    config, body, _ = saved
    whole = json.loads(config)
    (tmp_path / "model.safetensors").write_bytes(body)
    ends = []
    for place in [(key,) for key in whole] + [("parts", part) for part in whole["parts"]] + [("vocabulary", 5)]:
        for new in (*WRONG, "lstm(dim=1000000000000)", "timm/resnet50(weights='/dev/zero')", ["<pad>"] * 9):
            (tmp_path / "config.json").write_text(json.dumps(replaced(whole, place, new)))
            ends.append(end_of(checkpoint.load, tmp_path))
    assert ends.count("read") < len(ends) / 3


def test_compressed_weights_do_not_fill_memory(tmp_path):
    torch.save({"weight": torch.zeros(2, 2**20), "bias": torch.zeros(2)}, tmp_path / "a.pth")
    with (
        zipfile.ZipFile(tmp_path / "a.pth") as whole,
        zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for member in whole.infolist():
            small.writestr(member.filename, whole.read(member))
    assert "weight in" in end_of(weights.load_local, nn.Linear(1, 2), str(tmp_path / "a.pth"))
    assert "it is compressed" in end_of(weights.load_local, nn.Linear(1, 2), str(tmp_path / "b.pth"))


@pytest.mark.parametrize("state", [[1], torch.zeros(2), "text", None, 3])
def test_what_is_no_state_of_a_training_is_passed_over(tmp_path, state, capsys):
    torch.save(state, tmp_path / "00000001.pt")
    assert Checkpoints(tmp_path).latest() is None
    assert "cannot be read" in capsys.readouterr().out


PLUGIN = "from zoo.attention import ATTENTIONS\nfrom zoo.attention.mean import Mean\n@ATTENTIONS.register('{}')\nclass Mine(Mean):\n    '{}'\n"
PLUGINS = {
    "raises.py": b"raise RuntimeError('a\\nb\\x1b[2J' + 'x' * 10000)",
    "ends.py": b"import sys; sys.exit(0)",
    "latin.py": b"x = '\xe9'",
    "null.py": b"x = 1\0",
    "deep.py": b"x = " + b"-" * 100_000 + b"1",
    "brackets.py": b"x = " + b"(" * 300 + b")" * 300,
    "itself.py": b"import pathlib; exec(pathlib.Path(__file__).read_text())",
    "ours.py": PLUGIN.format("mean", "").encode(),
    "newline.py": PLUGIN.format("a\\nb", "").encode(),
    "native.so": b"\x7fELF",
    "bytecode.pyc": b"x",
    "text.txt": b"x = 1",
}


@pytest.mark.parametrize("name", [*PLUGINS, "folder.py", "loop.py", "pipe.py", "none.py"])
def test_a_plugin_that_cannot_be_loaded_is_named_in_one_line(tmp_path, capsys, name):
    file = tmp_path / name
    if name in PLUGINS:
        file.write_bytes(PLUGINS[name])
    elif name == "folder.py":
        file.mkdir()
    elif name == "loop.py":
        file.symlink_to(file)
    elif name == "pipe.py":
        os.mkfifo(file)
    code = main(["list", "attention", "--plugin", str(file)])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert name in err
    assert len(err) < 2100
    assert err.strip().isprintable()


def test_what_a_plugin_says_is_not_our_output_and_no_command_of_a_terminal(tmp_path, capsys):
    file = tmp_path / os.fsdecode(b"a\xff \n.py")
    file.write_text("print('loading')\n" + PLUGIN.format("spoken", "\\x1b[2J\\u202eshown\\r"))
    for words in (["list", "attention"], ["show", "attention", "spoken"]):
        assert main([*words, "--plugin", str(file)]) == 0
        out, err = capsys.readouterr()
        assert "loading" not in out
        assert all(line.isprintable() for line in out.split("\n"))
        assert "\\x1b[2J\\u202eshown" in out
        assert err in ("loading\n", "")


def test_a_plugin_is_loaded_from_any_name(tmp_path):
    for name in (os.fsencode("é \n"), b"\xff", b"-dash", b"z" * 250):
        file = tmp_path / os.fsdecode(name + b".py")
        file.write_text("x = 1")
        assert load_plugin(file).x == 1


@pytest.mark.parametrize(
    "sign", ["=", "+", "-", "@", "\t=", "\r=", " =", "\u200b=", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
)
def test_no_cell_of_the_table_is_a_formula(tmp_path, sign):
    runs = [record(experiment=sign, weights=f"{sign}1+1", dataset=f"{sign}1+1", split=f"{sign}1+1")]
    write(runs, tmp_path)
    (table,) = tmp_path.glob("*.csv")
    cells = [cell for line in table.read_text(encoding="utf-8").splitlines()[1:] for cell in line.split(",")]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")]
