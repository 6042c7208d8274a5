"""The decoder that attention was made for (Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473, A.1.2 and A.2.2)."""

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor, nn

from registry import Size, Spec
from zoo.decoders import DECODERS
from zoo.decoders.recurrent import Recurrent, Step
from zoo.projection import Positions
from zoo.types import Features, Memory, State


@DECODERS.register("gru")
class GRU(Recurrent):
    """A GRU that attends to the image before each step, with a maxout output.

    s~ = tanh(W word + U (r * s) + C context) and s' = (1 - z) s + z s~: the reset r comes
    before U, as in the paper, and not behind it, as in torch. The output is the larger of
    each pair of channels of a linear layer on s', context and word; A.2.2 prints s there, the
    paper's section 3.1 s'.

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
        self.start = nn.Linear(dim, dim)
        self.word_gates = nn.Linear(dim, 3 * dim)  # update z, reset r, candidate s~
        self.context_gates = nn.Linear(self.attention.context_dim, 3 * dim, bias=False)
        self.state_gates = nn.Linear(dim, 2 * dim, bias=False)
        self.candidate = nn.Linear(dim, dim, bias=False)
        self.join = nn.Linear(2 * dim + self.attention.context_dim, 2 * dim)

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """The attention's memory, and s from the mean feature."""
        features, mean = self.project_and_pool(features)
        return (self.attention.precompute(features),), (self.start(mean).tanh(),)

    def project_inputs(self, words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T G"]:
        """The words' part of gates and candidate."""
        return self.word_gates(words)

    def step(
        self, inputs: Float[Tensor, "B K G"], memory: tuple[Memory, ...], state: State, *, need_weights: bool
    ) -> Step:
        """Attend with the last state, then step."""
        (s,) = state
        attention = self.attention(s, memory[0], need_weights=need_weights)
        gate_inputs = inputs + self.context_gates(attention.context)
        gates, candidate = gate_inputs.split([2 * s.shape[-1], s.shape[-1]], dim=-1)
        z, r = (gates + self.state_gates(s)).sigmoid().chunk(2, dim=-1)
        s = (1 - z) * s + z * (candidate + self.candidate(r * s)).tanh()
        return Step(torch.cat([s, attention.context], dim=-1), attention, (s,))

    def output(self, hidden: Float[Tensor, "B K T X"], words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T E"]:
        """Maxout."""
        return reduce(self.join(torch.cat([hidden, words], dim=-1)), "b k t (e pair) -> b k t e", "max", pair=2)
