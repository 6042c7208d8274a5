"""An attention as a third party publishes it; tests/test_third_party.py installs it."""

from torch import Tensor, nn

from zoo.attention import ScoreAttention


class Nearest(ScoreAttention):
    """Scores a feature by how near it lies to the query: -|W q - U f|^2.

    Options:
        dim: width of the space in which the distance is measured.
    """

    def __init__(self, query_dim: int, feature_dim: int, *, dim: int = 16) -> None:
        super().__init__(feature_dim)
        self.W = nn.Linear(query_dim, dim, bias=False)
        self.U = nn.Linear(feature_dim, dim, bias=False)

    def keys(self, tokens: Tensor) -> Tensor:
        """U f."""
        return self.U(tokens)

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """The squared distances, negative."""
        return -(self.W(query)[:, :, None] - keys[:, None]).square().mean(dim=-1)
