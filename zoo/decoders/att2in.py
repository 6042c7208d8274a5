"""Attention into the cell alone: Att2in (Rennie et al., 2017, https://arxiv.org/abs/1612.00563, 2.2)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import Size, Spec
from zoo.decoders import DECODERS
from zoo.decoders.recurrent import Recurrent, Step, init_forget_bias
from zoo.projection import Positions
from zoo.types import Features, Memory, State


@DECODERS.register("att2in")
class Att2in(Recurrent):
    """An LSTM whose gates do not see the image: only the candidate does, and it is a maxout.

    The state begins at 0, so that all it knows of the image comes from the attention.

    Options:
        dim: width of the state, the words and the projected features.
        dropout: dropout probability of words, features and outputs.
        positions: encoding of each feature's place on the grid: sines and cosines of row and
            column, a learned vector for each, or none.
    """

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
        self.dim = dim
        self.word_gates = init_forget_bias(nn.Linear(dim, 5 * dim), dim)  # input, forget, output, two candidates
        self.state_gates = nn.Linear(dim, 5 * dim, bias=False)
        self.candidates = nn.Linear(self.attention.context_dim, 2 * dim, bias=False)

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """The attention's memory, and (h, c) = 0."""
        features = self.project(features)
        zero = features.tokens.new_zeros(features.tokens.shape[0], 1, self.dim)
        return (self.attention.precompute(features),), (zero, zero)

    def project_inputs(self, words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T G"]:
        """The words' part of gates and candidates."""
        return self.word_gates(words)

    def step(
        self, inputs: Float[Tensor, "B K G"], memory: tuple[Memory, ...], state: State, *, need_weights: bool
    ) -> Step:
        """Attend with the last state, then step."""
        h, c = state
        attention = self.attention(h, memory[0], need_weights=need_weights)
        gates, candidates = (inputs + self.state_gates(h)).split([3 * self.dim, 2 * self.dim], dim=-1)
        i, f, o = gates.sigmoid().chunk(3, dim=-1)
        one, other = (candidates + self.candidates(attention.context)).chunk(2, dim=-1)
        c = f * c + i * torch.maximum(one, other)
        h = o * c.tanh()
        return Step(h, attention, (h, c))

    def output(self, hidden: Float[Tensor, "B K T X"], words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T E"]:
        """The states as they are."""
        return hidden
