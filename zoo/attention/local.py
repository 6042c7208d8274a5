"""Local attention, local-p (Luong et al., 2015, https://arxiv.org/abs/1508.04025, 3.2), on a grid."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zoo.attention import ATTENTIONS, Attention, scorer
from zoo.types import AttentionOutput, Features, Memory, places


@ATTENTIONS.register("local")
class Local(Attention):
    """Foresees where to look, p = (rows, columns) x sigmoid(V tanh(W q)), and looks around there only.

    The paper's sentence has one axis, an image has two: the window is the square of cells
    at most `window` from p in either, and a Gaussian of standard deviation window / 2
    around p damps the softmax over the window. As in the paper the product is not
    normalised again, so the weights sum to less than 1. Needs features on a grid.

    Options:
        score: the attention whose scores are used.
        window: how far the window reaches from its middle, in cells.
    """

    sums_to_one = False
    reads_grid = True

    def __init__(self, query_dim: int, feature_dim: int, *, score: str = "bahdanau", window: int = 2) -> None:
        super().__init__()
        if window < 1:
            raise ValueError(f"local(window={window}) would see nothing: window is at least 1")
        self.scorer, self.window, self.context_dim = scorer(score, query_dim, feature_dim), window, feature_dim
        self.W = nn.Linear(query_dim, query_dim, bias=False)
        self.V = nn.Linear(query_dim, 2, bias=False)

    def precompute(self, features: Features) -> Memory:
        """The scorer's memory, and the grid.

        Raises:
            ValueError: the features lie on no grid.
        """
        if features.grid is None:
            raise ValueError("local looks around a place, and these features lie on no grid")
        return self.scorer.precompute(features)._replace(grid=features.grid)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """The mean over the window, each weight damped by its distance from p."""
        assert memory.grid is not None
        exact = torch.promote_types(query.dtype, torch.float32)
        cells = places(memory.grid, query.device)
        size = cells[-1] + 0.5
        middle = size * self.V(self.W(query).tanh()).to(exact).sigmoid()  # (B, M, 2)
        away = cells - middle[:, :, None]  # (B, M, N, 2)
        near = (away.abs() <= self.window).all(dim=-1)
        if memory.mask is not None:
            near = near & memory.mask[:, None]
        scores = self.scorer.score(query, memory.keys).to(exact)
        weights = scores.masked_fill(~near, torch.finfo(scores.dtype).min).softmax(dim=-1) * near
        weights = weights * (-2 * away.square().sum(dim=-1) / self.window**2).exp()
        return AttentionOutput(weights.to(memory.values.dtype) @ memory.values, weights if need_weights else None)
