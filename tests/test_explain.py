"""Where a model looked: maps of every attention, overlays, sheets, files."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from zoo import create_model, drawing
from zoo.attention import Attention, AttentionOutput, Memory
from zoo.backbones.patches import Patches
from zoo.explain import Explanation
from zoo.registries import ATTENTIONS, BACKBONES
from zoo.vocabulary import END

WORDS = ["a", "circle", "red", "square"]
GREY = (128, 128, 128)
DECODERS = ("lstm(dim=16)", "transformer(dim=16, num_heads=2, num_layers=2)", "adaptive(dim=16)")
REFUSED = {
    DECODERS[1]: {"hard"},
    DECODERS[2]: {"mean", "multihead", "memory_multihead", "aoa", "xlinear", "local", "area", "hard", "sparse"},
}
HOSTILE = ["../../etc/passwd", "a\x00b", "\ud800", "x" * 5000, "", "..", "\u72d7", "line\nbreak", "C:\\con"]


def talkative(attention="bahdanau", decoder="lstm(dim=16)", backbone="patches(dim=8)"):
    """A model with random weights that always says as many words as it may."""
    torch.manual_seed(0)
    model = create_model(backbone, attention, decoder, vocabulary=WORDS)
    for parameter in model.decoder.parameters():
        parameter.data *= 2
    model.decoder.bias.data[END] = -1e3
    return model


def explanation(maps, heads=None, size=(50, 30), words=None, **changes):
    """One that no model gave, of a grey picture."""
    maps = np.asarray(maps, dtype=np.float32)
    words = tuple(words or (f"word{number}" for number in range(len(maps))))
    return Explanation(" ".join(words), words, maps, heads, changes.pop("non_visual", None), changes.pop("name", ""), Image.new("RGB", size, GREY), **changes)  # fmt: skip


def one_hot(place, grid=(3, 5)):
    return np.eye(grid[0] * grid[1], dtype=np.float32)[place].reshape(grid)


def light(picture):
    """How bright each pixel is, (H, W)."""
    return np.asarray(picture, dtype=float) @ [0.2126, 0.7152, 0.0722]


def brightest(picture, grid):
    """The cell of the grid, counted row by row, in which the brightest pixel lies."""
    row, column = np.unravel_index(light(picture).argmax(), (picture.height, picture.width))
    return row * grid[0] // picture.height * grid[1] + column * grid[1] // picture.width


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("attention", sorted(ATTENTIONS))
def test_every_attention_gives_maps_of_its_words(attention, decoder):
    if attention in REFUSED.get(decoder, ()):
        with pytest.raises(ValueError, match=attention):
            talkative(attention, decoder)
        return
    model = talkative(attention, decoder)
    picture = Image.effect_noise((70, 50), 90).convert("RGB")
    seen = model.explain(picture, num_beams=2, max_length=4)
    assert [seen.caption] == model.caption([picture], num_beams=2, max_length=4)
    assert " ".join(seen.words) == seen.caption
    assert seen.maps.shape == (4, 4, 4)
    assert (seen.maps >= 0).all()
    shares = seen.maps.sum(axis=(1, 2))
    if seen.non_visual is None:
        assert seen.non_visual_source == ""
        assert (shares == pytest.approx(1, abs=1e-4)) or attention == "local"
    else:
        assert seen.non_visual_source == ("sentinel" if decoder == DECODERS[2] else "memory slots")
        assert shares + seen.non_visual == pytest.approx(1, abs=1e-5)
        assert (seen.non_visual > 0).all()
    headed = attention in ("multihead", "memory_multihead", "aoa")
    layers = 2 if decoder == DECODERS[1] else 1
    assert (seen.heads is None) == (not headed and layers == 1)
    if seen.heads is not None:
        assert seen.heads.shape == (4, layers, 8 if headed else 1, 4, 4)
        np.testing.assert_allclose(seen.heads.mean(axis=(1, 2)), seen.maps, atol=1e-5)


def test_what_else_is_read_is_named_by_those_that_read_it():
    named = {"memory_multihead": "memory slots", "aoa(attention='memory_multihead')": "memory slots", "multihead": ""}
    assert {spec: ATTENTIONS.build(spec, 16, 16).non_visual_source for spec in named} == named


def test_the_maps_are_those_that_the_caption_was_written_with():
    """Word by word, each step given the state of the last, as in greedy search."""
    model = talkative()
    picture = Image.effect_noise((64, 64), 90).convert("RGB")
    seen = model.explain(picture, num_beams=1, max_length=3)
    with torch.inference_mode():
        features = model.encode(model.backbone.preprocess.normalize(model.backbone.preprocess.to_tensor(picture)[None]))
        memory, state = model.decoder.init_state(features)
        for number, token in zip(range(3), model.vocabulary.token_ids(seen.words), strict=False):
            output = model.decoder(torch.tensor([[[token]]]), memory, state, need_weights=True)
            memory, state = output.memory or memory, output.state
            np.testing.assert_allclose(seen.maps[number].ravel(), output.weights[0, 0, 0], atol=1e-5)


class Fixed(Attention):
    """Looks at the seventh place, whatever is asked."""

    def __init__(self, query_dim, feature_dim):
        super().__init__()
        self.context_dim = feature_dim

    def precompute(self, features):
        return Memory(features.tokens, features.tokens)

    def forward(self, query, memory, *, need_weights=False):
        share = torch.eye(memory.values.shape[1])[6].expand(*query.shape[:2], -1)
        return AttentionOutput(share @ memory.values, share if need_weights else None)


@pytest.mark.parametrize("size", [(64, 64), (300, 40), (30, 200)])
def test_a_model_that_looks_at_one_cell_lights_that_cell(size, monkeypatch):
    monkeypatch.setitem(ATTENTIONS._factories, "fixed", Fixed)
    seen = talkative("fixed").explain(Image.new("RGB", size, GREY), max_length=2)
    overlay = seen.overlay(1)
    assert overlay.size == size
    assert brightest(overlay, (4, 4)) == 6


@pytest.mark.parametrize("size", [(500, 300), (35, 210), (1000, 9)])
def test_the_brightest_spot_lies_where_the_weight_is(size):
    seen = explanation([one_hot(place) for place in range(15)], size=size)
    assert [brightest(seen.overlay(word), (3, 5)) for word in range(15)] == list(range(15))


def test_one_scale_holds_for_all_words():
    strong, weak = one_hot(2) * 0.8, one_hot(9) * 0.3
    seen = explanation([strong, weak])
    first, second = (light(seen.overlay(word)) for word in (0, 1))
    assert first.max() > second.max() > second.min() == first.min()
    assert light(explanation([weak]).overlay(0)).max() == first.max()


def test_an_even_look_is_evenly_and_half_lit_and_none_is_dim():
    even, nothing, somewhere = np.full((3, 5), 1 / 15), np.zeros((3, 5)), one_hot(7)
    alone, dim = (light(explanation([shares]).overlay(0)) for shares in (even, nothing))
    peak = light(explanation([somewhere]).overlay(0)).max()
    assert np.ptp(alone) == np.ptp(dim) == 0
    assert dim[0, 0] < alone[0, 0] < peak


def test_layers_and_heads_are_shown_apart_and_as_means():
    heads = np.stack([[[one_hot(5 * layer + head) for head in range(3)] for layer in range(2)]])
    seen = explanation(heads.mean(axis=(1, 2)), heads)
    for layer in range(2):
        for head in range(3):
            assert brightest(seen.overlay(0, layer, head), (3, 5)) == 5 * layer + head
    one_layer, one_head = light(seen.overlay(0, layer=1)), light(seen.overlay(0, head=2))
    assert one_layer[15, :30].min() > one_layer[:, 30:].max()  # its heads look at the first three cells of the row
    assert one_head[:20, 25].min() > one_head[:, :15].max()  # the third column, in both rows


@pytest.mark.parametrize(
    ("asked", "said"), [((2,), "no word 2"), ((-1,), "no word -1"), ((0, 3), "no layer 3"), ((0, 0, 4), "no head 4")]
)
def test_what_is_not_there_is_a_mistake_of_one_line(asked, said):
    heads = np.full((2, 3, 4, 3, 5), 1 / 15, dtype=np.float32)
    with pytest.raises(ValueError, match=re.escape(said)):
        explanation(heads.mean(axis=(1, 2)), heads).overlay(*asked)


def test_without_heads_none_can_be_asked_for():
    with pytest.raises(ValueError, match="without layers or heads"):
        explanation([one_hot(0)]).overlay(0, 0)


@pytest.fixture
def texts(monkeypatch):
    """What is written on sheets."""
    written, draw = [], ImageDraw.ImageDraw.text

    def text(self, xy, text, *style, **options):
        written.append(text)
        draw(self, xy, text, *style, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    return written


def test_a_sheet_has_every_word_and_the_share_of_the_sentinel(texts):
    seen = explanation([one_hot(1) * 0.75, one_hot(2) * 0.4], words=["red", "circle"], non_visual=np.array([0.25, 0.6]), name="sentinel")  # fmt: skip
    sheet = seen.sheet()
    assert {"red circle", "red", "circle", "sentinel 25%", "sentinel 60%", "75% of attention in one cell"} <= set(texts)
    grey = (np.asarray(sheet) == drawing._FAINT).all(axis=-1).sum()
    assert grey > (0.25 + 0.6) * 60 * 6  # the bars are filled


def test_a_sheet_of_heads_labels_them(texts):
    heads = np.full((1, 2, 3, 3, 5), 1 / 15, dtype=np.float32)
    explanation(heads.mean(axis=(1, 2)), heads, words=["dog"]).head_sheet(0)
    assert texts[0] == "dog"
    assert texts[1:7] == [f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2, 3)]


@pytest.mark.parametrize("size", [(1, 1), (6000, 2), (2, 6000), (220, 219)])
def test_pictures_of_any_shape_fit_on_a_sheet(size, tmp_path):
    sheet = explanation([one_hot(3)], size=size).sheet()
    assert sheet.width < 600
    assert sheet.height < 500
    assert all(file.is_file() for file in explanation([one_hot(3)], size=size).save(tmp_path))


def test_what_is_saved_is_not_huge_and_the_overlay_is(tmp_path):
    seen = explanation([one_hot(3)], size=(1600, 80))
    assert seen.overlay(0).size == (1600, 80)
    seen.save(tmp_path)
    with Image.open(tmp_path / "01-word0.png") as saved:
        assert saved.size == (1280, 64)


def test_hostile_words_stay_in_the_folder_and_in_one_line(tmp_path, texts):
    heads = np.tile(one_hot(0), (len(HOSTILE), 1, 1, 1, 1))
    seen = explanation(heads.mean(axis=(1, 2)), heads, words=HOSTILE)
    folder = tmp_path / "deep" / "maps"
    files = seen.save(folder)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(files)
    assert all(path.parent in (folder, folder / "heads") for path in files)
    names = sorted(path.name for path in folder.glob("0*.png"))
    assert names[0] == "01-etc-passwd.png"
    assert names[1] == "02-a-b.png"
    assert names[6] == "07-\u72d7.png"
    assert len(names) == len(HOSTILE) == len(list((folder / "heads").glob("0*.png")))
    assert all(re.fullmatch(r"0\d-[\w-]{1,30}\.png", name) for name in names)
    assert all(text.isprintable() and len(text) < 300 for text in texts)
    assert json.loads((folder / "maps.json").read_text())["words"] == HOSTILE


def test_nothing_of_an_earlier_caption_stays_and_files_of_others_do(tmp_path):
    folder = tmp_path / "maps"
    folder.mkdir()
    (folder / "01-holiday.png").write_text("mine, before any map was saved here")
    explanation([one_hot(0)], words=["red"]).save(folder)
    assert (folder / "01-holiday.png").is_file()
    heads = np.tile(one_hot(0), (3, 1, 1, 1, 1))
    explanation(heads.mean(axis=(1, 2)), heads, words=["a", "blue", "dog"]).save(folder)
    (folder / "holiday.png").write_text("mine")
    (folder / "1-a.png").write_text("mine")
    files = explanation([one_hot(0)], words=["red"]).save(folder)
    mine = {folder / "holiday.png", folder / "1-a.png"}
    assert {path for path in folder.rglob("*") if path.is_file()} == {*files, *mine}


def test_the_numbers_are_kept_beside_the_pictures(tmp_path):
    seen = explanation([one_hot(1) * 0.75], words=["red"], non_visual=np.array([0.25]), name="sentinel")
    assert [path.name for path in seen.save(tmp_path)] == ["sheet.png", "01-red.png", "maps.json"]
    kept = json.loads((tmp_path / "maps.json").read_text())
    assert kept == {"caption": "red", "words": ["red"], "grid": [3, 5], "maps": (one_hot(1) * 0.75)[None].tolist(),
                    "heads": None, "non_visual": [0.25], "non_visual_source": "sentinel"}  # fmt: skip


def test_a_caption_without_words_has_a_sheet(tmp_path):
    seen = explanation(np.zeros((0, 3, 5)))
    assert [path.name for path in seen.save(tmp_path)] == ["sheet.png", "maps.json"]


def test_pictures_are_seen_upright_and_in_any_mode(tmp_path):
    model, upright = talkative(), Image.effect_noise((40, 90), 90).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    upright.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    plain, turned = (model.explain(image, max_length=3) for image in (upright, tmp_path / "turned.png"))
    assert turned.picture.size == (40, 90)
    assert turned.picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(turned.picture), np.asarray(upright))
    np.testing.assert_array_equal(turned.maps, plain.maps)
    upright.convert("CMYK").save(tmp_path / "print.jpg")
    assert model.explain(str(tmp_path / "print.jpg"), max_length=3).overlay(0).mode == "RGB"


class Gridless(Patches):
    def forward(self, images):
        return super().forward(images)._replace(grid=None)


def test_a_backbone_without_a_grid_has_no_maps(monkeypatch):
    monkeypatch.setitem(BACKBONES._factories, "gridless", Gridless)
    model = talkative(backbone="gridless").train()
    with pytest.raises(ValueError, match="gridless sees no grid") as error:
        model.explain(Image.new("RGB", (9, 9)))
    assert "\n" not in str(error.value)
    assert model.training  # as it was


def test_the_colours_become_lighter_in_even_steps():
    """By CIE L*, which is another formula than the one that they were chosen with."""
    colours = np.array(list(zip(*drawing._channels(), strict=True)))[::16] / 255
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    steps = np.diff(116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16)
    assert (steps > 0.5 * steps.mean()).all()
    assert (steps < 1.6 * steps.mean()).all()


def test_a_smaller_one_says_the_same():
    seen = explanation([one_hot(3)], size=(90, 60))
    assert replace(seen.fitted(30), picture=seen.picture).overlay(0) == seen.overlay(0)
    assert seen.fitted(30).picture.size == (30, 20)
