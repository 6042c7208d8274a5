"""What this machine has and lacks for caption-zoo, each with its remedy."""

import os
import shutil
import warnings
from collections.abc import Callable

from jsonargparse import ArgumentParser, Namespace

from benchmarks.cli import kinds
from benchmarks.runtime.text import plain
from registry import PluginWarning, RegistryError

Finding = tuple[bool, str]


def add_arguments(parser: ArgumentParser, argv: list[str]) -> list[str]:
    """Nothing to say."""
    return argv


def main(parser: ArgumentParser, options: Namespace) -> int:
    """Print one line per finding; the exit code is 1 where something is missing that runs need."""
    sound = True
    for what, check in _CHECKS.items():
        try:
            fine, finding = check()
        except Exception as error:  # a broken installation may raise anything, and that is the finding
            fine, finding = False, " ".join(str(error).split())
        sound &= fine
        print(f"{'ok  ' if fine else 'LACK'} {what:10} {plain(finding)}")
    return 0 if sound else 1


def _torch() -> Finding:
    import torch

    from benchmarks.runtime.device import device

    where = torch.cuda.get_device_name() if device().type == "cuda" else "no GPU: runs use the processor"
    return True, f"{torch.__version__}, {torch.get_num_threads()} threads, {where}"


def _timm() -> Finding:
    import timm

    return True, f"{timm.__version__}, {len(timm.list_models())} backbones"


def _weights() -> Finding:
    from zoo.registries import BACKBONES

    return True, BACKBONES.build("efficientnet_lite").load_pretrained().source


def _plugins() -> Finding:
    """A broken one is warned of and no more: runs without it need it not."""
    count = broken = 0
    for registry in kinds().values():
        for name in registry.plugins:
            count += 1
            try:
                registry[name]
            except RegistryError as error:
                broken += 1
                warnings.warn(str(error), PluginWarning, stacklevel=2)
    return True, f"{count} installed" + (f", {broken} of them broken" if broken else "")


def _java() -> Finding:
    from benchmarks.metrics.java import process

    return True, process.version()


def _scorer() -> Finding:
    from benchmarks.evaluation.scorer import Scorer

    references = {1: ["A dog runs on the grass."], 2: ["Two red boats lie on a beach."]}
    scores = Scorer(references).score({image: captions[0] for image, captions in references.items()})
    perfect = abs(scores.values["Bleu_4"] - 1) < 1e-6 and scores.values["METEOR"] > 0.99
    return perfect, "scores of a perfect caption: " + ", ".join(f"{k} {v:.2f}" for k, v in scores.values.items())


def _memory() -> Finding:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return pages > 3, f"{pages:.0f} GiB" + ("" if pages > 3 else ": a run with METEOR wants 4")


def _disk() -> Finding:
    from benchmarks.cli.paths import cache_folder

    folder = cache_folder()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 2**30
    return free > 5, f"{free:.0f} GiB free for the cache, which takes 30 and more for COCO: choose with --cache"


_CHECKS: dict[str, Callable[[], Finding]] = {
    "torch": _torch,
    "timm": _timm,
    "weights": _weights,
    "plug-ins": _plugins,
    "java": _java,
    "scorer": _scorer,
    "memory": _memory,
    "disk": _disk,
}
