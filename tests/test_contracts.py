"""Every registered part keeps its contracts; every contract catches a part that breaks it."""

import pytest
import torch
from torch import nn

from registry import Spec
from zoo import contracts
from zoo.attention import Attention, AttentionOutput, Memory, ScoreAttention
from zoo.attention.bahdanau import Bahdanau
from zoo.attention.hard import Hard
from zoo.attention.multihead import MultiHead
from zoo.backbones import Preprocess
from zoo.backbones.patches import Patches
from zoo.decoders.lstm import LSTM
from zoo.decoders.transformer import Transformer
from zoo.registries import ATTENTIONS, BACKBONES, DECODERS

ATTENTION_SPECS = [
    *ATTENTIONS,
    "luong(score='dot')",
    "luong(score='concat')",
    "luong(scale=True)",
    "multihead(num_heads=1)",
    "bahdanau(normed=True)",
    "local(score='cosine', window=1)",
    "hard(evaluate='argmax')",
    "sparse(normaliser='sparsemax', score='bahdanau')",
    "area(score='relu_concat', largest=2)",
    "aoa(attention='local')",
    "aoa(attention='hard')",
]
DECODER_SPECS = [
    *DECODERS,
    "lstm(attend='after')",
    "lstm(deep_output=False, beta='none')",
    "lstm(beta='vector', positions='none')",
    "lstm(positions='learned', doubly_stochastic=1.0)",
    "transformer(num_layers=1, num_heads=1)",
]
BACKBONE_SPECS = [
    "patches",
    "efficientnet_lite(pretrained=False)",
    "efficientnet_lite(pretrained=False, image_size=(96, 160), trainable=2)",
    "concat(backbones=['efficientnet_lite(pretrained=False)', 'timm/test_resnet(pretrained=False)'], image_size=96)",
    "timm/test_resnet(pretrained=False, stages=(2, 3), trainable=1)",
    "timm/test_vit(pretrained=False, image_size=(96, 160), stages=-2)",
    "timm/test_vit(pretrained=False)",
    "timm/test_convnext(pretrained=False, trainable=True)",
    "timm/test_efficientnet(pretrained=False)",
    "timm/test_mambaout(pretrained=False)",
    "timm/swin_tiny_patch4_window7_224(pretrained=False, image_size=64)",
    "timm/crossvit_9_240(pretrained=False)",
    "timm/hrnet_w18_small(pretrained=False, image_size=64)",
    "torchvision/squeezenet1_1(pretrained=False, image_size=64)",
    "torchvision/vit_b_32(pretrained=False, image_size=64)",
    "torchvision/resnet18(pretrained=False, image_size=(64, 96), layer='layer3')",
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
    def forward(self, query, memory, *, need_weights=False):
        output = super().forward(query, memory, need_weights=need_weights)
        return AttentionOutput(output.context, None if output.weights is None else 2 * output.weights)


class Uneven(MultiHead):
    def forward(self, query, memory, *, need_weights=False):
        output = super().forward(query, memory, need_weights=need_weights)
        return output._replace(weights=output.weights if output.heads is None else output.heads[:, :, 0])


class Moody(Bahdanau):
    def forward(self, query, memory, *, need_weights=False):
        output = super().forward(query, memory, need_weights=need_weights)
        return output if need_weights else output._replace(context=output.context + 0.01)


class Unmasked(Bahdanau):
    def precompute(self, features):
        return super().precompute(features)._replace(mask=None)


class Crossed(MultiHead):
    def forward(self, query, memory, *, need_weights=False):
        return super().forward(query - query.mean(dim=0), memory, need_weights=need_weights)


class Ordered(Bahdanau):
    def keys(self, tokens):
        return super().keys(tokens) + torch.arange(tokens.shape[1])[:, None]


class Gridless(Bahdanau):
    reads_grid = True


class Counting(Bahdanau):
    def forward(self, query, memory, *, need_weights=False):
        output = super().forward(query, memory, need_weights=need_weights)
        return output._replace(context=output.context * memory.values.shape[1])


class Idle(Bahdanau):
    def __init__(self, query_dim, feature_dim):
        super().__init__(query_dim, feature_dim)
        self.unused = nn.Linear(2, 2)


class Detached(Bahdanau):
    def keys(self, tokens):
        return super().keys(tokens.detach())


class Silent(Hard):
    def forward(self, query, memory, *, need_weights=False):
        return super().forward(query, memory, need_weights=need_weights)._replace(log_prob=None)


class Chatty(Bahdanau):
    def forward(self, query, memory, *, need_weights=False):
        return super().forward(query, memory, need_weights=need_weights)._replace(log_prob=-query.norm(dim=-1))


class Overflowing(ScoreAttention):
    def __init__(self, query_dim, feature_dim):
        super().__init__(feature_dim)

    def keys(self, tokens):
        return tokens.exp()

    def score(self, query, keys):
        return query @ keys.mT


class Unstored(Bahdanau):
    def __init__(self, query_dim, feature_dim):
        super().__init__(query_dim, feature_dim)
        self.direction = torch.randn(feature_dim)

    def keys(self, tokens):
        return super().keys(tokens * self.direction)


class Scattered(Bahdanau):
    def __init__(self, query_dim, feature_dim):
        super().__init__(query_dim, feature_dim)
        self.register_buffer("neighbours", torch.eye(4).bool().to_sparse())  # no file of weights holds it


class Priced(Bahdanau):
    def __init__(self, query_dim, feature_dim, *, price: float = 1.0):
        super().__init__(query_dim, feature_dim)


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


class Cropping(Preprocess):
    def to_tensor(self, image):
        return super().to_tensor(image)[..., 1:]


class Unprepared(Patches):
    def __init__(self):
        super().__init__()
        self.preprocess = Cropping((64, 64))


class Stuck(Patches):
    def forward(self, images):
        features = super().forward(images)
        return features._replace(tokens=features.tokens.detach())


class Fragile(Patches):
    def forward(self, images):
        features = super().forward(images)
        return features._replace(tokens=features.tokens.double().exp().half().float() + 1e6 * features.tokens.half())


class UnstoredPatches(Patches):
    def __init__(self):
        super().__init__()
        self.direction = torch.randn(self.feature_dim)

    def forward(self, images):
        features = super().forward(images)
        return features._replace(tokens=features.tokens * self.direction)


class PricedPatches(Patches):
    def __init__(self, *, price: float = 1.0):
        super().__init__()


class Forgetful(LSTM):
    def forward(self, tokens, memory, state, *, need_weights=False):
        output = super().forward(tokens, memory, state, need_weights=need_weights)
        return output._replace(state=tuple(torch.zeros_like(part) for part in output.state))


class Overweighted(LSTM):
    def forward(self, tokens, memory, state, *, need_weights=False):
        output = super().forward(tokens, memory, state, need_weights=need_weights)
        return output._replace(weights=None if output.weights is None else 2 * output.weights)


class Headless(LSTM):
    def forward(self, tokens, memory, state, *, need_weights=False):
        return super().forward(tokens, memory, state, need_weights=need_weights)._replace(heads=None)


class Topheavy(Transformer):
    def forward(self, tokens, memory, state, *, need_weights=False):
        output = super().forward(tokens, memory, state, need_weights=need_weights)
        return output._replace(heads=None if output.heads is None else output.heads[:, :, :, -1:])


class Twofold(LSTM):
    def init_state(self, features):
        memory, state = super().init_state(features)
        return memory, tuple(part.expand(-1, 2, -1) for part in state)


class Leaky(LSTM):
    def forward(self, tokens, memory, state, *, need_weights=False):
        output = super().forward(tokens, memory, state, need_weights=need_weights)
        return output._replace(hidden=output.hidden + output.hidden.mean(dim=1, keepdim=True))


class Secretive(LSTM):
    cell = None

    def init_state(self, features):
        self.cell = None
        return super().init_state(features)

    def forward(self, tokens, memory, state, *, need_weights=False):
        kept = state[1] if self.cell is None else self.cell
        output = super().forward(tokens, memory, (state[0], kept), need_weights=need_weights)
        self.cell = output.state[1]
        return output


class Blind(LSTM):
    def init_state(self, features):
        return super().init_state(features._replace(tokens=torch.zeros_like(features.tokens)))


class Staring(LSTM):
    def init_state(self, features):
        return super().init_state(features._replace(mask=None))


class Lazy(LSTM):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.unused = nn.Linear(2, 2)


class Exploding(LSTM):
    def logits(self, hidden):
        return super().logits(hidden * 1e4).exp()


class UnstoredLSTM(LSTM):
    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.direction = torch.randn(self.bias.shape)

    def logits(self, hidden):
        return super().logits(hidden) * self.direction


class PricedLSTM(LSTM):
    def __init__(self, *sizes, price: float = 1.0):
        super().__init__(*sizes)


class Choosy(LSTM):
    def __init__(self, vocab_size, feature_dim, attention):
        super().__init__(vocab_size, feature_dim, attention, dim=32)
        self.watched = self.attention.v


class Deaf(LSTM):
    def forward(self, tokens, memory, state, *, need_weights=False):
        return super().forward(tokens, memory, state, need_weights=need_weights)._replace(log_prob=None)


class Muddled(LSTM):
    def forward(self, tokens, memory, state, *, need_weights=False):
        output = super().forward(tokens, memory, state, need_weights=need_weights)
        return output._replace(state=tuple(part.flip(1) for part in output.state))


class Noisy(LSTM):
    def logits(self, hidden):
        logits = super().logits(hidden)
        return logits + 3 * torch.randn_like(logits)


class Crowded(LSTM):
    def init_state(self, features):
        return super().init_state(features._replace(tokens=features.tokens - features.tokens.mean(dim=0)))


PLANTED = [
    ("attention", Unnormalised, "weights are a distribution"),
    ("attention", Uneven, "heads average to the weights"),
    ("attention", Moody, "gives the same context with and without weights"),
    ("attention", Unmasked, "respects the mask"),
    ("attention", Crossed, "treats images and queries independently"),
    ("attention", Ordered, "is permutation equivariant unless it reads the grid"),
    ("attention", Gridless, "is permutation equivariant unless it reads the grid"),
    ("attention", Counting, "reads equal features as one"),
    ("attention", Idle, "learns"),
    ("attention", Detached, "has the gradients of its outputs"),
    ("attention", Silent, "returns the log prob of its samples"),
    ("attention", Chatty, "returns the log prob of its samples"),
    ("attention", Overflowing, "stays finite in bfloat16"),
    ("attention", Unstored, "can be saved and loaded"),
    ("attention", Scattered, "can be saved and loaded"),
    ("attention", Priced, "is named as registered"),
    ("backbone", Narrow, "returns the features it declares"),
    ("backbone", Batchy, "treats images independently"),
    ("backbone", Blank, "treats images independently"),
    ("backbone", Unprepared, "preprocesses any image"),
    ("backbone", Stuck, "trains what it declares trainable"),
    ("backbone", Fragile, "stays finite in bfloat16"),
    ("backbone", UnstoredPatches, "can be saved and loaded"),
    ("backbone", PricedPatches, "is named as registered"),
    ("decoder", Forgetful, "gives the same output step by step"),
    ("decoder", Overweighted, "weights are a distribution"),
    ("decoder", Headless, "heads average to the weights"),
    ("decoder", Topheavy, "heads average to the weights"),
    ("decoder", Twofold, "starts with one hypothesis"),
    ("decoder", Leaky, "treats captions independently"),
    ("decoder", Secretive, "state can be reordered"),
    ("decoder", Blind, "depends on the image"),
    ("decoder", Staring, "respects the mask"),
    ("decoder", Lazy, "learns"),
    ("decoder", Exploding, "stays finite in bfloat16"),
    ("decoder", UnstoredLSTM, "can be saved and loaded"),
    ("decoder", PricedLSTM, "is named as registered"),
    ("decoder", Choosy, "accepts or refuses every attention"),
    ("decoder", Deaf, "accepts or refuses every attention"),
    ("decoder", Muddled, "exhaustive beam search is exact"),
    ("decoder", Noisy, "beam search of width one is greedy"),
    ("decoder", Crowded, "decoding does not depend on the batch"),
]
REGISTRIES = {registry.kind: registry for registry in (BACKBONES, ATTENTIONS, DECODERS)}


@pytest.mark.parametrize(("kind", "part", "contract"), PLANTED)
def test_a_planted_mistake_is_caught(kind, part, contract, monkeypatch):
    monkeypatch.setitem(REGISTRIES[kind]._factories, "planted", part)
    options = {"price": float("inf")} if part.__name__.startswith("Priced") else {}  # is spelled as no literal
    problems = dict(contracts.check(kind, Spec("planted", None, options)))
    assert problems[contract] is not None


def test_every_contract_is_shown_to_fail():
    assert {(kind, contract) for kind, _, contract in PLANTED} == {
        (kind, contract) for kind, named in contracts.CONTRACTS.items() for contract in named
    }


def test_an_attention_that_is_no_score_attention_fits_too(monkeypatch):
    class First(Attention):
        def __init__(self, query_dim, feature_dim):
            super().__init__()
            self.context_dim = feature_dim

        def precompute(self, features):
            keep = torch.ones(features.tokens.shape[:2]) if features.mask is None else features.mask.float()
            return Memory(keep / keep.sum(1, keepdim=True), features.tokens)

        def forward(self, query, memory, *, need_weights=False):
            share = memory.keys[:, None].expand(-1, query.shape[1], -1)
            return AttentionOutput(share.to(memory.values.dtype) @ memory.values, share if need_weights else None)

    monkeypatch.setitem(ATTENTIONS._factories, "first", First)
    assert [problem for _, problem in contracts.check("attention", "first") if problem] == []


class Particular(LSTM):
    def __init__(self, vocab_size, feature_dim, attention, *, takes: str = "multihead"):
        if str(attention) != takes:
            raise ValueError(f"particular takes {takes} alone, not {attention}")
        super().__init__(vocab_size, feature_dim, attention, dim=32)


def test_a_decoder_that_refuses_attentions_is_checked_with_one_that_it_takes(monkeypatch):
    monkeypatch.setitem(DECODERS._factories, "particular", Particular)
    assert [(name, problem) for name, problem in contracts.check("decoder", "particular") if problem] == []
    problems = dict(contracts.check("decoder", "particular(takes='none')"))
    assert problems["learns"] == "ValueError: particular takes none alone, not bahdanau"
    assert problems["accepts or refuses every attention"] == "AssertionError: it takes no attention at all"
