"""What recurrent decoders share: words in and out, and the loop over time."""

from abc import abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from registry import Spec
from zoo.attention import Attention
from zoo.decoders import Decoder
from zoo.projection import Positions, Projection
from zoo.registries import ATTENTIONS
from zoo.types import AttentionOutput, DecoderOutput, Features, Memory, State


class Step(NamedTuple):
    """What one step gives: the input of the output layer, the attention's output, the new state."""

    hidden: Float[Tensor, "B K X"]
    attention: AttentionOutput
    state: State


class Recurrent(Decoder):
    """A decoder that takes one step per word.

    To define one: `init_state` (with `project_and_pool`), the words' part of the cell's inputs
    (`project_inputs`, for all steps at once), the `step`, and what becomes of it (`output`, for all at once).

    Args:
        vocab_size: V.
        feature_dim: width of the backbone's features.
        attention: Spec of what reads features of width `dim`.
        dim: width of the state, the words and the projected features.
        dropout: dropout probability of words, features and outputs.
        positions: encoding of each feature's place on the grid, see `Projection`.
    """

    repeats = ("step",)

    def __init__(
        self,
        vocab_size: int,
        feature_dim: int,
        attention: str | Spec,
        *,
        dim: int,
        dropout: float,
        positions: Positions,
    ) -> None:
        super().__init__()
        self.project = Projection(feature_dim, dim, dropout=dropout, positions=positions)
        self.attention: Attention = ATTENTIONS.build(attention, dim, dim)
        self.non_visual_source = self.attention.non_visual_source
        self.embed = nn.Embedding(vocab_size, dim)
        nn.init.normal_(self.embed.weight, std=dim**-0.5)  # it is the output layer too
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.dropout = nn.Dropout(dropout)

    @abstractmethod
    def project_inputs(self, words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T G"]:
        """The words' part of the cell's inputs, for all steps at once."""

    @abstractmethod
    def step(
        self, inputs: Float[Tensor, "B K G"], memory: tuple[Memory, ...], state: State, *, need_weights: bool
    ) -> Step:
        """One step: attend and update the state."""

    @abstractmethod
    def output(self, hidden: Float[Tensor, "B K T X"], words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T E"]:
        """The hidden states of the next words, from those of all steps."""

    def project_and_pool(self, features: Features) -> tuple[Features, Float[Tensor, "B 1 E"]]:
        """The projected features, and their mean."""
        features = self.project(features)
        if features.mask is None:
            return features, features.tokens.mean(dim=1, keepdim=True)
        keep = features.mask[..., None]
        return features, (features.tokens * keep).sum(dim=1, keepdim=True) / keep.sum(dim=1, keepdim=True)

    def forward(
        self, tokens: Int[Tensor, "B K T"], memory: tuple[Memory, ...], state: State, *, need_weights: bool = False
    ) -> DecoderOutput:
        """One step per token; all that does not wait for the state is done before and after."""
        words = self.dropout(self.embed(tokens))
        hidden, attended = [], []
        for inputs in self.project_inputs(words).unbind(dim=2):  # one gradient for all steps, not a padded one for each
            step = self.step(inputs, memory, state, need_weights=need_weights)
            hidden.append(step.hidden)
            attended.append(step.attention)
            state = step.state
        output = self.dropout(self.output(torch.stack(hidden, dim=2), words))
        weights, log_prob, heads = (
            _over_time([getattr(attention, name) for attention in attended])
            for name in ("weights", "log_prob", "heads")
        )
        heads = None if heads is None else heads[:, :, :, None]  # of one layer
        return DecoderOutput(output, weights, state, log_prob, heads)

    def logits(self, hidden: Float[Tensor, "*shape E"]) -> Float[Tensor, "*shape V"]:
        """The words' own vectors are the output layer (Press and Wolf, 2017)."""
        return F.linear(hidden, self.embed.weight, self.bias)


def lstm_cell(gates: Float[Tensor, "B K G"], cell: Float[Tensor, "B K E"]) -> tuple[Tensor, Tensor]:
    """State and cell of an LSTM, from its gates (input, forget, candidate, output) before their nonlinearities."""
    i, f, g, o = gates.chunk(4, dim=-1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def init_forget_bias(gates: nn.Linear, dim: int) -> nn.Linear:
    """The layer, its second `dim` outputs biased so that an LSTM keeps its cell at first (Jozefowicz et al., 2015)."""
    nn.init.ones_(gates.bias[dim : 2 * dim])
    return gates


def _over_time(each: list[Tensor | None]) -> Tensor | None:
    steps = [tensor for tensor in each if tensor is not None]
    return torch.stack(steps, dim=2) if steps else None
