"""Every search says what the plainest one says; what is drawn follows the model's own probabilities."""

import itertools
from collections import Counter

import pytest
import torch
from reference_search import searched

from zoo.contracts.common import loud
from zoo.contracts.decoder import build
from zoo.decoders import Decoder
from zoo.decoding import Decoding
from zoo.generate import generate
from zoo.registries import DECODERS
from zoo.settings import told
from zoo.types import DecoderOutput, Features, reorder
from zoo.vocabulary import END, PAD, SPECIAL, START, UNKNOWN

IMAGES, WORDS = 4, 24
SEARCHES = [
    {},
    {"beams": 1},
    {"beams": 3, "max_length": 1},
    {"beams": 8, "length_power": 0.0},
    {"beams": 4, "length_power": 2.0, "max_length": 9},
    {"beams": 30},  # more than there are next words
    {"no_repeat": 1},
    {"no_repeat": 2, "length_power": 3.0},
    {"no_repeat": 3, "length_power": 3.0, "max_length": 9},
    {"beams": 6, "groups": 3, "diversity": 0.7},
    {"beams": 4, "groups": 4, "diversity": 3.0, "length_power": 2.0},
    {"beams": 6, "groups": 2, "diversity": 1.5, "no_repeat": 1},
]


def speaker(spec="lstm(dim=16)", attention="bahdanau", words=WORDS, scale=1.0):
    """A decoder whose words are likely enough to be said twice, and features for it."""
    torch.manual_seed(0)
    decoder = loud(DECODERS.build(spec, words, 8, attention))
    decoder.embed.weight.data *= scale
    return decoder, Features(torch.randn(IMAGES, 6, 8), (2, 3))


def words_of(found):
    return [[word for word in caption if word != PAD] for caption in found.tolist()]


@pytest.mark.parametrize("spec", ["lstm(dim=16)", "transformer(dim=16, num_layers=2, num_heads=2)"])
@pytest.mark.parametrize("settings", SEARCHES, ids=str)
@torch.inference_mode()
def test_a_search_says_what_one_over_lists_says(spec, settings):
    decoder, features = speaker(spec)
    decoding = Decoding(**{"max_length": 5} | settings)
    assert words_of(generate(decoder, features, **vars(decoding))) == searched(decoder, features, decoding)


@pytest.mark.parametrize("spec", [name for name in DECODERS if DECODERS.origin(name) == "caption-zoo"])
@torch.inference_mode()
def test_every_decoder_is_searched_right(spec):
    torch.manual_seed(0)
    decoder, features = build(DECODERS.check(spec), words=WORDS), Features(torch.randn(IMAGES, 6, 32), (2, 3))
    decoding = Decoding(beams=3, max_length=5, length_power=2.0, no_repeat=2)
    assert words_of(generate(decoder, features, **vars(decoding))) == searched(decoder, features, decoding)


@torch.inference_mode()
def test_repeats_come_without_the_rule_and_never_with_it():
    decoder, features = speaker(scale=3.0)
    for length in (1, 2, 3):
        for rule, repeats in ((0, True), (length, False)):
            found = words_of(generate(decoder, features, length_power=3.0, no_repeat=rule))
            runs = [list(zip(*(caption[at:] for at in range(length)), strict=False)) for caption in found]
            assert any(len(set(each)) < len(each) for each in runs) is repeats


