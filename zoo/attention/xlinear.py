"""X-linear attention (Pan et al., 2020, https://arxiv.org/abs/2003.14080, 3.2): bilinear in query and feature."""

from einops import einsum
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from registry import Size
from zoo.attention import ATTENTIONS, Attention, masked_softmax
from zoo.pairwise import pairwise
from zoo.types import AttentionOutput, Features, Memory


@ATTENTIONS.register("xlinear")
class XLinear(Attention):
    """Multiplies query and feature; the products say where to look and which channels to let through.

    With B_i = elu(W_k f_i) * elu(W_q q) and S_i = relu(W_B B_i): places by softmax(w . S_i),
    channels by sigmoid(W_e mean_i S_i), and what is read is elu(W_v f_i) * elu(W_u q).

    Options:
        hidden_dim: channels of the products, and of what is read.
        squeeze_dim: channels of S.
    """

    def __init__(self, query_dim: int, feature_dim: int, *, hidden_dim: Size = 512, squeeze_dim: Size = 128) -> None:
        super().__init__()
        self.context_dim = hidden_dim
        self.key, self.value = nn.Linear(feature_dim, hidden_dim), nn.Linear(feature_dim, hidden_dim)
        self.query_of_key, self.query_of_value = nn.Linear(query_dim, hidden_dim), nn.Linear(query_dim, hidden_dim)
        self.squeeze = nn.Linear(hidden_dim, squeeze_dim)
        self.where = nn.Linear(squeeze_dim, 1, bias=False)
        self.excite = nn.Linear(squeeze_dim, hidden_dim)

    def precompute(self, features: Features) -> Memory:
        """The features' sides of both products, (B, N, hidden_dim)."""
        return Memory(F.elu(self.key(features.tokens)), F.elu(self.value(features.tokens)), features.mask)

    def forward(self, query: Float[Tensor, "B M Q"], memory: Memory, *, need_weights: bool = False) -> AttentionOutput:
        """Spatial attention over the products, times channel attention."""
        scores, mean = pairwise(self._squeeze, F.elu(self.query_of_key(query)), memory.keys, memory.mask)
        weights = masked_softmax(scores, memory.mask)
        channels = self.excite(mean).sigmoid()
        read = F.elu(self.query_of_value(query)) * (weights.to(memory.values.dtype) @ memory.values)
        return AttentionOutput(channels * read, weights if need_weights else None)

    def _squeeze(
        self, queries: Float[Tensor, "B M A"], keys: Float[Tensor, "B N A"], mask: Bool[Tensor, "B N"] | None
    ) -> tuple[Float[Tensor, "B M N"], Float[Tensor, "B M S"]]:
        """w . S_i of each place, and the mean of S over the places."""
        squeezed = self.squeeze(queries[:, :, None] * keys[:, None]).relu()  # (B, M, N, S)
        return self.where(squeezed).squeeze(-1), _mean(squeezed, mask)


def _mean(squeezed: Float[Tensor, "B M N S"], mask: Bool[Tensor, "B N"] | None) -> Float[Tensor, "B M S"]:
    """Over the places that count."""
    if mask is None:
        return squeezed.mean(dim=2)
    keep = mask.to(squeezed.dtype)
    return einsum(squeezed, keep / keep.sum(dim=1, keepdim=True), "b m n s, b n -> b m s")
