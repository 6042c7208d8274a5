"""Every search says what the plainest one says; what is drawn follows the model's own probabilities."""

import itertools
import re
from collections import Counter

import pytest
import torch
from reference_search import searched

from zoo.contracts.common import scale_weights
from zoo.contracts.decoder import build
from zoo.decoders import Decoder
from zoo.decoding import Decoding
from zoo.generate import generate, n_best
from zoo.generate.strategies import Sampling
from zoo.registries import DECODERS
from zoo.settings import to_request
from zoo.types import DecoderOutput, Features, reorder
from zoo.vocabulary import END, PAD, SPECIAL, START, UNKNOWN

IMAGES, WORDS = 4, 24
SEARCHES = [
    {},
    {"num_beams": 1},
    {"num_beams": 3, "max_length": 1},
    {"num_beams": 8, "length_penalty": 0.0},
    {"num_beams": 4, "length_penalty": 2.0, "max_length": 9},
    {"num_beams": 30},  # more than there are next words
    {"no_repeat_ngram_size": 1},
    {"no_repeat_ngram_size": 2, "length_penalty": 3.0},
    {"no_repeat_ngram_size": 3, "length_penalty": 3.0, "max_length": 9},
    {"num_beams": 6, "num_beam_groups": 3, "diversity_penalty": 0.7},
    {"num_beams": 4, "num_beam_groups": 4, "diversity_penalty": 3.0, "length_penalty": 2.0},
    {"num_beams": 6, "num_beam_groups": 2, "diversity_penalty": 1.5, "no_repeat_ngram_size": 1},
]


def speaker(spec="lstm(dim=16)", attention="bahdanau", words=WORDS, scale=1.0, end=0.0):
    """A decoder whose words are likely enough to be said twice, its END as likely as `end` makes it; its features."""
    torch.manual_seed(0)
    decoder = scale_weights(DECODERS.build(spec, words, 8, attention))
    decoder.embed.weight.data *= scale
    decoder.bias.data[END] += end
    return decoder, Features(torch.randn(IMAGES, 6, 8), (2, 3))


def words_of(found):
    return [[word for word in caption if word != PAD] for caption in found.tolist()]


@pytest.mark.parametrize("end", [0.0, 2.0])  # seldom before the last step; all along, so that images leave
@pytest.mark.parametrize("spec", ["lstm(dim=16)", "transformer(dim=16, num_layers=2, num_heads=2)"])
@pytest.mark.parametrize("settings", SEARCHES, ids=str)
@torch.inference_mode()
def test_a_search_says_what_one_over_lists_says(spec, settings, end):
    decoder, features = speaker(spec, end=end)
    decoding = Decoding(**{"max_length": 5} | settings)
    expected = searched(decoder, features, decoding)
    assert words_of(generate(decoder, features, **vars(decoding))) == [each[0] for each in expected]
    for count in {min(2, decoding.num_beams), min(5, decoding.num_beams)}:
        found = [words_of(each) for each in n_best(decoder, features, count, **vars(decoding))]
        assert found == [(each + [[]] * count)[:count] for each in expected]


@pytest.mark.parametrize("spec", [name for name in DECODERS if DECODERS.origin(name) == "caption-zoo"])
@torch.inference_mode()
def test_every_decoder_is_searched_right(spec):
    torch.manual_seed(0)
    decoder, features = build(DECODERS.check(spec), words=WORDS), Features(torch.randn(IMAGES, 6, 32), (2, 3))
    decoding = Decoding(num_beams=3, max_length=5, length_penalty=2.0, no_repeat_ngram_size=2)
    assert words_of(generate(decoder, features, **vars(decoding))) == [
        each[0] for each in searched(decoder, features, decoding)
    ]


@torch.inference_mode()
def test_repeats_come_without_the_rule_and_never_with_it():
    decoder, features = speaker(scale=3.0)
    for length in (1, 2, 3):
        for rule, repeats in ((0, True), (length, False)):
            found = words_of(generate(decoder, features, length_penalty=3.0, no_repeat_ngram_size=rule))
            runs = [list(zip(*(caption[at:] for at in range(length)), strict=False)) for caption in found]
            assert any(len(set(each)) < len(each) for each in runs) is repeats


