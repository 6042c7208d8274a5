"""Files of a saved captioner, by name; importing this needs no torch."""

import json
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
