"""Ensembles: probabilities against means computed by hand, members of other parts, and what is refused."""

import json
from dataclasses import replace

import pytest
import torch
from PIL import Image

import zoo
from registry import Spec
from zoo.captioner import Captioner
from zoo.decoders import Decoder
from zoo.ensemble import Ensemble, EnsembleDecoder
from zoo.explain import NoGrid
from zoo.generate import n_best
from zoo.parts import Parts
from zoo.pretrained import load_members, locate
from zoo.types import DecoderOutput, Features, Memory
from zoo.vocabulary import SPECIAL, START, Vocabulary

WORDS = Vocabulary([*SPECIAL, *["a", "dog", "runs", "cat", "sits", "on", "grass", "the", "ball", "red"]])
LSTM = ("patches(dim=8, patch=32)", "bahdanau", "lstm(dim=16)")
TRANSFORMER = (
    "patches(dim=12, image_size=48)",
    "multihead(num_heads=2)",
    "transformer(dim=16, num_layers=2, num_heads=2)",
)
ADAPTIVE = ("patches(dim=8, patch=32)", "luong", "adaptive(dim=16)")


def captioner(parts, seed, vocabulary=WORDS):
    torch.manual_seed(seed)
    made = Captioner.build(Parts.parse(*parts), vocabulary).eval()
    for parameter in made.decoder.parameters():
        parameter.data *= 3  # a fresh one is flat
    return made


def pictures(count=3):
    torch.manual_seed(9)
    return [Image.fromarray(torch.randint(256, (40 + 8 * n, 64, 3)).byte().numpy()) for n in range(count)]


MEMBERS = [captioner(LSTM, 0), captioner(TRANSFORMER, 1), captioner(ADAPTIVE, 2), captioner(LSTM, 3)]


@torch.inference_mode()
def probabilities(member, images, tokens):
    return member.decoder.logits(member.teacher_force(member.encode_images(images), tokens).hidden).softmax(dim=-1)


def test_a_word_has_the_mean_of_the_members_probabilities():
    ensemble, images = Ensemble(MEMBERS), pictures()
    tokens = torch.randint(len(SPECIAL), len(WORDS), (len(images), 2, 6))
    tokens[..., 0] = START
    expected = sum(probabilities(member, images, tokens) for member in MEMBERS) / len(MEMBERS)
    assert torch.allclose(probabilities(ensemble, images, tokens), expected, atol=1e-6)
    with torch.inference_mode():  # and so a token at a time
        memory, state = ensemble.decoder.init_state(ensemble.encode_images(images))
        for at in range(tokens.shape[2]):
            output = ensemble.decoder(tokens[:, :1, at : at + 1], memory, state)
            memory, state = output.memory, output.state
            found = ensemble.decoder.logits(output.hidden).exp()
            assert torch.allclose(found[:, :, 0], expected[:, :1, at], atol=1e-5)


@torch.inference_mode()
def score(members, image, words, length_penalty):
    """What a search maximises, from the members' own probabilities."""
    ids = [*WORDS.token_ids(words), WORDS.token_ids([])[0]]
    tokens = torch.tensor([[ids[:-1]]])
    mean = sum(probabilities(member, [image], tokens) for member in members)[0, 0] / len(members)
    ends = [*ids[1:-1], SPECIAL.index("<end>")]
    return sum(mean[at, word].log() for at, word in enumerate(ends)) / len(ends) ** length_penalty


@pytest.mark.parametrize("settings", [{"num_beams": 1}, {"num_beams": 4}, {"num_beams": 3, "temperature": 1.0}])
def test_one_member_and_the_same_three_times_write_what_it_writes(settings):
    for member in (MEMBERS[0], MEMBERS[1]):
        expected = member.caption(pictures(), max_length=8, **settings)
        assert Ensemble([member]).caption(pictures(), max_length=8, **settings) == expected
        assert Ensemble([member] * 3).caption(pictures(), max_length=8, **settings) == expected


def test_beams_find_captions_that_the_mean_likes_best():
    members, (image, *_) = MEMBERS[:3], pictures()
    found = Ensemble(members).caption_n_best([image], 5, num_beams=12, max_length=3, length_penalty=0.7)[0]
    scores = [score(members, image, words.split(), 0.7) for words in found]
    assert scores == sorted(scores, reverse=True)
    alone = [member.caption([image], num_beams=12, max_length=3, length_penalty=0.7)[0] for member in members]
    assert all(scores[0] >= score(members, image, words.split(), 0.7) for words in alone)


def test_samples_are_of_the_mean_distribution():
    members, (image, *_) = MEMBERS[:2], pictures()
    ensemble = Ensemble(members)
    with torch.inference_mode():
        features = ensemble.encode_images([image])
        found = n_best(ensemble.decoder, features, 4000, num_beams=4000, temperature=1.0, max_length=1)[0, :, 0]
    mean = sum(probabilities(member, [image], torch.tensor([[[START]]])) for member in members)[0, 0, 0] / 2
    mean[[0, 1, 3]] = 0  # which no search may take
    shares = torch.bincount(found, minlength=len(WORDS)) / len(found)
    assert (shares - mean / mean.sum()).abs().max() < 0.03


class Counting(Decoder):
    """As many memories and tensors of state as there are positions; the likeliest word is their number."""

    def init_state(self, features):
        images, positions = features.tokens.shape[:2]
        memory = Memory(features.tokens, features.tokens)
        return (memory,) * positions, (torch.zeros(images, 1, 2),) * positions

    def forward(self, tokens, memory, state, *, need_weights=False):
        assert len(memory) == len(state)
        return DecoderOutput(torch.full((*tokens.shape, 1), float(len(memory))), None, state)

    def logits(self, hidden):
        return torch.nn.functional.one_hot(hidden[..., 0].long(), 5) * 9.0


