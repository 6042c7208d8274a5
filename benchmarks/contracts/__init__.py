"""What every data set, metric, objective and logger promises, beside what `zoo.contracts` has for the parts of a model.

``caption-zoo check dataset NAME`` runs them on one; the tests run them on all.
"""

from collections.abc import Iterator

from benchmarks.contracts import dataset, logger, metric, objective
from benchmarks.plan.kinds import KINDS
from registry import Spec, UnknownName
from zoo import contracts as zoo_contracts
from zoo.contracts import Contract, named, problem

__all__ = ["CONTRACTS", "check"]


def check(kind: str, spec: str | Spec) -> Iterator[tuple[str, str | None]]:
    """Every contract of `kind`, any of the seven, in words, with what is wrong with `spec`, or None where it holds.

    Raises:
        ValueError: no such kind or component.
    """
    if kind in zoo_contracts.CONTRACTS:
        yield from zoo_contracts.check(kind, spec)
        return
    if kind not in CONTRACTS:
        raise UnknownName("kind with contracts", kind, [*zoo_contracts.CONTRACTS, *CONTRACTS])
    spec = KINDS[kind].check(spec)
    for name, contract in CONTRACTS[kind].items():
        yield name, problem(contract, spec)


CONTRACTS: dict[str, dict[str, Contract]] = {
    "dataset": named(
        dataset.declares_what_it_is,
        dataset.has_images_and_captions_in_every_split,
        dataset.has_disjoint_splits,
        dataset.is_deterministic,
        dataset.loads_images,
        dataset.diagnostics_lie_between_0_and_1,
        dataset.keeps_paths_out_of_its_name,
        dataset.is_named_as_registered,
    ),
    "metric": named(
        metric.declares_what_it_is,
        metric.scores_every_image_in_every_column,
        metric.ranks_the_right_captions_first,
        metric.does_not_depend_on_the_order,
        metric.accepts_empty_captions,
        metric.accepts_a_single_image,
        metric.gives_the_same_score_twice,
        metric.leaves_prepared_references_unchanged,
        metric.is_named_as_registered,
    ),
    "objective": named(
        objective.declares_what_it_reports,
        objective.gives_finite_numbers,
        objective.trains_the_decoder,
        objective.repeats_with_the_same_random_state,
        objective.ignores_padding,
        objective.adds_up_over_parts,
        objective.adds_auxiliary_losses,
        objective.is_named_as_registered,
    ),
    "logger": named(
        logger.is_made_without_a_trace,
        logger.writes_into_its_folder_alone,
        logger.survives_a_kill_after_each_metric,
        logger.accepts_any_name_and_value,
        logger.resumes_before_its_last_step,
        logger.leaves_random_numbers_alone,
        logger.is_named_as_registered,
    ),
}
