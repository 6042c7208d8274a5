"""The example that puts a decoder of transformers into the template; needs the extra "speed"."""

import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from benchmarks.throughput.no_eos import NoEosDecoder
from registry import load_plugin
from zoo import contracts
from zoo.decoders import DECODERS, Features
from zoo.generate import generate
from zoo.types import expand_state
from zoo.vocabulary import END, PAD, START, UNKNOWN

transformers = pytest.importorskip("transformers", reason="transformers is not installed: make test-speed")
pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to mend

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "hf_decoder.py"
IMAGES, CAPTIONS, PLACES, WIDTH, WORDS, STEPS = 3, 2, 6, 24, 30, 6
CONFIGS = {"gpt2": transformers.GPT2Config, "bert": transformers.BertConfig}


@pytest.fixture(scope="module", autouse=True)
def registered():
    load_plugin(str(EXAMPLE))
    yield
    DECODERS._factories.pop("hf_decoder")


def build(model, *, dim=32, attention="multihead"):
    torch.manual_seed(0)
    spec = f"hf_decoder(model={model!r}, dim={dim}, num_layers=2, num_heads=4)"
    return DECODERS.build(spec, WORDS, WIDTH, attention).eval()


def theirs(ours, model, dim=32):
    """VisionEncoderDecoderModel as one builds it from configs, with the weights of `ours`; its encoder is never run."""
    encoder = transformers.ViTConfig(
        hidden_size=WIDTH, num_attention_heads=4, num_hidden_layers=1, intermediate_size=8, image_size=32
    )
    wide = {"intermediate_size": 4 * dim} if model == "bert" else {}
    decoder = CONFIGS[model](
        vocab_size=WORDS, hidden_size=dim, num_hidden_layers=2, num_attention_heads=4,
        is_decoder=True, add_cross_attention=True, **wide,
    )  # fmt: skip
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = START, PAD, END
    whole = transformers.VisionEncoderDecoderModel(config=config).eval()
    whole.decoder.base_model.load_state_dict(ours.layers.state_dict())
    (whole.decoder.lm_head if model == "gpt2" else whole.decoder.cls).load_state_dict(ours.output_layer.state_dict())
    if dim != WIDTH:
        whole.enc_to_dec_proj.load_state_dict(ours.enc_to_dec_proj.state_dict())
    return whole


def encoder_outputs(features, repeats=1):
    states = features.tokens.repeat_interleave(repeats, dim=0)
    return transformers.modeling_outputs.BaseModelOutput(last_hidden_state=states)


def some_features():
    return Features(torch.randn(IMAGES, PLACES, WIDTH))


@pytest.mark.parametrize("spec", ["", "(model='bert')", "(dim=64)", "(num_layers=1, num_heads=2)"])
def test_keeps_its_contracts(spec):
    checked = list(contracts.check("decoder", f"hf_decoder{spec}"))
    assert [(name, problem) for name, problem in checked if problem] == []
    assert len(checked) > 10


@pytest.mark.parametrize("model", CONFIGS)
@pytest.mark.parametrize("dim", [32, WIDTH])
def test_is_the_decoder_of_a_vision_encoder_decoder(model, dim):
    ours = build(model, dim=dim)
    other, features = theirs(ours, model, dim), some_features()
    captions = torch.randint(END, WORDS, (IMAGES, CAPTIONS, 6))
    captions[..., 0] = START
    given, target = captions[..., :-1], captions[..., 1:]
    memory, state = ours.init_state(features)
    logits = ours.logits(ours(given, memory, expand_state(state, CAPTIONS)).hidden)
    output = other(encoder_outputs=encoder_outputs(features, CAPTIONS), labels=target.flatten(0, 1))  # shifts by itself
    torch.testing.assert_close(output.logits, logits.flatten(0, 1))
    torch.testing.assert_close(output.loss, F.cross_entropy(logits.flatten(0, 2), target.flatten()))
    assert sum(part.numel() for part in ours.parameters()) == sum(
        part.numel() for name, part in other.named_parameters() if not name.startswith("encoder.")
    )


