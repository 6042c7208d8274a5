"""Names of parts, as short as they can be and still tell one from the other."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from registry import Spec


def short_names(texts: Iterable[str]) -> dict[str, str]:
    """Each text less the options that all parts of its name have alike; what is no Spec stays as it is.

    Of ``lstm(dim=256)`` and ``lstm(attend='after', dim=256)`` they are ``lstm`` and ``lstm(attend='after')``.
    """
    specs = {text: _spec(text) for text in texts}
    options: dict[str, list[set[tuple[str, str]]]] = defaultdict(list)
    for text, spec in specs.items():
        options[_head(text)].append(set(map(_spelt, spec.options.items())) if spec else set())
    common = {head: set.intersection(*each) for head, each in options.items()}
    short = {text: _less(spec, common[_head(text)]) if spec else text for text, spec in specs.items()}
    counts = Counter(short.values())  # texts that are spelled otherwise and mean the same
    return {text: name if counts[name] == 1 else text for text, name in short.items()}


def _less(spec: Spec, common: set[tuple[str, str]]) -> str:
    own = {name: value for name, value in spec.options.items() if _spelt((name, value)) not in common}
    return str(Spec(spec.name, spec.variant, own))


def _spec(text: str) -> Spec | None:
    try:
        return Spec.parse(text)
    except ValueError:  # of a record that no run made
        return None


def _head(text: str) -> str:
    return text.partition("(")[0]


def _spelt(option: tuple[str, object]) -> tuple[str, str]:
    return option[0], repr(option[1])
