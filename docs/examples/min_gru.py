"""A GRU without its past in its gates (Feng et al., 2024, https://arxiv.org/abs/2410.01201, section 3.1)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from registry import Spec
from zoo.decoders import DECODERS, Features, Memory, State
from zoo.decoders.recurrent import Recurrent, Step


@DECODERS.register("min_gru")
class MinGRU(Recurrent):
    """h = (1 - z) h + z c, where z and c come from the word alone; the new state looks at the image.

    Options:
        dim: width of the state, the words and the projected features.
        dropout: dropout probability of words, features and outputs.
    """

    def __init__(
        self, vocab_size: int, feature_dim: int, attention: str | Spec, *, dim: int = 512, dropout: float = 0.3
    ) -> None:
        super().__init__(vocab_size, feature_dim, attention, dim=dim, dropout=dropout, positions="sinusoidal")
        self.start = nn.Linear(dim, dim)
        self.gate_and_candidate = nn.Linear(dim, 2 * dim)
        self.join = nn.Linear(dim + self.attention.context_dim, dim)

    def init_state(self, features: Features) -> tuple[tuple[Memory, ...], State]:
        """The attention's memory, and h from the mean feature."""
        features, mean = self.project_and_pool(features)
        return (self.attention.precompute(features),), (self.start(mean).tanh(),)

    def project_inputs(self, words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T G"]:
        """z, before its sigmoid, and c: of all steps at once."""
        return self.gate_and_candidate(words)

    def step(
        self, inputs: Float[Tensor, "B K G"], memory: tuple[Memory, ...], state: State, *, need_weights: bool
    ) -> Step:
        """Step, then look."""
        z, c = inputs.chunk(2, dim=-1)
        h = torch.lerp(state[0], c, z.sigmoid())
        attention = self.attention(h, memory[0], need_weights=need_weights)
        return Step(torch.cat([h, attention.context], dim=-1), attention, (h,))

    def output(self, hidden: Float[Tensor, "B K T X"], words: Float[Tensor, "B K T E"]) -> Float[Tensor, "B K T E"]:
        """tanh(W [h; context])."""
        return self.join(hidden).tanh()
