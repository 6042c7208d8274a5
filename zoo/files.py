"""Files of a saved captioner, by name, and the folders of an ensemble's members; importing this needs no torch."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

CONFIG, WEIGHTS = "config.json", "model.safetensors"
CONFIG_BYTES = 64 * 2**20  # at most; one with 200,000 words has 4 MiB


def has_config(folder: Path) -> bool:
    """Whether the config in `folder` is a captioner's, of this or another version, and not another program's."""
    file = folder / CONFIG
    try:
        if not file.is_file() or file.stat().st_size > CONFIG_BYTES:
            return False
        config = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and {"format", "parts", "vocabulary"} <= config.keys()


def member_folders(folder: Path, members: Mapping[str, object]) -> list[Path]:
    """Folders of the members of the ensemble whose run is in `folder`, beside which they lie; lowest seed first.

    `members` is what the run's request has: seed -> id of a member's run.

    Raises:
        ValueError: one does not lie there.
    """
    parent = folder.absolute().parent
    names = [str(members[seed]) for seed in sorted(members, key=lambda seed: (len(seed), seed))]
    for name in names:
        if not re.fullmatch("[0-9a-f]{12}", name) or not (parent / name).is_dir():
            raise ValueError(f"{str(folder)!r} is an ensemble, and its member {name} does not lie in {str(parent)!r}")
    return [parent / name for name in names]
