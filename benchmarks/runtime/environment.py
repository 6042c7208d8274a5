"""The machine and the software that a number was made with."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.runtime.revision import commit

_PACKAGES = ("caption-zoo", "torch", "torchvision", "timm", "numpy", "pillow", "pycocoevalcap")


def environment(*, java: str | None) -> dict[str, object]:
    """What a record says of where it was made, `java` being the one that scores; no host or user name, no path."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    libraries = {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()} if gpu else {}
    return {
        "device": gpu or "cpu",
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "java": java,
        "commit": commit(),
        **libraries,
        **{name: version(name) for name in _PACKAGES},
    }


def processor() -> str:
    """The processor's name, as Linux tells it; elsewhere its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