@pytest.mark.parametrize("model", CONFIGS)
def test_greedy_search_finds_what_theirs_finds(model):
    ours, features = build(model), some_features()
    for parameter in ours.parameters():  # a fresh one says one word of every image
        parameter.data += 0.5 * torch.randn_like(parameter)
    other = theirs(ours, model)
    found = generate(NoEosDecoder(ours), features, num_beams=1, max_length=STEPS)[:, :STEPS]
    searched = other.generate(
        encoder_outputs=encoder_outputs(features), num_beams=1, do_sample=False, min_new_tokens=STEPS,
        max_new_tokens=STEPS, suppress_tokens=[PAD, START, END, UNKNOWN], decoder_start_token_id=START,
        pad_token_id=PAD, eos_token_id=END,
    )  # fmt: skip
    assert found.tolist() == searched[:, 1:].tolist()
    assert len({tuple(caption) for caption in found.tolist()}) > 1


def test_starts_as_theirs_does():
    ours = build("gpt2", dim=64)
    weight = ours.enc_to_dec_proj.weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.1)
    assert not ours.enc_to_dec_proj.bias.any()
    assert ours.output_layer.weight is ours.layers.wte.weight
    assert list(build("gpt2", dim=WIDTH).enc_to_dec_proj.parameters()) == []


@pytest.mark.parametrize("model", CONFIGS)
def test_a_search_reads_one_word_a_step_and_an_image_once(model):
    ours, steps, images = build(model), [], []
    cross = [module for name, module in ours.layers.named_modules() if name.endswith("crossattention")]
    keys = [module.c_attn if model == "gpt2" else module.self.key for module in cross]
    hooks = [ours.layers.register_forward_pre_hook(lambda _, given: steps.append(tuple(given[0].shape)))]
    hooks += [key.register_forward_pre_hook(lambda _, given: images.append(len(given[0]))) for key in keys]
    generate(NoEosDecoder(ours), some_features(), num_beams=2, max_length=STEPS)
    for hook in hooks:
        hook.remove()
    assert steps == [(IMAGES, 1)] * 2 + [(IMAGES * 2, 1)] * STEPS  # the image, START, and all beams' words
    assert images == [IMAGES] * 2  # each of both layers


def test_num_heads_are_those_of_multihead_unless_it_has_its_own():
    def heads(spec, attention):
        return DECODERS.build(spec, WORDS, WIDTH, attention).layers.config.num_attention_heads

    assert heads("hf_decoder(dim=32)", "multihead") == 8
    assert heads("hf_decoder(dim=32)", "multihead(num_heads=2)") == 2
    assert heads("hf_decoder(dim=32, num_heads=4)", "multihead") == 4
    assert heads("hf_decoder(dim=32, num_heads=4)", "multihead(num_heads=4)") == 4


@pytest.mark.parametrize(
    ("spec", "attention", "message"),
    [
        ("hf_decoder", "bahdanau", r"has a multi-head attention of its own: take multihead, not bahdanau$"),
        ("hf_decoder", "aoa(attention='multihead')", r"take multihead, not aoa\(attention='multihead'\)$"),
        ("hf_decoder(num_heads=4)", "multihead(num_heads=2)", r"one num_heads for all: multihead\(num_heads=2\) has"),
        ("hf_decoder(dim=30)", "multihead", r"hf_decoder\(dim=30\): num_heads=8 does not divide it$"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(spec, attention, message):
    with pytest.raises(ValueError, match=message) as refusal:
        DECODERS.build(spec, WORDS, WIDTH, attention)
    assert "\n" not in str(refusal.value)


def test_without_transformers_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match=r"hf_decoder needs transformers \(.*\): pip install 'transformers>=5,<6'$"):
        build("gpt2")
