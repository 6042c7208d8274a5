"""A frozen backbone run by ONNX Runtime, which fuses BatchNorm and activations into the convolutions before them."""

import json
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.export import Dim

from zoo.backbones import Backbone, WeightsSource
from zoo.tracing import require_onnx, write_graph
from zoo.types import Features

_LARGEST = 2**30  # bytes of weights; a graph that is one file ends at 2 GB
_GRID = "caption-zoo.grid"


class OnnxBackbone(Backbone):
    """`backbone` as the graph that `write_backbone` made of it, on the processor; it cannot be trained.

    Several threads may call it at once.

    Args:
        backbone: whose features it has.
        graph: the file.
        threads: cores that one call takes.

    Raises:
        ValueError: ONNX Runtime is missing, or broken.
        Exception: whatever it raises for a file that it cannot read.
    """

    trainable = False

    def __init__(self, backbone: Backbone, graph: Path, *, threads: int) -> None:
        super().__init__()
        require_onnx()
        import onnxruntime

        self.backbone, self.feature_dim, self.preprocess = backbone, backbone.feature_dim, backbone.preprocess
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        grid = json.loads(self.session.get_modelmeta().custom_metadata_map[_GRID])
        self.grid = (grid[0], grid[1]) if grid else None

    def load_pretrained(self) -> WeightsSource:
        """Refused: the graph has its weights.

        Raises:
            ValueError: always.
        """
        raise ValueError("a graph has its weights already: load those of the backbone that it is made of")

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Features:
        """As the backbone's, but for rounding."""
        (tokens,) = self.session.run(None, {"images": images.detach().contiguous().numpy()})
        return Features(torch.from_numpy(tokens), self.grid)


class _Tokens(nn.Module):
    """The features alone, without what the graph need not give."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        tokens: Tensor = self.backbone(images).tokens
        return tokens


def write_backbone(backbone: Backbone, images: Float[Tensor, "B 3 H W"], file: Path) -> None:
    """Write `backbone` as a graph that takes any number of images like these.

    Raises:
        ValueError: it cannot be made, for a reason that the message gives.
    """
    require_onnx()
    size = sum(tensor.numel() * tensor.element_size() for tensor in backbone.state_dict().values())
    if size > _LARGEST:
        raise ValueError(f"its weights take {size / 2**30:.1f} GiB, and a graph ends at {_LARGEST / 2**30:.0f}")
    with torch.no_grad():
        features: Features = backbone(images)
        if features.mask is not None:
            raise ValueError("its features have a mask")
        axes, names = {"images": {0: Dim("images")}}, (["images"], ["tokens"])
        metadata = {_GRID: json.dumps(features.grid)}
        write_graph(_Tokens(backbone), {"images": images}, axes, names, file, metadata)
