"""Where Python finds the packages of this checkout, whatever is installed."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHONPATH = os.pathsep.join([str(ROOT), str(ROOT / "benchmarks" / "launch")])
