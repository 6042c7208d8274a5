"""Libraries that an extra installs, imported where they are used."""

from importlib import import_module
from typing import Any

_NAMES = {"submitit": "slurm", "torch.utils.tensorboard": "tensorboard"}  # of extras that are not their library's


def extra(module: str) -> Any:
    """A library that is installed by the extra of its name.

    Raises:
        ValueError: it is missing, or cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        name = _NAMES.get(module, module)
        raise ValueError(f"{module} cannot be imported: {error}. pip install 'caption-zoo[{name}]'") from error
