"""What every backbone, attention and decoder promises, as checks that anybody can run on theirs.

``caption-zoo check attention NAME`` runs them on one component; the tests run them on all.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from registry import Registry, Spec, UnknownName
from zoo.contracts import attention, backbone, decoder
from zoo.registries import ATTENTIONS, BACKBONES, DECODERS

Contract = Callable[[Spec], None]

_REGISTRIES: dict[str, Registry[Any]] = {"backbone": BACKBONES, "attention": ATTENTIONS, "decoder": DECODERS}


def check(kind: str, spec: str | Spec) -> Iterator[tuple[str, str | None]]:
    """Every contract of `kind`, in words, with what is wrong with `spec`, or None where it holds.

    Raises:
        ValueError: no such kind or component.
    """
    if kind not in CONTRACTS:
        raise UnknownName("kind with contracts", kind, CONTRACTS)
    spec = _REGISTRIES[kind].check(spec)
    for name, contract in CONTRACTS[kind].items():
        torch.manual_seed(0)
        try:
            contract(spec)
            yield name, None
        except Exception as error:  # a component may break in any way
            yield name, " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _named(*contracts: Contract) -> dict[str, Contract]:
    return {contract.__name__.replace("_", " "): contract for contract in contracts}


def _with_attentions(*contracts: Callable[..., None]) -> dict[str, Contract]:
    return {
        f"{contract.__name__.replace('_', ' ')}, with {name}": partial(contract, attention=name)
        for contract in contracts
        for name in ("bahdanau", "multihead")
    }


CONTRACTS: dict[str, dict[str, Contract]] = {
    "backbone": _named(backbone.returns_the_features_it_declares, backbone.sees_each_image_alone),
    "attention": _named(
        attention.reads_with_weights_that_sum_to_one,
        attention.answers_alike_with_and_without_weights,
        attention.leaves_masked_positions_alone,
        attention.keeps_images_and_queries_apart,
        attention.learns,
        attention.stays_finite_in_bfloat16,
    ),
    "decoder": _with_attentions(
        decoder.says_the_same_step_by_step,
        decoder.keeps_captions_apart,
        decoder.state_can_be_reordered,
        decoder.looks_at_the_image,
    ),
}
