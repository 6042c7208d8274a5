"""LSTM decoders: attend, then step (Xu et al., 2015, https://arxiv.org/abs/1502.03044), or
step, then attend (Luong et al., 2015, https://arxiv.org/abs/1508.04025)."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import Size, Spec
from zoo.decoders import DECODERS
from zoo.decoders.recurrent import Recurrent, Step, init_forget_bias, lstm_cell
from zoo.losses import DoublyStochastic
from zoo.projection import Positions
from zoo.types import AttentionOutput, Features, Memory, State


@DECODERS.register("lstm")
class LSTM(Recurrent):
    """An LSTM that attends to the image once per word, before or after its step.

    Before: the last state is the query, and the context is fed to the cell; the output is
    "deep": tanh(L_h h + L_z context + L_E word). After: the new state is the query, the output
    is h~ = tanh(W_c [context; h]), and h~ is fed to the next step (input feeding).

    Options:
        dim: width of the state, the words and the projected features.
        attend: "before" (Show, Attend and Tell) or "after" (Luong) the step.
        beta: gate on the context (Show, Attend and Tell, 4.2.1): "scalar" as there, one
            per channel ("vector"), or "none"; None is as in the papers, "scalar" before the
            step and "none" after it.
        deep_output: in "before", whether the output sees context and word beside the state.
        doubly_stochastic: weight of the penalty on places that a caption looks at too
            little or too much (Show, Attend and Tell, 4.2.1); the paper takes 1.
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
        attend: Literal["before", "after"] = "before",
        beta: Literal["none", "scalar", "vector"] | None = None,
        deep_output: bool = True,
        doubly_stochastic: float = 0.0,
        dropout: float = 0.3,
        positions: Positions = "sinusoidal",
    ) -> None:
        super().__init__(vocab_size, feature_dim, attention, dim=dim, dropout=dropout, positions=positions)
        context_dim = self.attention.context_dim
        if attend == "after" and not deep_output:
            raise ValueError("lstm(attend='after') always joins context and state in its output: leave deep_output out")
        self.attends_first, self.deep_output = attend == "before", deep_output
        self.start = nn.Linear(dim, 2 * dim)
        self.word_gates = init_forget_bias(nn.Linear(dim, 4 * dim), dim)
        fed_dim = context_dim if self.attends_first else dim
        self.state_gates = nn.Linear(dim + fed_dim, 4 * dim, bias=False)
        beta = beta or ("scalar" if self.attends_first else "none")
        self.beta = None if beta == "none" else nn.Linear(dim, 1 if beta == "scalar" else context_dim)
        joined = dim + context_dim + (dim if self.attends_first else 0)
        self.join = nn.Linear(joined, dim) if deep_output else nn.Identity()
        self.penalty = DoublyStochastic(doubly_stochastic) if doubly_stochastic else None

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """The attention's memory, and (h, c) from the mean feature; h~ = 0 too where it is fed."""
        features, mean = self.project_and_pool(features)
        h, c = self.start(mean).tanh().chunk(2, dim=-1)
        state = (h, c) if self.attends_first else (h, c, torch.zeros_like(h))
        return (self.attention.precompute(features),), state

    def project_inputs(self, words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T G"]:
        """The words' part of the four gates."""
        return self.word_gates(words)

    def step(
        self, inputs: Float[Tensor, "B K G"], memory: tuple[Memory, ...], state: State, *, need_weights: bool
    ) -> Step:
        """Attend and step, or step and attend."""
        if self.attends_first:
            h, c = state
            attention = self._attend(h, memory[0], need_weights)
            h, c = lstm_cell(inputs + self.state_gates(torch.cat([h, attention.context], dim=-1)), c)
            return Step(torch.cat([h, attention.context], dim=-1) if self.deep_output else h, attention, (h, c))
        h, c, fed = state
        h, c = lstm_cell(inputs + self.state_gates(torch.cat([h, fed], dim=-1)), c)
        attention = self._attend(h, memory[0], need_weights)
        hidden = self.join(torch.cat([attention.context, h], dim=-1)).tanh()
        return Step(hidden, attention, (h, c, hidden))

    def output(self, hidden: Float[Tensor, "B K T X"], words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T E"]:
        """The deep output; h~, or h, as they are."""
        if self.attends_first and self.deep_output:
            return self.join(torch.cat([hidden, words], dim=-1)).tanh()
        return hidden

    def _attend(self, query: Float[Tensor, "B K E"], memory: Memory, need_weights: bool) -> AttentionOutput:
        attention: AttentionOutput = self.attention(query, memory, need_weights=need_weights)
        return (
            attention
            if self.beta is None
            else attention._replace(context=self.beta(query).sigmoid() * attention.context)
        )