class Counting(Decoder):
    """Notes how many captions it is asked for in each step, and in what precision it scores the words."""

    def __init__(self, decoder):
        super().__init__()
        self.decoder, self.asked, self.scored = decoder, [], set()

    def init_state(self, features):
        return self.decoder.init_state(features)

    def forward(self, tokens, memory, state, *, need_weights=False) -> DecoderOutput:
        self.asked.append(tuple(tokens.shape[:2]))
        return self.decoder(tokens, memory, state, need_weights=need_weights)

    def logits(self, hidden):
        scores = self.decoder.logits(hidden)
        self.scored.add(scores.dtype)
        return scores


@torch.inference_mode()
def test_the_work_shrinks_to_the_captions_that_are_open():
    decoder, features = speaker(end=2.0)
    counting = Counting(decoder)
    generate(counting, features)
    assert counting.asked[:2] == [(IMAGES, 1), (IMAGES, 4)]  # END is the fifth
    images, hypotheses = zip(*counting.asked[1:], strict=True)
    assert list(images) == sorted(images, reverse=True)
    assert images[-1] < IMAGES
    assert min(hypotheses) < 4


@torch.inference_mode()
def test_groups_say_other_words_than_those_before_them():
    decoder, features = speaker(words=len(SPECIAL) + 12)
    settings = {"max_length": 1, "num_beams": 4, "num_beam_groups": 4, "diversity_penalty": 1e4}
    counting = Counting(decoder)
    said = []
    counting.register_forward_pre_hook(lambda module, given: said.append(given[0][:, :, 0]))
    generate(counting, features, **settings)
    assert all(len(set(row)) == len(row) for row in said[1].tolist())


@torch.inference_mode()
def test_drawn_words_are_as_frequent_as_the_model_says():
    decoder, features = speaker(words=len(SPECIAL) + 3)
    one = Features(features.tokens[:1].expand(4000, -1, -1), features.grid)
    memory, state = decoder.init_state(features)
    first = decoder(torch.full((IMAGES, 1, 1), START), memory, state)
    scores = decoder.logits(first.hidden)[0, 0, 0].index_fill(0, torch.tensor([PAD, START, UNKNOWN]), -torch.inf)
    for temperature in (0.5, 1.0, 2.0):
        found = generate(decoder, one, num_beams=1, temperature=temperature, max_length=1, seed=3)[:, 0]
        shares = torch.bincount(found, minlength=len(scores)) / len(found)
        expected = (scores.log_softmax(0) / temperature).softmax(0)
        torch.testing.assert_close(shares, expected, atol=0.03, rtol=0)


def test_a_draw_is_by_the_shares_and_by_no_others():
    scores = torch.randn(8, generator=torch.Generator().manual_seed(0)).index_fill(0, torch.tensor([2]), -torch.inf)
    draw = Sampling.of(Decoding(num_beams=1, temperature=1.5, seed=1), torch.device("cpu"))
    rows = 100_000
    alive = torch.zeros(rows, 1, 1)
    words = draw.choose(scores.expand(rows, 1, 1, 8), alive, alive[..., 0].long()).words.flatten()
    counts = torch.bincount(words, minlength=8)
    assert counts[2] == 0
    for temperature, right in ((1.5, True), (1.6, False)):
        expected = rows * (scores / temperature).softmax(0)
        chi_square = ((counts - expected) ** 2 / expected).nan_to_num(0).sum()
        assert bool(chi_square < 27.9) is right  # six degrees of freedom: more than that once in ten thousand