def test_calls_that_overlap_do_not_mix():
    decoder = EnsembleDecoder([Counting(), Counting()], [0, 1])
    both = [Features.joint([Features(torch.ones(2, n, 3)), Features(torch.ones(2, n, 3))]) for n in (1, 3)]
    inputs = [decoder.init_state(features) for features in both]
    for (memory, state), positions in zip(inputs, (1, 3), strict=True):
        output = decoder(torch.zeros(2, 1, 1, dtype=torch.long), memory, state)
        assert (decoder.logits(output.hidden).argmax(dim=-1) == positions).all()
    first, second = (decoder(torch.zeros(2, 1, 1, dtype=torch.long), *each).hidden for each in inputs)
    assert decoder.logits(first).argmax() == 1
    assert decoder.logits(second).argmax() == 3


def test_backbones_with_the_same_weights_encode_once():
    again = Captioner(MEMBERS[0].parts, captioner(LSTM, 0).backbone, MEMBERS[3].decoder, WORDS)
    shared = Ensemble([MEMBERS[0], again, MEMBERS[1]])
    assert shared.decoder.sources == (0, 0, 1)
    assert len(shared.backbones) == 2
    own = sum(p.numel() for member in (MEMBERS[0], again) for p in member.decoder.parameters())
    own += sum(p.numel() for p in (*MEMBERS[0].backbone.parameters(), *MEMBERS[1].parameters()))
    assert sum(p.numel() for p in shared.parameters()) == own
    assert len(Ensemble([MEMBERS[0], MEMBERS[3]]).backbones) == 2  # of one Spec, with other weights


def test_where_a_file_of_weights_lies_makes_no_other_backbone():
    members = [
        Captioner(
            replace(MEMBERS[0].parts, backbone=Spec.parse(f"patches(weights='{file}')")), backbone, decoder, WORDS
        )
        for file in ("here/w.pt", "w.pt", "here/v.pt")
        for backbone, decoder in [(captioner(LSTM, 0).backbone, MEMBERS[0].decoder)]
    ]
    assert Ensemble(members).decoder.sources == (0, 0, 1)


def test_maps_are_the_mean_of_the_members_where_their_grids_agree():
    members, (image, *_) = [MEMBERS[0], MEMBERS[2]], pictures()
    found = Ensemble(members).explain(image, max_length=5)
    tokens = torch.tensor([[WORDS.token_ids(found.words)]])
    with torch.inference_mode():
        each = [m.teacher_force(m.encode_images([image]), tokens, need_weights=True).weights[0, 0] for m in members]
    expected = (each[0] + each[1])[: len(found.words)] / 2
    assert torch.allclose(torch.from_numpy(found.maps).flatten(1), expected, atol=1e-6)
    assert found.non_visual_source == MEMBERS[2].decoder.non_visual_source
    with pytest.raises(NoGrid, match="no common grid"):
        Ensemble(MEMBERS[:2]).explain(image)


def test_other_vocabularies_and_no_members_are_refused():
    other = captioner(LSTM, 4, Vocabulary([*WORDS.words[:-1], "blue"]))
    order = captioner(LSTM, 4, Vocabulary([*SPECIAL, *reversed(WORDS.words[len(SPECIAL) :])]))
    for member in (other, order):
        with pytest.raises(
            ValueError, match=r"another vocabulary than patches.*: an ensemble takes models with the same"
        ):
            Ensemble([MEMBERS[0], member])
    with pytest.raises(ValueError, match="no members"):
        Ensemble([])


def test_several_folders_are_an_ensemble(tmp_path):
    for number, member in enumerate(MEMBERS[:2]):
        member.save_pretrained(tmp_path / str(number))
    model = zoo.from_pretrained([tmp_path / "0", tmp_path / "1"])
    assert model.caption(pictures(), max_length=8) == Ensemble(MEMBERS[:2]).caption(pictures(), max_length=8)
    assert model.title.startswith("ensemble of 2: patches(dim=8, patch=32) + bahdanau")


def test_a_folder_is_in_an_ensemble_once(tmp_path):
    MEMBERS[0].save_pretrained(tmp_path / "0")
    (tmp_path / "again").symlink_to(tmp_path / "0")
    for again in ("0", "again"):
        with pytest.raises(ValueError, match=rf"{again}' is in the ensemble twice: name each model once"):
            zoo.from_pretrained([tmp_path / "0", tmp_path / again])


def test_an_ensemble_of_what_are_no_ids_of_runs_beside_it_is_refused(tmp_path):
    names = [f"{number:012x}" for number in range(2)]
    for name, member in zip(names, MEMBERS[:2], strict=True):
        member.save_pretrained(tmp_path / name)
    (tmp_path / "both").mkdir()
    file = tmp_path / "both" / "request.json"
    file.write_text(json.dumps({"ensemble": {"10": names[0], "2": names[1]}}))
    expected = [str(tmp_path / name) for name in reversed(names)]  # by seed
    assert [each.source for each in load_members([locate(tmp_path / "both")])] == expected
    for other in (f"../{tmp_path.name}/{names[1]}", "f" * 12):
        file.write_text(json.dumps({"ensemble": {"0": names[0], "1": other}}))
        with pytest.raises(ValueError, match=rf"both' is an ensemble, and its member {other} does not lie in"):
            zoo.from_pretrained(tmp_path / "both")
    file.write_text('{"ensemble": {}}')
    with pytest.raises(ValueError, match=r"no captioner in .*both'"):
        zoo.from_pretrained(tmp_path / "both")
