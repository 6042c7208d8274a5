"""The demo: a real page, asked as a browser asks it; nothing leaves the machine."""

import json
import re
import subprocess
import sys
import urllib.request

import pytest
import torch
from PIL import Image, ImageChops

from benchmarks.cli.main import main
from benchmarks.config import Decoding
from benchmarks.inference.demo import _outputs, listen
from benchmarks.records.record import REQUEST
from zoo import checkpoint, create_model
from zoo.backbones.patches import Patches
from zoo.registries import BACKBONES
from zoo.vocabulary import END

WATCH = """
import sys
from pathlib import Path

LOG = Path(__file__).with_suffix(".log")


def watch(event, arguments):
    asked = None
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        asked = arguments[1][0]
    if event == "socket.getaddrinfo":
        asked = arguments[0]
    if asked not in (None, "127.0.0.1", "::1", "localhost"):
        with LOG.open("a") as log:
            log.write(f"{event} {asked}\\n")


LOG.touch()
sys.addaudithook(watch)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    model = create_model("patches(dim=8)", "multihead(num_heads=2)", "lstm(dim=8)", vocabulary=["red", "a", "circle"])
    model.decoder.bias.data[END] = -1e3
    checkpoint.save(model, folder, weights=model.backbone.load_pretrained())
    (folder / REQUEST).write_text(json.dumps({"decoding": {"num_beams": 12, "max_length": 3}}))
    return folder


def mistake(capsys, *arguments):
    assert main(["demo", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_without_gradio_one_line_names_the_extra(capsys, monkeypatch, run):
    monkeypatch.setitem(sys.modules, "gradio", None)
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")  # both are put back after the test
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "0")
    assert "pip install 'caption-zoo[demo]'" in mistake(capsys, str(run))


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70000), ("192.0.2.1", 0), ("no host", 0)])
def test_an_address_that_cannot_be_had_is_a_mistake(host, port):
    with pytest.raises(ValueError, match=f"cannot listen at {host}, port {port}"):
        listen(host, port)


def test_a_port_in_use_is_a_mistake():
    with listen("127.0.0.1", 0) as taken, pytest.raises(ValueError, match="choose another --host or --port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_a_port_in_use_is_told_before_a_model_is_loaded(capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.inference.demo.require", lambda: None)  # gradio need not be here
    with listen("127.0.0.1", 0) as taken:
        said = mistake(capsys, "no-run", "--port", str(taken.getsockname()[1]))
    assert "choose another --host or --port" in said


class Gridless(Patches):
    def forward(self, images):
        return super().forward(images)._replace(grid=None)


def test_a_backbone_without_a_grid_has_its_caption_without_maps(monkeypatch):
    monkeypatch.setitem(BACKBONES._factories, "gridless", Gridless)
    model = create_model("gridless", "mean", "lstm(dim=8)", vocabulary=["red", "a"])
    picture, decoding = Image.effect_noise((40, 30), 90).convert("RGB"), Decoding(2, 3)
    assert _outputs(model, picture, decoding) == (model.caption([picture], num_beams=2, max_length=3)[0], [], None, [])


def test_a_damaged_request_is_told_before_an_address_is(capsys, run, tmp_path):
    pytest.importorskip("gradio", reason="the extra 'demo' is not installed")
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    (tmp_path / REQUEST).write_text("{")
    assert main(["demo", str(tmp_path), "--port", "0"]) == 2
    assert capsys.readouterr().out == ""


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    """The address of a running demo, and where it writes down whom else it asks."""
    pytest.importorskip("gradio", reason="the extra 'demo' is not installed")
    watch = tmp_path_factory.mktemp("plugin") / "watch.py"
    watch.write_text(WATCH)
    command = [sys.executable, "-m", "benchmarks.cli.main", "demo", str(run), "--port", "0", "--plugin", str(watch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0], watch.with_suffix(".log")
        finally:
            process.send_signal(2)
            assert process.wait(60) == 0


def largest_difference(shown, expected):
    """Of 255 levels: weights are sums, which another number of threads rounds otherwise, and so a pixel of theirs."""
    assert shown.size == expected.size
    return max(highest for _, highest in ImageChops.difference(shown.convert("RGB"), expected).getextrema())


def test_an_image_gets_its_caption_and_its_maps(page, run, tmp_path):
    from gradio_client import Client, handle_file

    address, log = page
    picture = tmp_path / "photo.png"
    Image.effect_noise((90, 60), 90).convert("RGB").save(picture)
    client = Client(address, verbose=False, analytics_enabled=False)
    caption, words, sheet, heads = client.predict(handle_file(str(picture)), 2, api_name="/caption")
    seen = checkpoint.load(run).explain(picture, num_beams=2, max_length=3)
    assert caption == seen.caption
    assert [word["caption"] for word in words] == list(seen.words)
    for number, word in enumerate(words):
        with Image.open(word["image"]) as shown:
            assert largest_difference(shown, seen.overlay(number)) <= 1
    with Image.open(sheet) as shown:
        assert largest_difference(shown, seen.sheet()) <= 1
    assert len(heads["value"]) == 3
    client.close()
    assert log.read_text() == ""


def test_the_slider_reaches_what_the_run_searched_with(page):
    with urllib.request.urlopen(f"{page[0]}/config") as answer:
        parts = json.load(answer)["components"]
    (slider,) = [part["props"] for part in parts if part["type"] == "slider"]
    assert (slider["value"], slider["maximum"]) == (12, 12)


def test_the_page_loads_nothing_from_elsewhere(page):
    address, log = page
    with urllib.request.urlopen(address) as answer:
        policy, html = answer.headers["content-security-policy"], answer.read().decode()
    assert policy.startswith("default-src 'self'")
    assert "http" not in policy
    assert "fonts.googleapis" not in html
    assert '"analytics_enabled":false' in html.replace(" ", "")
    assert log.read_text() == ""
