"""What every data set and metric promises, beside what `zoo.contracts` has for the parts of a model.

``caption-zoo check dataset NAME`` runs them on one; the tests run them on all.
"""

from collections.abc import Iterator

from benchmarks.contracts import dataset, metric
from benchmarks.plan.kinds import KINDS
from registry import Spec, UnknownName
from zoo import contracts as zoo_contracts
from zoo.contracts import Contract, named, problem

__all__ = ["CONTRACTS", "check"]


def check(kind: str, spec: str | Spec) -> Iterator[tuple[str, str | None]]:
    """Every contract of `kind`, any of the five, in words, with what is wrong with `spec`, or None where it holds.

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
        dataset.says_what_it_is,
        dataset.has_images_and_captions_in_every_split,
        dataset.shares_no_image_between_splits,
        dataset.is_the_same_when_built_again,
        dataset.loads_pictures,
        dataset.assesses_with_shares,
        dataset.keeps_places_out_of_its_name,
        dataset.is_what_it_is_called,
    ),
    "metric": named(
        metric.says_what_it_is,
        metric.gives_its_columns_for_every_image,
        metric.puts_the_right_captions_first,
        metric.does_not_mind_the_order,
        metric.takes_captions_without_a_word,
        metric.takes_one_image,
        metric.says_the_same_again,
        metric.keeps_what_it_weighed,
        metric.is_what_it_is_called,
    ),
}
