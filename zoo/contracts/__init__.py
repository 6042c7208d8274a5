"""What every backbone, attention and decoder promises, as checks that anybody can run on theirs.

``caption-zoo check attention NAME`` runs them on one component; the tests run them on all.
"""

from collections.abc import Callable, Iterator

import torch

from registry import Spec, UnknownName
from zoo.contracts import attention, backbone, decoder, search
from zoo.registries import PARTS

Contract = Callable[[Spec], None]


def check(kind: str, spec: str | Spec) -> Iterator[tuple[str, str | None]]:
    """Every contract of `kind`, in words, with what is wrong with `spec`, or None where it holds.

    Raises:
        ValueError: no such kind or component.
    """
    if kind not in CONTRACTS:
        raise UnknownName("kind with contracts", kind, CONTRACTS)
    spec = PARTS[kind].check(spec)
    for name, contract in CONTRACTS[kind].items():
        yield name, problem(contract, spec)


def problem(contract: Contract, spec: Spec) -> str | None:
    """What `contract` finds wrong with `spec`, in one line, or None; the same each time, and random numbers go on."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            contract(spec)
        except Exception as error:  # a component may break in any way
            return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return None


def named(*contracts: Contract) -> dict[str, Contract]:
    """The contracts by what they say, "leaves masked positions alone": their functions' names."""
    return {contract.__name__.replace("_", " "): contract for contract in contracts}


CONTRACTS: dict[str, dict[str, Contract]] = {
    "backbone": named(
        backbone.returns_the_features_it_declares,
        backbone.sees_each_image_alone,
        backbone.prepares_any_picture,
        backbone.learns_where_it_says_so,
        backbone.stays_finite_in_bfloat16,
        backbone.can_be_stored,
        backbone.is_what_it_is_called,
    ),
    "attention": named(
        attention.weighs_with_shares,
        attention.heads_average_to_the_weights,
        attention.answers_alike_with_and_without_weights,
        attention.leaves_masked_positions_alone,
        attention.keeps_images_and_queries_apart,
        attention.minds_the_order_only_if_it_says_so,
        attention.reads_equal_features_as_one,
        attention.learns,
        attention.has_the_gradients_of_its_answers,
        attention.tells_what_it_draws,
        attention.stays_finite_in_bfloat16,
        attention.can_be_stored,
        attention.is_what_it_is_called,
    ),
    "decoder": named(
        decoder.says_the_same_step_by_step,
        decoder.weighs_with_shares,
        decoder.heads_average_to_the_weights,
        decoder.begins_with_one_hypothesis,
        decoder.keeps_captions_apart,
        decoder.state_can_be_reordered,
        decoder.looks_at_the_image,
        decoder.leaves_masked_positions_alone,
        decoder.learns,
        decoder.stays_finite_in_bfloat16,
        decoder.can_be_stored,
        decoder.is_what_it_is_called,
        decoder.takes_every_attention_or_refuses_it,
        search.a_wide_beam_finds_the_best_of_all_captions,
        search.one_beam_is_greedy,
        search.an_image_alone_gets_the_caption_it_gets_in_a_batch,
    ),
}
