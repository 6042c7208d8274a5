"""Scores and diagnostics of records of synthetic scenes, from their captions and scenes made up again."""

import hashlib
import json
import math
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from benchmarks.data.synthetic.grammar import Content, captions, content, parse
from benchmarks.data.synthetic.scene import Scene, sample
from benchmarks.verification.checker.metrics import References

_CLOSE = 1e-5
_WORD = re.compile(r"[A-Za-z]+[.,:;?!]*")  # the tokenizer of the scores drops these marks too
_SPLITS, _TEST = 3, 2  # every third id, from the third on
_MOST = 100_000  # images; a record that asks for more is not scored
_NOTHING = Content((), "", "")
_SPELLED = re.compile(r"scenes(\([a-z]+=-?\d{1,9}(, [a-z]+=-?\d{1,9})*\))?", re.ASCII)
_COLUMNS = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "ROUGE_L", "CIDEr")


def scened(record: Mapping[str, Any]) -> bool:
    """Whether the data set of a record is one whose references can be had without any file."""
    return bool(re.match(r"scenes\b", record["dataset"]))


def scenes(record: Mapping[str, Any]) -> Iterator[str]:
    """Where a record says something else than its captions and its data set give."""
    if not _SPELLED.fullmatch(record["dataset"]):
        yield f"its captions cannot be scored again: {record['dataset'][:60]!r} is no spelling of scenes"
        return
    options = {name: int(value) for name, value in re.findall(r"(\w+)=(-?\d+)", record["dataset"])}
    count, seed = options.get("test", 500), options.get("seed", 0)
    if count > _MOST:
        yield f"its data set has {count} test images, too many to be made up again"
        return
    if (record["split"], record["synthetic"]) != ("test", True):
        yield f"its split is {record['split']!r} and its synthetic {record['synthetic']}: scenes have 'test' and True"
    images = [_TEST + _SPLITS * index for index in range(count)]
    if record["captions"].keys() != set(map(str, images)):
        yield "its captions are not those of all test images, and of no other"
        return
    test = _test(count, seed)
    candidates = [record["captions"][str(image)] for image in images]
    if record["data"].get("name") != "scenes":
        yield f"its data is called {record['data'].get('name')!r}, its data set scenes"
    if f"|idf:{test.digest[:8]}|" not in record["signature"]:
        yield f"its captions are scored here on references of the hash {test.digest[:8]}, its signature has others"
    yield from _unlike_words(images, candidates)
    yield from _scores(record, images, candidates, test)
    yield from _diagnostics(record, test.scenes, candidates)
    for shown in record["samples"]:
        if list(test.captions.get(shown.get("image"), ())) != shown.get("references"):
            yield f"the references of its sample of image {shown.get('image')!r} are not those of the scene"


@dataclass(frozen=True)
class _Test:
    """The test split: what its images show, what is said of each, and the hash of that."""

    scenes: list[Scene]
    captions: Mapping[int, tuple[str, ...]]
    digest: str
    references: References


@lru_cache(2)
def _test(count: int, seed: int) -> _Test:
    made, references = [], {}
    for image in (_TEST + _SPLITS * index for index in range(count)):
        rng = random.Random(f"{seed} {image}")
        made.append(sample(rng))
        references[image] = captions(made[-1], rng)
    digest = hashlib.sha256(
        json.dumps({image: list(texts) for image, texts in references.items()}).encode()
    ).hexdigest()
    return _Test(made, references, digest, References(list(references.values())))


def _unlike_words(images: Sequence[int], candidates: Sequence[str]) -> Iterator[str]:
    """Captions whose tokens are not just the letters between their blanks, which is all that is counted here."""
    for image, caption in zip(images, candidates, strict=True):
        if not caption.isascii() or not all(map(_WORD.fullmatch, caption.split())):
            yield f"its caption of image {image} cannot be scored here, since it has more than words: {caption[:60]!r}"
            return


def _scores(record: Mapping[str, Any], images: Sequence[int], candidates: Sequence[str], test: _Test) -> Iterator[str]:
    texts = [" ".join(re.findall("[a-z]+", caption.lower())) for caption in candidates]
    values, each = test.references.score(texts)
    for name in _COLUMNS:
        if name in record["scores"] and not math.isclose(values[name], record["scores"][name], abs_tol=_CLOSE):
            yield f"its captions give {name} {values[name]:.6f}, it says {record['scores'][name]}"
    recorded = record["per_image"].get("CIDEr", {})
    for image, value in zip(images, each, strict=True):
        if not math.isclose(value, recorded.get(str(image), math.nan), abs_tol=_CLOSE):
            yield f"its captions give for CIDEr of image {image} {value:.6f}, it says {recorded.get(str(image))}"
            return


def _diagnostics(record: Mapping[str, Any], made: Sequence[Scene], candidates: Sequence[str]) -> Iterator[str]:
    marks: dict[str, list[bool]] = defaultdict(list)
    for scene, caption in zip(made, candidates, strict=True):
        for name, mark in _marks(content(scene), parse(caption), related=scene.related):
            marks[name].append(mark)
    for name, found in marks.items():
        share = sum(found) / len(found)
        if not math.isclose(share, record["diagnostics"].get(name, math.nan), abs_tol=1e-9):
            yield f"its captions give {name} {share:.6f}, it says {record['diagnostics'].get(name)}"
    if unknown := record["diagnostics"].keys() - marks.keys() - {"pointing", "pointing_chance", "bad_endings"}:
        yield f"its diagnostics have {min(unknown)!r}, which scenes do not give"


def _marks(truth: Content, parsed: Content | None, *, related: bool) -> Iterator[tuple[str, bool]]:
    stated = parsed or _NOTHING

    def same(slot: str) -> bool:
        return sorted(getattr(one, slot) for one in truth.mentions) == sorted(
            getattr(one, slot) for one in stated.mentions
        )

    yield "parsed", parsed is not None
    yield "exact", stated == truth
    yield "background", stated.background == truth.background
    yield from ((slot, same(slot)) for slot in ("colour", "shape", "size" if related else "count"))
    if related:
        yield "binding", set(stated.mentions) == set(truth.mentions)
        yield "relation", (stated.mentions, stated.relation) == (truth.mentions, truth.relation)
