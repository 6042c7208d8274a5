"""Three sentences on a table, computed: best captions, best trade, what mattered."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from benchmarks.leaderboard.tables import wording
from benchmarks.leaderboard.tables.columns import CIDER, rate, speeds
from benchmarks.leaderboard.tables.effects import FLOOR, Effect, effects
from benchmarks.leaderboard.tables.formatting import clean, hundred, signed, span, speed
from benchmarks.leaderboard.tables.hardware import Hardware
from benchmarks.leaderboard.tables.rows import Row
from benchmarks.leaderboard.tables.table import Table
from benchmarks.records.record import PARTS

_COMPLETE = 0.8  # with fewer of all combinations, parts cannot be compared
_FASTER = 1.05  # a lesser gain is within what a clock repeats


@dataclass(frozen=True)
class Finding:
    """A question, its answer, and what that rests on; a Row in the text stands for its name."""

    question: str
    answer: str
    text: tuple[str | Row, ...]


def findings(table: Table) -> list[Finding]:
    """What a reader wants to know first; nothing where no captions were scored."""
    cider = {row: score for row in table.rows if (score := CIDER.read(row)) is not None}
    uniform = {row: cider[row] for row in table.uniform if row in cider} or cider
    if not cider:
        return []
    mattered = _mattered(table, uniform)
    if left_out := [row for row in cider if row not in uniform]:
        mattered = replace(mattered, text=(*mattered.text, _scope(table, left_out)))
    return [_best(table, cider), _trade(table, cider), mattered]


def _scope(table: Table, left_out: Sequence[Row]) -> str:
    """Of which rows the effects of parts are, by what distinguishes them from those that are left out."""
    one = table.uniform[0]
    models = "single models" if any(row.members for row in left_out) else "models"
    alike = ["with one objective"] * any(row.objective != one.objective for row in left_out)
    alike += ["from starts that were trained alike"] * any(table.start(row) != table.start(one) for row in left_out)
    kind = "ensembles of models" if one.members and alike else "ensembles" if one.members else models
    return f" This is of {kind}{' trained ' * bool(alike)}{' and '.join(alike)}."


def _best(table: Table, cider: dict[Row, float]) -> Finding:
    leader, first = next(iter(cider)), table.tied
    standing = table.standing(leader)
    interval = f" ({span(standing.low, standing.high)} over all images of the kind)" if standing else ""
    text: tuple[str | Row, ...] = (leader, f" has the highest mean CIDEr, {CIDER.text(leader)}{interval}.")
    if len(cider) == 1:
        answer, text = f"{CIDER.text(leader)} CIDEr", (leader, f" is the only entry so far{interval}.")
    elif leader not in first or table.ranking.resolution is None:
        why = " Which gaps are real is not known: its scores per image are missing, or of other images."
        answer, text = "One entry leads", (*text, why)
    else:
        known = len([each for each in table.ranking.standings if each])
        clear = f"One entry is clear of the other {known - 1}" if known > 2 else "One entry is clear of the other"
        number = "Both" if len(first) == known == 2 else "All" if len(first) == known else f"{len(first)} of"
        size = "" if number == "Both" else f" {known}"
        answer = clear if len(first) == 1 else f"{number}{size} entries tie for first"
        rest = len(cider) - known
        apart = f" {rest} more cannot be compared with them." if rest else ""
        text = (*text, f" Gaps under about {hundred(table.ranking.resolution)} are within the noise here.{apart}")
    return Finding("Best captions", answer, text)


def _trade(table: Table, cider: dict[Row, float]) -> Finding:
    question, first, place = "Best trade", next(iter(cider)), table.places[0]
    column = rate(table, place)
    rates = {row: pace for row in cider if (pace := column.read(row))}
    where: tuple[str | Row, ...] = (f" Measured on {wording.environment(place)}.",)
    if not rates or len(cider) > len(rates) == 1:
        return Finding(question, "Not known", ("The speed of ", first, ", or of all others, was not measured.", *where))
    leader = next(iter(rates))
    if leader is not first:
        where = (f" Measured on {wording.environment(place)}, where ", first, " was not timed.")
    own = f" captions {speed(rates[leader])} images a second"
    if len(cider) == 1:
        return Finding(question, f"{speed(rates[leader])} images a second", (leader, f"{own}.", *where))
    faster = [row for row in rates if _faster(row, leader, place)]
    if tied := [row for row in faster if _tie(table, cider, leader, row)]:
        most = max(map(rates.__getitem__, tied))
        rival = next(row for row in tied if rates[row] * _FASTER > most)  # the best of those that are as fast
        gain, less = rates[rival] / rates[leader], hundred(cider[leader] - cider[rival])
        once = " One of them was timed in one run alone." * (1 in (len(speeds(row, place)) for row in (leader, rival)))
        gap = f" has a mean that is {less} CIDEr lower, which is no clear gap here.{once}"
        paces = (f" captions {speed(rates[rival])} images a second, ", leader, f" {speed(rates[leader])}. ")
        return Finding(question, f"{gain:.2f} times the speed, still tied", (rival, *paces, rival, gap, *where))
    if not faster:
        return _fastest(rates, leader, leader is first, where)
    gain, less = rates[faster[0]] / rates[leader], hundred(cider[leader] - cider[faster[0]])
    price = f" is {gain:.2f} times as fast ({speed(rates[faster[0]])}) for {less} CIDEr less."
    return Finding(question, "Nothing as good is clearly faster", (leader, f"{own}. ", faster[0], price, *where))


def _tie(table: Table, cider: Mapping[Row, float], leader: Row, row: Row) -> bool:
    """Whether neither the leader nor, where that is first, any other entry is clearly better than `row`."""
    margin = table.ranking.margin(table.index[leader], table.index[row])
    first = next(iter(cider))
    return margin is not None and cider[leader] - cider[row] <= margin and (leader is not first or row in table.tied)


def _fastest(rates: Mapping[Row, float], leader: Row, best: bool, where: tuple[str | Row, ...]) -> Finding:
    """That nothing is faster than the leader, which may be the best of those that were timed alone."""
    top, own = max(rates, key=rates.__getitem__), f" captions {speed(rates[leader])} images a second"
    if top is leader:
        answer = f"The best {'timed ' * (not best)}is also the fastest"
        return Finding("Best trade", answer, (leader, f"{own}; nothing here is faster.", *where))
    small = rates[top] < _FASTER * rates[leader]
    why = "a gain too small to be one" if small else "a gain within what runs differ by"
    text = (leader, f"{own}; the fastest, ", top, f", {speed(rates[top])}: {why}.", *where)
    return Finding("Best trade", "Nothing here is clearly faster", text)


def _faster(row: Row, than: Row, place: Hardware) -> bool:
    """Whether it is by more than a clock repeats, and each of its runs is faster than each of the other's."""
    own, others = speeds(row, place), speeds(than, place)
    return median(own) >= _FASTER * median(others) and min(own) > max(others)


