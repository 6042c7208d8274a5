"""LSTM decoders: look, then step (Xu et al., 2015, https://arxiv.org/abs/1502.03044), or
step, then look (Luong et al., 2015, https://arxiv.org/abs/1508.04025)."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from registry import Spec
from zoo.decoders import DECODERS, Decoder
from zoo.projection import Projection
from zoo.registries import ATTENTIONS
from zoo.types import DecoderOutput, Features, Memory, State


@DECODERS.register("lstm")
class LSTM(Decoder):
    """An LSTM that looks at the image once per word, before or after it steps.

    Before, the last state asks, and what it reads is fed to the cell; the output is
    "deep": tanh(L_h h + L_z context + L_E word). After, the new state asks, the output
    is h~ = tanh(W_c [context; h]), and h~ is fed to the next step (input feeding).

    Options:
        dim: width of the state, the words and the projected features.
        attend: "before" (Show, Attend and Tell) or "after" (Luong) the step.
        beta: gate on what was read (Show, Attend and Tell, 4.2.1): "scalar" as there, one
            per channel ("vector"), or "none"; None is as in the papers, "scalar" before the
            step and "none" after it.
        deep_output: in "before", whether context and word reach the output beside the
            state.
        dropout: share of words, features and outputs dropped in training.
        positions: whether features know their place on the grid.
    """

    def __init__(
        self,
        vocab_size: int,
        feature_dim: int,
        attention: str | Spec,
        *,
        dim: int = 512,
        attend: Literal["before", "after"] = "before",
        beta: Literal["none", "scalar", "vector"] | None = None,
        deep_output: bool = True,
        dropout: float = 0.3,
        positions: bool = True,
    ) -> None:
        super().__init__()
        if attend == "after" and not deep_output:
            raise ValueError("lstm(attend='after') always joins context and state in its output: leave deep_output out")
        self.project = Projection(feature_dim, dim, dropout=dropout, positions=positions)
        self.attention = ATTENTIONS.build(attention, dim, dim)
        context_dim = self.attention.context_dim
        self.looks_first, self.deep_output = attend == "before", deep_output
        self.embed = nn.Embedding(vocab_size, dim)
        nn.init.normal_(self.embed.weight, std=dim**-0.5)  # it is the output layer too
        self.start = nn.Linear(dim, 2 * dim)
        self.word_gates = nn.Linear(dim, 4 * dim)
        self.state_gates = nn.Linear(dim + (context_dim if self.looks_first else dim), 4 * dim, bias=False)
        nn.init.ones_(self.word_gates.bias[dim : 2 * dim])  # remember at first (Jozefowicz et al., 2015)
        beta = beta or ("scalar" if self.looks_first else "none")
        self.beta = None if beta == "none" else nn.Linear(dim, 1 if beta == "scalar" else context_dim)
        joined = dim + context_dim + (dim if self.looks_first else 0)
        self.join = nn.Linear(joined, dim) if deep_output else nn.Identity()
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.dropout = nn.Dropout(dropout)

    def begin(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """The attention's memory, and (h, c) from the mean feature; h~ = 0 too where it is fed."""
        features = self.project(features)
        h, c = self.start(_mean(features))[:, None].tanh().chunk(2, dim=-1)
        state = (h, c) if self.looks_first else (h, c, torch.zeros_like(h))
        return (self.attention.remember(features),), state

    def forward(
        self, tokens: Int[Tensor, "B K T"], memory: tuple[Memory, ...], state: State, *, weights: bool = False
    ) -> DecoderOutput:
        """One step per token; all that does not wait for the state is done before and after."""
        words = self.dropout(self.embed(tokens))
        gates = self.word_gates(words)
        step = self._look_and_step if self.looks_first else self._step_and_look
        states, reads, looked = [], [], []
        for t in range(tokens.shape[2]):
            read, seen, state = step(gates[:, :, t], memory[0], state, weights)
            states.append(state[0])
            reads.append(read)
            looked.append(seen)
        h, read = torch.stack(states, dim=2), torch.stack(reads, dim=2)
        seen = torch.stack([seen for seen in looked if seen is not None], dim=2) if weights else None
        return DecoderOutput(self.dropout(self._output(h, read, words)), seen, state)

    def logits(self, hidden: Float[Tensor, "*shape E"]) -> Float[Tensor, "*shape V"]:
        """The words' own vectors are the output layer (Press and Wolf, 2017)."""
        return F.linear(hidden, self.embed.weight, self.bias)

    def _output(
        self, h: Float[Tensor, "B K T E"], read: Float[Tensor, "B K T C"], words: Float[Tensor, "B K T E"]
    ) -> Float[Tensor, "B K T E"]:
        if not self.looks_first:
            return read  # already h~
        return self.join(torch.cat([h, read, words], dim=-1)).tanh() if self.deep_output else h

    def _look_and_step(
        self, gates: Float[Tensor, "B K G"], memory: Memory, state: State, weights: bool
    ) -> tuple[Tensor, Tensor | None, State]:
        h, c = state
        context, seen = self._look(h, memory, weights)
        return context, seen, self._step(gates, torch.cat([h, context], dim=-1), c)

    def _step_and_look(
        self, gates: Float[Tensor, "B K G"], memory: Memory, state: State, weights: bool
    ) -> tuple[Tensor, Tensor | None, State]:
        h, c, fed = state
        h, c = self._step(gates, torch.cat([h, fed], dim=-1), c)
        context, seen = self._look(h, memory, weights)
        read = self.join(torch.cat([context, h], dim=-1)).tanh()
        return read, seen, (h, c, read)

    def _look(self, query: Float[Tensor, "B K E"], memory: Memory, weights: bool) -> tuple[Tensor, Tensor | None]:
        context, seen = self.attention(query, memory, weights=weights)
        return context if self.beta is None else self.beta(query).sigmoid() * context, seen

    def _step(
        self, gates: Float[Tensor, "B K G"], inputs: Float[Tensor, "B K X"], c: Float[Tensor, "B K E"]
    ) -> tuple[Tensor, Tensor]:
        i, f, g, o = (gates + self.state_gates(inputs)).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


def _mean(features: Features) -> Float[Tensor, "B D"]:
    if features.mask is None:
        return features.tokens.mean(dim=1)
    keep = features.mask[..., None]
    return (features.tokens * keep).sum(dim=1) / keep.sum(dim=1)
