"""A backbone's weights as part of a name."""

from typing import Protocol

import torch

from zoo.backbones import Backbone


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


def add_weights(digest: _Digest, backbone: Backbone) -> None:
    """All tensors of its state, with their names, into a hash of hashlib's."""
    for name, tensor in backbone.state_dict().items():
        values = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)  # numpy has no bfloat16
        digest.update(name.encode() + values.numpy().tobytes())
