"""Top-down attention (Anderson et al., 2018, https://arxiv.org/abs/1707.07998, 3.2)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import Size, Spec
from zoo.decoders import DECODERS
from zoo.decoders.recurrent import Recurrent, Step, init_forget_bias, lstm_cell
from zoo.projection import Positions
from zoo.types import Features, Memory, State


@DECODERS.register("top_down")
class TopDown(Recurrent):
    """Two LSTMs: an attention LSTM gives the query, a language LSTM the output.

    h1 = LSTM([h2; mean feature; word]) is the query, h2 = LSTM([context; h1]) is the
    output.

    Options:
        dim: width of both states, the words and the projected features.
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
        self.word_gates = init_forget_bias(nn.Linear(dim, 4 * dim), dim)
        self.mean_gates = nn.Linear(dim, 4 * dim, bias=False)
        self.attention_lstm = nn.Linear(2 * dim, 4 * dim, bias=False)
        self.language_lstm = init_forget_bias(nn.Linear(self.attention.context_dim + 2 * dim, 4 * dim), dim)

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """The attention's memory, and the mean's part of the attention LSTM's gates; h1, c1, h2 and c2 are 0."""
        features, mean = self.project_and_pool(features)
        overview = self.mean_gates(mean)
        zero = torch.zeros_like(mean)
        return (self.attention.precompute(features), Memory(overview, overview)), (zero, zero, zero, zero)

    def project_inputs(self, words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T G"]:
        """The words' part of the attention LSTM's gates."""
        return self.word_gates(words)

    def step(
        self, inputs: Float[Tensor, "B K G"], memory: tuple[Memory, ...], state: State, *, need_weights: bool
    ) -> Step:
        """The attention LSTM, the attention, the language LSTM."""
        h1, c1, h2, c2 = state
        recurrent = self.attention_lstm(torch.cat([h2, h1], dim=-1))
        h1, c1 = lstm_cell(inputs + memory[1].values + recurrent, c1)
        attention = self.attention(h1, memory[0], need_weights=need_weights)
        h2, c2 = lstm_cell(self.language_lstm(torch.cat([attention.context, h1, h2], dim=-1)), c2)
        return Step(h2, attention, (h1, c1, h2, c2))

    def output(self, hidden: Float[Tensor, "B K T X"], words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T E"]:
        """The language LSTM's states as they are."""
        return hidden
