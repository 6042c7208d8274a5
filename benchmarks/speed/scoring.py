"""Seconds of scoring, in a process of its own, so that Java and all caches start from nothing.

python -m benchmarks.speed.scoring ours IMAGES CACHE      prints JSON: seconds of three sets, one by one
python -m benchmarks.speed.scoring theirs IMAGES CACHE    the same of pycocoevalcap, which is run once
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.metrics.java import process
from benchmarks.speed import sentences

_TURNS = 3
_PATIENCE = 600.0  # seconds: pycocoevalcap hangs after some failures


def measure(who: str, images: int, cache: Path) -> dict[str, Any]:
    """What such a process measured: ``seconds`` of each set of captions, and the ``scores`` of the first.

    Ours keeps below `cache` what another process can use; theirs keeps nothing. Both run the same Java.
    """
    path = os.pathsep.join([str(Path(process.find()).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path, "LC_ALL": "C"}
    command = [sys.executable, "-m", "benchmarks.speed.scoring", who, str(images), str(cache)]
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RuntimeError(f"scoring failed: {done.stderr[-500:]}")
    return json.loads(done.stdout.splitlines()[-1])


def ours(images: int, cache: Path) -> dict[str, Any]:
    """Three sets of captions against the same references, by one `Scorer`."""
    from benchmarks.evaluation.scorer import Scorer

    references = sentences.references(images)
    sets = [sentences.candidates(images, turn) for turn in range(_TURNS)]
    started = time.perf_counter()
    scorer = Scorer(references, cache=cache)
    scores, seconds = [], []
    for captions in sets:
        scores.append(scorer.score(captions).values)
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
    return {"seconds": seconds, "scores": scores[0]}


def theirs(images: int, _: Path) -> dict[str, Any]:
    """One set, by pycocoevalcap."""
    from benchmarks.speed.baselines import coco_scores

    references, captions = sentences.references(images), sentences.candidates(images, 0)
    started = time.perf_counter()
    scores = coco_scores(references, captions)
    return {"seconds": [time.perf_counter() - started], "scores": scores}


if __name__ == "__main__":
    who, number, folder = sys.argv[1:]
    sys.stdout.write(json.dumps({"ours": ours, "theirs": theirs}[who](int(number), Path(folder))) + "\n")
