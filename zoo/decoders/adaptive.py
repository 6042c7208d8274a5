"""Knowing when to look (Lu et al., 2017, https://arxiv.org/abs/1612.01887, 2.3 and 2.4)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from registry import Size, Spec
from zoo.attention import ScoreAttention, masked_softmax, with_scores
from zoo.decoders import DECODERS
from zoo.decoders.recurrent import Recurrent, Step, init_forget_bias, lstm_cell
from zoo.projection import Positions
from zoo.types import AttentionOutput, Features, Memory, State


@DECODERS.register("adaptive")
class Adaptive(Recurrent):
    """An LSTM that may attend to a visual sentinel, what it knows already, instead of the image.

    The sentinel s = sigmoid(W_x x + W_h h) * tanh(m), with m the new cell, competes with
    the features for the attention of the new state; the output is context + state. The
    weights are those of the image; the sentinel's is what they lack to 1. Takes any
    attention that scores features, and scores the sentinel with it, so the paper's W_s is
    a product with that attention's own matrix.

    Options:
        dim: width of the state, the words and the projected features.
        dropout: dropout probability of words, features and outputs.
        positions: encoding of each feature's place on the grid: sines and cosines of row and
            column, a learned vector for each, or none.
    """

    attention: ScoreAttention

    def __init__(
        self,
        vocab_size: int,
        feature_dim: int,
        attention: str | Spec,
        *,
        dim: Size = 512,
        dropout: float = 0.3,
        positions: Positions = "sinusoidal",
    ) -> None:
        super().__init__(vocab_size, feature_dim, attention, dim=dim, dropout=dropout, positions=positions)
        self.attention = with_scores(self.attention, attention)
        self.non_visual_source = "sentinel"
        self.overview = nn.Linear(dim, dim)
        self.word_gates = init_forget_bias(nn.Linear(dim, 5 * dim), dim)  # an LSTM's four, the sentinel's
        self.view_gates = nn.Linear(dim, 5 * dim, bias=False)
        self.state_gates = nn.Linear(dim, 5 * dim, bias=False)
        self.sentinel = nn.Linear(dim, dim, bias=False)

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """The attention's memory, and what relu(W mean) gives to the cell; (h, c) = 0."""
        features, mean = self.project_and_pool(features)
        view = self.view_gates(self.overview(mean).relu())
        zero = torch.zeros_like(mean)
        return (self.attention.precompute(features), Memory(view, view)), (zero, zero)  # nobody compares with its keys

    def project_inputs(self, words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T G"]:
        """The words' part of the gates."""
        return self.word_gates(words)

    def step(
        self, inputs: Float[Tensor, "B K G"], memory: tuple[Memory, ...], state: State, *, need_weights: bool
    ) -> Step:
        """Step, then attend to the image or the sentinel."""
        h, c = state
        gates, gate = (inputs + memory[1].values + self.state_gates(h)).split([4 * h.shape[-1], h.shape[-1]], dim=-1)
        h, c = lstm_cell(gates, c)
        attention = self._attend(h, gate.sigmoid() * c.tanh(), memory[0], need_weights)
        return Step(attention.context + h, attention, (h, c))

    def output(self, hidden: Float[Tensor, "B K T X"], words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T E"]:
        """Context + state."""
        return hidden

    def _attend(
        self, query: Float[Tensor, "B K E"], sentinel: Float[Tensor, "B K E"], memory: Memory, need_weights: bool
    ) -> AttentionOutput:
        """One softmax over the features and each query's own sentinel."""
        key = self.attention.keys(self.sentinel(sentinel))
        own = self.attention.score(query.flatten(0, 1)[:, None], key.flatten(0, 1)[:, None])
        scores = torch.cat([self.attention.score(query, memory.keys), own.view(*query.shape[:2], 1)], dim=-1)
        mask = None if memory.mask is None else F.pad(memory.mask, (0, 1), value=True)
        weights = masked_softmax(scores, mask)
        image, rest = weights[..., :-1], weights[..., -1:]
        context = image.to(memory.values.dtype) @ memory.values + rest.to(sentinel.dtype) * sentinel
        return AttentionOutput(context, image if need_weights else None)
