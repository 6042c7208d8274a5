"""Search finds what exhaustive search finds, and treats every image alone."""

import itertools

import pytest
import torch
from PIL import Image

from benchmarks.config import Decoding
from benchmarks.evaluation import decode
from benchmarks.throughput.no_eos import NoEosDecoder
from zoo.captioner import Captioner
from zoo.contracts.common import scale_weights
from zoo.generate import generate
from zoo.parts import Parts
from zoo.types import Features
from zoo.vocabulary import END, PAD, SPECIAL, START, UNKNOWN, Vocabulary

DECODERS = ["lstm(dim=16)", "lstm(dim=16, attend='after')"]
LONGEST = 3


def captioner(decoder="lstm(dim=16)", attention="bahdanau", words=("a", "b")):
    torch.manual_seed(0)
    return scale_weights(
        Captioner.build(Parts.parse("patches(dim=8)", attention, decoder), Vocabulary([*SPECIAL, *words]))
    )


def images(count=4):
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def likelihood(model, features, caption):
    tokens = torch.tensor([[[START, *caption]]])
    logits = model.decoder.logits(model.teacher_force(features, tokens[..., :-1]).hidden).log_softmax(-1)
    return logits.gather(-1, tokens[..., 1:, None]).sum().item()


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("power", [0.0, 0.7, 1.0])
@torch.inference_mode()
def test_a_wide_beam_finds_the_best_of_all_captions(decoder, power):
    model = captioner(decoder)
    features = model.encode(images())
    every = [(*words, END) for count in range(LONGEST + 1) for words in itertools.product((4, 5), repeat=count)]
    found = generate(model.decoder, features, num_beams=64, max_length=LONGEST, length_penalty=power)
    for row, caption in enumerate(found.tolist()):
        one = Features(features.tokens[row : row + 1], features.grid)
        best = max(every, key=lambda words: likelihood(model, one, words) / len(words) ** power)
        assert tuple(word for word in caption if word != PAD) == best


@pytest.mark.parametrize("decoder", DECODERS)
@torch.inference_mode()
def test_one_beam_is_greedy(decoder):
    model = captioner(decoder, words=[str(n) for n in range(30)])
    features = model.encode(images())
    memory, state = model.decoder.init_state(features)
    token, said, ended = torch.full((4, 1, 1), START), [], torch.zeros(4, dtype=torch.bool)
    for step in range(9):
        output = model.decoder(token, memory, state)
        logits = model.decoder.logits(output.hidden)[:, 0, 0].index_fill(
            1, torch.tensor([PAD, START, UNKNOWN]), -torch.inf
        )
        token = torch.full((4,), END) if step == 8 else logits.argmax(-1)
        said.append(token.masked_fill(ended, PAD))
        ended |= token == END
        token, memory, state = token[:, None, None], output.memory or memory, output.state
    assert generate(model.decoder, features, num_beams=1, max_length=8).tolist() == torch.stack(said, 1).tolist()


@pytest.mark.parametrize("beams", [1, 3, 5])
def test_an_image_alone_gets_the_caption_that_it_gets_in_a_batch(beams):
    model = captioner(words=[str(n) for n in range(30)])
    with torch.inference_mode():
        features = model.encode(images(6))
        together = generate(model.decoder, features, num_beams=beams, max_length=8)
        for row in range(6):
            alone = generate(
                model.decoder, Features(features.tokens[row : row + 1], features.grid), num_beams=beams, max_length=8
            )
            assert alone[0].tolist() == together[row].tolist()


def test_captions_end_and_hold_words_only():
    model = captioner(words=[str(n) for n in range(30)])
    with torch.inference_mode():
        found = generate(model.decoder, model.encode(images()), num_beams=4, max_length=5)
    for caption in found.tolist():
        words = caption[: caption.index(END)]
        assert len(words) <= 5
        assert not {PAD, START, UNKNOWN} & set(words)
        assert set(caption[len(words) + 1 :]) <= {PAD}


def test_more_beams_never_find_a_worse_caption_on_average():
    model = captioner(words=[str(n) for n in range(30)])
    with torch.inference_mode():
        features = model.encode(images(16))
        scores = []
        for beams in (1, 8):
            found = generate(model.decoder, features, num_beams=beams, max_length=6, length_penalty=0.0).tolist()
            ones = (Features(features.tokens[row : row + 1], features.grid) for row in range(16))
            scores.append(
                sum(
                    likelihood(model, one, caption[: caption.index(END) + 1])
                    for one, caption in zip(ones, found, strict=True)
                )
            )
    assert scores[1] > scores[0]


def test_the_timed_search_takes_every_step():
    model = captioner(words=[str(n) for n in range(30)])
    with torch.inference_mode():
        found = generate(NoEosDecoder(model.decoder), model.encode(images()), num_beams=4, max_length=9)
    assert (found[:, :9] >= 4).all()
    assert (found[:, 9] == END).all()


class Alike:
    """A store in which every image is the same."""

    grid = None

    def batch(self, image_ids):
        return (
            torch.arange(3 * 64 * 64).remainder(251).to(torch.uint8).view(1, 3, 64, 64).repeat(len(image_ids), 1, 1, 1)
        )


def test_what_is_drawn_of_a_data_set_is_drawn_anew_in_every_batch(monkeypatch):
    monkeypatch.setattr(decode, "BATCH", 2)
    model = captioner(words=[str(n) for n in range(30)])
    drawn = Decoding(temperature=1.0, num_beams=1, max_length=8)
    captions = decode.decode(model, range(6), [Alike()], drawn)
    assert len({tuple(words) for words in captions.values()}) == 6
    assert decode.decode(model, range(6), [Alike()], drawn) == captions


@torch.inference_mode()
def test_several_captions_of_each_picture_can_be_had():
    model = captioner(words=[str(n) for n in range(30)])
    pictures = [Image.effect_noise((40, 30), 90).convert("RGB") for _ in range(2)]
    settings = {"num_beams": 6, "num_beam_groups": 3, "diversity_penalty": 2.0, "max_length": 5}
    several = model.caption_n_best(pictures, 4, **settings)
    assert [len(each) for each in several] == [4, 4]
    assert all(len(set(each)) > 1 for each in several)
    assert [best for best, *_ in several] == model.caption(pictures, **settings)
    with pytest.raises(ValueError, match="count=7 should be at least 1, and at most num_beams=6"):
        model.caption_n_best(pictures, 7, **settings)
    assert model.caption_n_best([], 2) == []


def test_a_model_that_went_wrong_says_nothing():
    model = captioner()
    model.decoder.bias.data.fill_(float("nan"))
    for settings in ({}, {"temperature": 1.0}):
        assert model.caption([Image.new("RGB", (40, 30))], **settings) == [""]
