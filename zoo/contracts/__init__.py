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
        except (Exception, SystemExit) as error:  # a component may break in any way
            return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return None


def named(*contracts: Contract) -> dict[str, Contract]:
    """The contracts by what they say, "respects the mask": their functions' names."""
    return {contract.__name__.replace("_", " "): contract for contract in contracts}


CONTRACTS: dict[str, dict[str, Contract]] = {
    "backbone": named(
        backbone.returns_the_features_it_declares,
        backbone.treats_images_independently,
        backbone.preprocesses_any_image,
        backbone.trains_what_it_declares_trainable,
        backbone.stays_finite_in_bfloat16,
        backbone.can_be_saved_and_loaded,
        backbone.is_named_as_registered,
    ),
    "attention": named(
        attention.weights_are_a_distribution,
        attention.heads_average_to_the_weights,
        attention.gives_the_same_context_with_and_without_weights,
        attention.respects_the_mask,
        attention.treats_images_and_queries_independently,
        attention.is_permutation_equivariant_unless_it_reads_the_grid,
        attention.reads_equal_features_as_one,
        attention.learns,
        attention.has_the_gradients_of_its_outputs,
        attention.returns_the_log_prob_of_its_samples,
        attention.stays_finite_in_bfloat16,
        attention.can_be_saved_and_loaded,
        attention.is_named_as_registered,
    ),
    "decoder": named(
        decoder.gives_the_same_output_step_by_step,
        decoder.weights_are_a_distribution,
        decoder.heads_average_to_the_weights,
        decoder.starts_with_one_hypothesis,
        decoder.treats_captions_independently,
        decoder.state_can_be_reordered,
        decoder.depends_on_the_image,
        decoder.respects_the_mask,
        decoder.learns,
        decoder.stays_finite_in_bfloat16,
        decoder.can_be_saved_and_loaded,
        decoder.is_named_as_registered,
        decoder.accepts_or_refuses_every_attention,
        search.exhaustive_beam_search_is_exact,
        search.beam_search_of_width_one_is_greedy,
        search.decoding_does_not_depend_on_the_batch,
    ),
}