class Counting(Decoder):
    """Notes how many captions it is asked for in each step."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder, self.asked = decoder, []

    def begin(self, features):
        return self.decoder.begin(features)

    def forward(self, tokens, memory, state, *, weights=False) -> DecoderOutput:
        self.asked.append(tuple(tokens.shape[:2]))
        return self.decoder(tokens, memory, state, weights=weights)

    def logits(self, hidden):
        return self.decoder.logits(hidden)


@torch.inference_mode()
def test_the_work_shrinks_to_the_captions_that_are_open():
    decoder, features = speaker()
    decoder.bias.data[END] = 2.0
    counting = Counting(decoder)
    generate(counting, features)
    assert counting.asked[:2] == [(IMAGES, 1), (IMAGES, 4)]  # END is the fifth
    images, beams = zip(*counting.asked[1:], strict=True)
    assert list(images) == sorted(images, reverse=True)
    assert images[-1] < IMAGES
    assert min(beams) < 4


@torch.inference_mode()
def test_groups_say_other_words_than_those_before_them():
    decoder, features = speaker(words=len(SPECIAL) + 12)
    settings = {"max_length": 1, "beams": 4, "groups": 4, "diversity": 1e4}
    counting = Counting(decoder)
    said = []
    counting.register_forward_pre_hook(lambda module, given: said.append(given[0][:, :, 0]))
    generate(counting, features, **settings)
    assert all(len(set(row)) == len(row) for row in said[1].tolist())


@torch.inference_mode()
def test_drawn_words_are_as_frequent_as_the_model_says():
    decoder, features = speaker(words=len(SPECIAL) + 3)
    one = Features(features.tokens[:1].expand(4000, -1, -1), features.grid)
    memory, state = decoder.begin(features)
    first = decoder(torch.full((IMAGES, 1, 1), START), memory, state)
    scores = decoder.logits(first.hidden)[0, 0, 0].index_fill(0, torch.tensor([PAD, START, UNKNOWN]), -torch.inf)
    for temperature in (0.5, 1.0, 2.0):
        found = generate(decoder, one, beams=1, temperature=temperature, max_length=1, seed=3)[:, 0]
        shares = torch.bincount(found, minlength=len(scores)) / len(found)
        expected = (scores.log_softmax(0) / temperature).softmax(0)
        torch.testing.assert_close(shares, expected, atol=0.03, rtol=0)


@torch.inference_mode()
def test_only_the_likeliest_words_are_drawn_where_asked():
    decoder, features = speaker(words=len(SPECIAL) + 8)
    one = Features(features.tokens[:1].expand(1000, -1, -1), features.grid)
    memory, state = decoder.begin(features)
    first = decoder(torch.full((IMAGES, 1, 1), START), memory, state)
    scores = decoder.logits(first.hidden)[0, 0, 0].index_fill(0, torch.tensor([PAD, START, UNKNOWN]), -torch.inf)
    shares, order = scores.softmax(0).sort(descending=True)
    for settings, count in (
        ({"top_k": 3}, 3),
        ({"top_p": 0.6}, 1 + int((shares.cumsum(0) < 0.6).sum())),
        ({"top_k": 3, "top_p": 0.99}, 1 + int((shares[:3].cumsum(0) < 0.99 * shares[:3].sum()).sum())),
        ({"top_k": 10**6}, 9),
    ):
        found = generate(decoder, one, beams=1, temperature=1.0, max_length=1, **settings)[:, 0]
        assert set(found.tolist()) == set(order[:count].tolist()), settings


@torch.inference_mode()
def test_a_seed_draws_the_same_again_and_another_draws_others():
    decoder, features = speaker()
    settings = {"temperature": 1.0, "beams": 2}
    first, again, other = (generate(decoder, features, seed=seed, **settings).tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


@torch.inference_mode()
def test_of_several_drawn_captions_the_likeliest_is_kept():
    decoder, features = speaker(words=len(SPECIAL) + 2)
    settings = {"max_length": 2, "length_power": 1.0}
    drawn = generate(decoder, features, beams=300, temperature=2.0, **settings)
    assert drawn.tolist() == generate(decoder, features, beams=30, **settings).tolist()  # by then all have been drawn


@torch.inference_mode()
def test_bfloat16_gives_captions_that_end():
    for spec in ("lstm(dim=16)", "transformer(dim=16, num_layers=1, num_heads=2)"):
        decoder, features = speaker(spec)
        with torch.autocast("cpu", torch.bfloat16):
            outside = generate(decoder, features, beams=3, max_length=6)
        assert generate(decoder, features, beams=3, max_length=6, precision="bfloat16").tolist() == outside.tolist()
        assert all(caption.count(END) == 1 and min(caption) > UNKNOWN - 2 for caption in words_of(outside))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beams": 0}, "beams=0 should be at least 1"),
        ({"max_length": 0}, "max_length=0 should be at least 1"),
        ({"length_power": -1.0}, "length_power=-1.0"),
        ({"temperature": float("nan")}, "temperature=nan should be a number"),
        ({"top_p": 0.0}, "top_p=0.0 should be above 0"),
        ({"top_p": 0.5}, "set a temperature"),
        ({"top_k": 5}, "set a temperature"),
        ({"seed": 5}, "set a temperature"),
        ({"groups": 2, "diversity": 0.5}, "beams=5 cannot be shared by groups=2"),
        ({"groups": 5}, "groups=5 and diversity=0.0 belong together"),
        ({"diversity": 0.5}, "groups=1 and diversity=0.5 belong together"),
        ({"groups": 5, "diversity": 0.5, "temperature": 1.0}, "leave out one"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")) as error:
        Decoding(**settings)
    assert "\n" not in str(error.value)


def test_a_request_says_only_what_was_asked_beyond_the_first_settings():
    assert told(Decoding()) == {"beams": 5, "max_length": 20, "length_power": 0.7}
    assert told(Decoding(no_repeat=3)) == {"beams": 5, "max_length": 20, "length_power": 0.7, "no_repeat": 3}


def test_a_state_is_taken_from_its_parents_among_the_images_that_stay():
    state = (torch.arange(24).view(4, 3, 2),)
    (taken,) = reorder(state, torch.tensor([[2, 0], [1, 1]]), torch.tensor([3, 1]))
    assert taken.tolist() == [[state[0][3, 2].tolist(), state[0][3, 0].tolist()], [state[0][1, 1].tolist()] * 2]


def test_the_oracle_itself_finds_the_best_of_all_captions():
    decoder, features = speaker(words=len(SPECIAL) + 2)
    first = len(SPECIAL)
    with torch.inference_mode():
        found = searched(decoder, features, Decoding(beams=40, max_length=2, length_power=1.0))
        every = [(*words, END) for count in range(3) for words in itertools.product((first, first + 1), repeat=count)]
        for row, caption in enumerate(found):
            one = Features(features.tokens[row : row + 1], features.grid)
            scores = Counter()
            for words in every:
                tokens = torch.tensor([[[START, *words]]])
                memory, state = decoder.begin(one)
                each = decoder.logits(decoder(tokens[..., :-1], memory, state).hidden).log_softmax(-1)
                scores[words] = each.gather(-1, tokens[..., 1:, None]).sum().item() / len(words)
            assert tuple(caption) == max(every, key=scores.__getitem__)