@torch.inference_mode()
def test_only_the_likeliest_words_are_drawn_where_asked():
    decoder, features = speaker(words=len(SPECIAL) + 8)
    one = Features(features.tokens[:1].expand(1000, -1, -1), features.grid)
    memory, state = decoder.init_state(features)
    first = decoder(torch.full((IMAGES, 1, 1), START), memory, state)
    scores = decoder.logits(first.hidden)[0, 0, 0].index_fill(0, torch.tensor([PAD, START, UNKNOWN]), -torch.inf)
    shares, order = scores.softmax(0).sort(descending=True)
    for settings, count in (
        ({"top_k": 3}, 3),
        ({"top_p": 0.6}, 1 + int((shares.cumsum(0) < 0.6).sum())),
        ({"top_k": 3, "top_p": 0.99}, 1 + int((shares[:3].cumsum(0) < 0.99 * shares[:3].sum()).sum())),
        ({"top_k": 10**6}, 9),
    ):
        found = generate(decoder, one, num_beams=1, temperature=1.0, max_length=1, **settings)[:, 0]
        assert set(found.tolist()) == set(order[:count].tolist()), settings


@torch.inference_mode()
def test_a_seed_draws_the_same_again_and_another_draws_others():
    decoder, features = speaker()
    settings = {"temperature": 1.0, "num_beams": 2}
    first, again, other = (generate(decoder, features, seed=seed, **settings).tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("length", [1, 2])
@torch.inference_mode()
def test_an_ended_caption_beside_open_ones_hinders_no_drawing(length):
    decoder, features = speaker()
    settings = {
        "temperature": 1.0,
        "num_beams": 2,
        "no_repeat_ngram_size": length,
        "length_penalty": 3.0,
        "max_length": 8,
    }
    for seed in range(10):
        found = generate(decoder, features, seed=seed, **settings)
        for caption in words_of(found):
            assert caption.count(END) == 1
            runs = list(zip(*(caption[at:] for at in range(length)), strict=False))
            assert len(set(runs)) == len(runs)


@torch.inference_mode()
def test_drawing_at_the_lowest_temperature_is_greedy_and_at_the_highest_gives_captions():
    decoder, features = speaker()
    assert generate(decoder, features, num_beams=1, temperature=1e-3).equal(generate(decoder, features, num_beams=1))
    assert all(caption.count(END) == 1 for caption in words_of(generate(decoder, features, temperature=1e3)))


@torch.inference_mode()
def test_no_images_have_no_captions():
    decoder, features = speaker()
    none = Features(features.tokens[:0], features.grid)
    assert generate(decoder, none, max_length=6).shape == (0, 7)
    assert n_best(decoder, none, 2, max_length=6, temperature=1.0).shape == (0, 2, 7)


@torch.inference_mode()
def test_all_drawn_captions_can_be_had_and_the_best_comes_first():
    decoder, features = speaker()
    settings = {"num_beams": 6, "temperature": 1.0, "max_length": 6}
    several = n_best(decoder, features, 6, **settings)
    assert several[:, 0].equal(generate(decoder, features, **settings))
    for image, captions in enumerate(several):
        one = Features(features.tokens[image : image + 1], features.grid)
        scores = [_score(decoder, one, caption) for caption in words_of(captions)]
        assert scores == sorted(scores, reverse=True)
        assert len(set(scores)) > 1


def _score(decoder, one, words, power=0.7):
    tokens = torch.tensor([[[START, *words]]])
    memory, state = decoder.init_state(one)
    each = decoder.logits(decoder(tokens[..., :-1], memory, state).hidden).log_softmax(-1)
    return each.gather(-1, tokens[..., 1:, None]).sum().item() / len(words) ** power


@pytest.mark.parametrize("count", [0, 6])
def test_more_captions_than_beams_are_refused(count):
    decoder, features = speaker()
    with pytest.raises(ValueError, match=rf"^count={count} should be at least 1, and at most num_beams=5$"):
        n_best(decoder, features, count)


def test_every_batch_of_a_data_set_is_drawn_with_a_seed_of_its_own():
    drawn = Decoding(temperature=1.0, seed=3)
    assert drawn.of_batch(0) == drawn
    seeds = [Decoding(temperature=1.0, seed=seed).of_batch(number).seed for seed in range(30) for number in range(30)]
    assert len({seed % 2**32 for seed in seeds}) == len(seeds)  # a processor's generator takes no more of it
    assert Decoding().of_batch(7) == Decoding()
    decoder, features = speaker()
    said = [generate(decoder, features, **vars(drawn.of_batch(number))).tolist() for number in (0, 1, 10**6)]
    assert len({str(each) for each in said}) == 3


@torch.inference_mode()
def test_of_several_drawn_captions_the_likeliest_is_kept():
    decoder, features = speaker(words=len(SPECIAL) + 2)
    settings = {"max_length": 2, "length_penalty": 1.0}
    drawn = generate(decoder, features, num_beams=300, temperature=2.0, **settings)
    assert (
        drawn.tolist() == generate(decoder, features, num_beams=30, **settings).tolist()
    )  # by then all have been drawn


@torch.inference_mode()
def test_bfloat16_gives_captions_that_end():
    for spec in ("lstm(dim=16)", "transformer(dim=16, num_layers=1, num_heads=2)"):
        decoder, features = speaker(spec)
        with torch.autocast("cpu", torch.bfloat16):
            outside = generate(decoder, features, num_beams=3, max_length=6)
        for precision in ("bfloat16", "float32"):
            counting = Counting(decoder)
            found = generate(counting, features, num_beams=3, max_length=6, precision=precision)
            assert counting.scored == {getattr(torch, precision)}
            assert found.equal(outside) or precision == "float32"
            for caption in words_of(found):
                assert caption[-1] == END
                assert not {PAD, START, UNKNOWN, END} & set(caption[:-1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_beams": 0}, "num_beams=0 should be at least 1"),
        ({"max_length": 0}, "max_length=0 should be at least 1"),
        ({"length_penalty": -1.0}, "length_penalty=-1.0"),
        ({"temperature": float("nan")}, "temperature=nan should be a number"),
        ({"temperature": 1e-40}, "temperature=1e-40 should be 0, or between 0.001 and 1000"),
        ({"temperature": 1e40}, "temperature=1e+40 should be 0, or between"),
        ({"top_p": 0.0}, "top_p=0.0 should be above 0"),
        ({"top_p": 0.5}, "set a temperature"),
        ({"top_k": 5}, "set a temperature"),
        ({"seed": 5}, "set a temperature"),
        ({"num_beam_groups": 2, "diversity_penalty": 0.5}, "num_beams=5 should be a multiple of num_beam_groups=2"),
        ({"num_beam_groups": 5}, "groups=5 and diversity_penalty=0.0 belong together"),
        ({"diversity_penalty": 0.5}, "groups=1 and diversity_penalty=0.5 belong together"),
        ({"num_beam_groups": 5, "diversity_penalty": 0.5, "temperature": 1.0}, "leave out one"),
    ],
    ids=str,
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        Decoding(**settings)
    assert "\n" not in str(error.value)


def test_a_request_says_only_what_was_asked_beyond_the_first_settings():
    assert to_request(Decoding()) == {"num_beams": 5, "max_length": 20, "length_penalty": 0.7}
    assert to_request(Decoding(no_repeat_ngram_size=3)) == {
        "num_beams": 5,
        "max_length": 20,
        "length_penalty": 0.7,
        "no_repeat_ngram_size": 3,
    }


def test_a_state_is_taken_from_its_parents_among_the_images_that_stay():
    state = (torch.arange(24).view(4, 3, 2),)
    (taken,) = reorder(state, torch.tensor([[2, 0], [1, 1]]), torch.tensor([3, 1]))
    assert taken.tolist() == [[state[0][3, 2].tolist(), state[0][3, 0].tolist()], [state[0][1, 1].tolist()] * 2]


def test_the_oracle_itself_finds_the_best_of_all_captions():
    decoder, features = speaker(words=len(SPECIAL) + 2)
    first = len(SPECIAL)
    with torch.inference_mode():
        found = searched(decoder, features, Decoding(num_beams=40, max_length=2, length_penalty=1.0))
        every = [(*words, END) for count in range(3) for words in itertools.product((first, first + 1), repeat=count)]
        for row, (caption, *_) in enumerate(found):
            one = Features(features.tokens[row : row + 1], features.grid)
            scores = Counter()
            for words in every:
                scores[words] = _score(decoder, one, words, power=1.0)
            assert tuple(caption) == max(every, key=scores.__getitem__)