def _mattered(table: Table, cider: dict[Row, float]) -> Finding:
    question, leader, last = "What mattered", next(iter(cider)), min(cider, key=cider.__getitem__)
    axes = {part: {row.parts[axis] for row in cider} for axis, part in enumerate(PARTS)}
    varying = [part for part in PARTS if len(axes[part]) > 1]
    range_ = f"{hundred(cider[leader] - cider[last])} CIDEr from best to worst"
    if len(cider) == 1 or not varying:
        return Finding(question, "Nothing to compare yet", ("It takes two entries that differ in a part.",))
    swaps = effects(table)
    swap = _swap(table, swaps)
    if swaps and not any(each.clear or math.isnan(each.low) for each in swaps):
        margin = table.ranking.margin(table.index[leader], table.index[last])
        clear = margin is not None and cider[leader] - cider[last] > margin
        noise = "; which part did it is not clear." if clear else ", which is within the noise of these images."
        return Finding(question, "No swap of one part is clear", (range_ + noise,))
    if len(varying) == 1:
        text = swap or (f"Only the {varying[0]} differs: ", leader, " does best, ", last, " worst.")
        return Finding(question, f"{varying[0].capitalize()}: {range_}", text)
    if len(cider) < _COMPLETE * math.prod(len(axes[part]) for part in varying):
        lack = (leader, " does best, ", last, " worst; too few combinations were run to divide that among the parts.")
        return Finding(question, range_, (*lack, *_largest(table, swaps)))
    (part, share), *others = sorted(_shares(cider, varying).items(), key=lambda item: (-item[1], item[0]))
    rest = ", ".join(f"{name} {100 * value:.0f} %" for name, value in others)
    answer = f"{part.capitalize()} explains {100 * share:.0f} % of the spread"
    return Finding(question, answer, (f"Each part by itself: {rest}. ", *swap))


def _shares(cider: dict[Row, float], varying: Sequence[str]) -> dict[str, float]:
    """Of the variance between entries, the share that each varying part explains by itself."""
    middle = fmean(cider.values())
    total = sum((score - middle) ** 2 for score in cider.values()) or 1.0
    shares = {}
    for part in varying:
        groups: dict[str, list[float]] = defaultdict(list)
        for row, score in cider.items():
            groups[row.parts[PARTS.index(part)]].append(score)
        found = (groups[value] for value in sorted(groups))
        shares[part] = sum(len(group) * (fmean(group) - middle) ** 2 for group in found) / total
    return shares


def _swap(table: Table, swaps: Sequence[Effect]) -> tuple[str | Row, ...]:
    """The attention that adds most to the one that cannot look; without one, the largest swap that is clear."""
    significant = [each for each in swaps if each.clear or math.isnan(each.low)]
    floored = [each for each in significant if each.base.partition("(")[0] == FLOOR]
    if floored:
        return (_finding(table, max(floored, key=lambda each: each.difference)),)
    return (_finding(table, max(significant, key=lambda each: abs(each.difference))),) if significant else ()


def _largest(table: Table, swaps: Sequence[Effect]) -> tuple[str | Row, ...]:
    """The swap of any part that changes most, of those that are clear."""
    significant = [each for each in swaps if each.clear or math.isnan(each.low)]
    if not significant:
        return ()
    largest = max(significant, key=lambda each: abs(each.difference))
    sure = "" if math.isnan(largest.low) else " clear"
    return (f" The largest{sure} swap of one part: s{_finding(table, largest)[1:]}",)


def _finding(table: Table, swap: Effect) -> str:
    names = f"Swapping {clean(table.short(swap.part, swap.base))} for {clean(table.short(swap.part, swap.value))}"
    sure = "" if math.isnan(swap.low) else f" ({signed(swap.low)} to {signed(swap.high)})"
    pairs = "" if swap.pairs == 1 else f", and the score rose in {swap.helped} of {swap.pairs} pairs"
    mean = " on average" if swap.pairs > 1 else ""
    return f"{names} changes CIDEr by {signed(swap.difference)}{sure}{mean}{pairs}."
