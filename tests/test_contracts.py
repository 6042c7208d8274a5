"""Every registered part keeps its contracts; every contract catches a part that breaks it."""

import pytest
import torch
from torch import nn

from registry import Spec
from zoo import contracts
from zoo.attention import Attention, AttentionOutput, Memory, ScoreAttention
from zoo.attention.bahdanau import Bahdanau
from zoo.attention.multihead import MultiHead
from zoo.backbones.patches import Patches
from zoo.decoders.lstm import LSTM
from zoo.registries import ATTENTIONS, BACKBONES, DECODERS

ATTENTION_SPECS = [
    *ATTENTIONS,
    "luong(score='dot')",
    "luong(score='concat')",
    "luong(scale=True)",
    "multihead(num_heads=1)",
]
DECODER_SPECS = [
    *DECODERS,
    "lstm(attend='after')",
    "lstm(deep_output=False, beta='none')",
    "lstm(beta='vector', positions=False)",
]
TIMM = ("test_resnet", "test_vit", "test_convnext", "test_efficientnet", "swin_tiny_patch4_window7_224(image_size=64)")
MORE = ("coat_lite_tiny", "crossvit_9_240", "efficientvim_m1", "hrnet_w18_small(image_size=64)")
BACKBONE_SPECS = ["patches", "efficientnet_lite(pretrained=False)"] + [
    str(Spec.parse(f"timm/{name}")).replace("(", "(pretrained=False, ")
    if "(" in name
    else f"timm/{name}(pretrained=False)"
    for name in TIMM + MORE
]


@pytest.mark.parametrize(
    ("kind", "spec"),
    [("attention", spec) for spec in ATTENTION_SPECS]
    + [("decoder", spec) for spec in DECODER_SPECS]
    + [("backbone", spec) for spec in BACKBONE_SPECS],
)
def test_keeps_its_contracts(kind, spec):
    assert [(name, problem) for name, problem in contracts.check(kind, spec) if problem] == []


def test_every_registered_backbone_is_covered():
    assert {spec.partition("/")[0].partition("(")[0] for spec in BACKBONE_SPECS} == set(BACKBONES)


class Unnormalised(Bahdanau):
    def forward(self, query, memory, *, weights=False):
        output = super().forward(query, memory, weights=weights)
        return AttentionOutput(output.context, None if output.weights is None else 2 * output.weights)


class Moody(Bahdanau):
    def forward(self, query, memory, *, weights=False):
        output = super().forward(query, memory, weights=weights)
        return output if weights else output._replace(context=output.context + 0.01)


class Unmasked(Bahdanau):
    def remember(self, features):
        return super().remember(features)._replace(mask=None)


class Crossed(MultiHead):
    def forward(self, query, memory, *, weights=False):
        return super().forward(query - query.mean(dim=0), memory, weights=weights)


class Idle(Bahdanau):
    def __init__(self, query_dim, feature_dim):
        super().__init__(query_dim, feature_dim)
        self.unused = nn.Linear(2, 2)


class Overflowing(ScoreAttention):
    def __init__(self, query_dim, feature_dim):
        super().__init__(feature_dim)

    def keys(self, tokens):
        return tokens.exp()

    def score(self, query, keys):
        return query @ keys.mT


class Narrow(Patches):
    def __init__(self):
        super().__init__()
        self.feature_dim = 63


class Batchy(Patches):
    def forward(self, images):
        return super().forward(images - images.mean(dim=0))


class Blank(Patches):
    def forward(self, images):
        return super().forward(0 * images)


class Forgetful(LSTM):
    def forward(self, tokens, memory, state, *, weights=False):
        output = super().forward(tokens, memory, state, weights=weights)
        return output._replace(state=tuple(torch.zeros_like(part) for part in output.state))


class Leaky(LSTM):
    def forward(self, tokens, memory, state, *, weights=False):
        output = super().forward(tokens, memory, state, weights=weights)
        return output._replace(hidden=output.hidden + output.hidden.mean(dim=1, keepdim=True))


class Secretive(LSTM):
    cell = None

    def begin(self, features):
        self.cell = None
        return super().begin(features)

    def forward(self, tokens, memory, state, *, weights=False):
        kept = state[1] if self.cell is None else self.cell
        output = super().forward(tokens, memory, (state[0], kept), weights=weights)
        self.cell = output.state[1]
        return output


class Blind(LSTM):
    def begin(self, features):
        return super().begin(features._replace(tokens=torch.zeros_like(features.tokens)))


@pytest.mark.parametrize(
    ("registry", "part", "contract"),
    [
        (ATTENTIONS, Unnormalised, "reads with weights that sum to one"),
        (ATTENTIONS, Moody, "answers alike with and without weights"),
        (ATTENTIONS, Unmasked, "leaves masked positions alone"),
        (ATTENTIONS, Crossed, "keeps images and queries apart"),
        (ATTENTIONS, Idle, "learns"),
        (ATTENTIONS, Overflowing, "stays finite in bfloat16"),
        (BACKBONES, Narrow, "returns the features it declares"),
        (BACKBONES, Batchy, "sees each image alone"),
        (BACKBONES, Blank, "sees each image alone"),
        (DECODERS, Forgetful, "says the same step by step, with bahdanau"),
        (DECODERS, Leaky, "keeps captions apart, with bahdanau"),
        (DECODERS, Secretive, "state can be reordered, with bahdanau"),
        (DECODERS, Blind, "looks at the image, with bahdanau"),
    ],
)
def test_a_planted_mistake_is_caught(registry, part, contract, monkeypatch):
    monkeypatch.setitem(registry._factories, "planted", part)
    problems = dict(contracts.check(registry.kind, "planted"))
    assert problems[contract] is not None


def test_an_attention_that_is_no_score_attention_fits_too(monkeypatch):
    class First(Attention):
        def __init__(self, query_dim, feature_dim):
            super().__init__()
            self.context_dim = feature_dim

        def remember(self, features):
            keep = torch.ones(features.tokens.shape[:2]) if features.mask is None else features.mask.float()
            return Memory(keep / keep.sum(1, keepdim=True), features.tokens)

        def forward(self, query, memory, *, weights=False):
            share = memory.keys[:, None].expand(-1, query.shape[1], -1)
            return AttentionOutput(share.to(memory.values.dtype) @ memory.values, share if weights else None)

    monkeypatch.setitem(ATTENTIONS._factories, "first", First)
    assert [problem for _, problem in contracts.check("attention", "first") if problem] == []
