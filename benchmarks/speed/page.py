"""docs/speed.md and its drawings, from the numbers and the facts of the run that made them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.leaderboard.tables.formatting import clean
from benchmarks.leaderboard.tables.markdown import fence, table
from benchmarks.speed.figures import BARS, BEAMS, CELLS, NO_BREAK, OTHERS, TIMES, Figure, shown, shown_bar
from benchmarks.speed.lines import Panel, chart
from benchmarks.speed.method import HEAD, METHOD, NOTHING_YET

Numbers = Mapping[str, float]
_STAGES = {"encoding": "encode_s", "a training epoch": "train_s", "beam search": "decode_s"}


def pages(numbers: Numbers, facts: Mapping[str, Any]) -> dict[str, str]:
    """Each file below docs/ and its text; `facts` is the content of docs/speed-environment.json."""
    drawings = {f"speed-{name}.svg": text for name, text in _drawings(numbers).items()}
    blocks = [
        HEAD,
        "## Bars",
        _table(BARS, numbers),
        *_remarks(facts),
        "## Other figures",
        _table([figure for figure in OTHERS if figure.key in numbers], numbers),
        METHOD,
        *(f"- {clean(note)}" for note in facts["notes"]),
        "## Growth",
        *_growth(numbers, drawings),
        "## Where this was measured",
        _environment(facts),
    ]
    return {"speed.md": "\n\n".join(blocks) + "\n", **drawings}


def nothing_yet() -> dict[str, str]:
    """The page while there are no numbers."""
    return {"speed.md": NOTHING_YET + "\n"}


def _table(figures: Sequence[Figure], numbers: Numbers) -> str:
    heads = ["what, and its key", "measured", "least to most", "bar", ""]
    return table(heads, (_row(figure, numbers) for figure in figures))


def _row(figure: Figure, numbers: Numbers) -> list[str]:
    value = numbers.get(figure.key)
    if value is None:
        cells = ["–", "–", shown_bar(figure), "not measured"]
    else:
        low, high = numbers.get(f"{figure.key}.min"), numbers.get(f"{figure.key}.max")
        ends = (
            "–"
            if low is None or high is None
            else f"{shown(low, figure.unit).removesuffix(f'{NO_BREAK}{figure.unit}')} to {shown(high, figure.unit)}"
        )
        cells = [shown(value, figure.unit), ends, shown_bar(figure), verdict(figure, value)]
    return [f"{figure.what}<br>`{figure.key}`", *cells]


def verdict(figure: Figure, value: float) -> str:
    """Whether the bar is met; nothing where there is none."""
    return "" if figure.bar is None else "met" if figure.bar.met(value) else "**missed**"


def _remarks(facts: Mapping[str, Any]) -> Iterable[str]:
    if not facts["bfloat16"]:
        yield (
            "This processor has no bfloat16 instructions (its flags name neither avx512_bf16 nor amx_bf16). It makes "
            "each such product from float32 ones, so bfloat16 is no gain here whatever the code does."
        )
    if facts["problems"]:
        yield "\n".join(["What could not be measured:", "", *(f"- {clean(problem)}" for problem in facts["problems"])])


def _drawings(numbers: Numbers) -> dict[str, str]:
    """The charts whose every point was measured."""
    charts = {
        "images": ("images, in multiples of 250", TIMES, _STAGES),
        "beams": ("beams", BEAMS, {"": "seconds"}),
        "cells": ("cells", CELLS, {"": "seconds"}),
    }
    made = {}
    for name, (across, places, lines) in charts.items():
        keys = [f"growth.{name}.{place}.{field}" for place in places for field in (*lines.values(), "peak_gb")]
        if all(key in numbers for key in keys):
            times = {line: [numbers[f"growth.{name}.{n}.{field}"] for n in places] for line, field in lines.items()}
            memory = {"": [numbers[f"growth.{name}.{n}.peak_gb"] for n in places]}
            panels = [Panel("seconds", across, places, times), Panel("peak memory in GB", across, places, memory)]
            made[name] = chart(
                f"speed-{name}", f"Seconds and peak memory against {across}: the table's figures", panels
            )
    return made


def _growth(numbers: Numbers, drawings: Mapping[str, str]) -> Iterable[str]:
    titles = {
        "images": "Images: encoded by `patches`, trained on for an epoch, captioned with 5 beams. 1 is 250 images.",
        "beams": "Beams: 32 images, 20 words, 49 x 512 features, one thread.",
        "cells": "Cells: `caption-zoo run` from nothing, cells of 300 synthetic scenes for one epoch.",
    }
    for name, title in titles.items():
        if f"speed-{name}.svg" not in drawings:
            yield f"{title} Not measured."
            continue
        yield title
        yield fence("{raw} html", f":file: speed-{name}.svg")
        yield f"The drawing as a file: [speed-{name}.svg](speed-{name}.svg)."
        yield _points(numbers, name)


def _points(numbers: Numbers, name: str) -> str:
    places = {"images": TIMES, "beams": BEAMS, "cells": CELLS}[name]
    fields = [*(_STAGES.values() if name == "images" else ["seconds"]), "peak_gb"]
    units = {field: f"{stage}, s" for stage, field in _STAGES.items()} | {"seconds": "s", "peak_gb": "GB"}
    rows = [
        [str(place), *(shown(numbers[f"growth.{name}.{place}.{field}"], " ").strip() for field in fields)]
        for place in places
    ]
    return table([name, *(units[field] for field in fields)], rows)


def _environment(facts: Mapping[str, Any]) -> str:
    listed = {"date": facts["date"], **facts["environment"], "minutes": facts["minutes"]}
    return table(["", ""], ([clean(name), clean(value)] for name, value in listed.items() if value is not None))
