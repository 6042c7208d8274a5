"""The check as a program: a line for everything that does not hold, and exit code 1 where there is one."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "launch"))  # as `python -I -S FOLDER` leaves out both
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from benchmarks.verification.checker.check import check_all


def main(arguments: list[str]) -> int:
    """Check all records below the folder that is named."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: python -m benchmarks.verification.checker RUNS, a folder with run records\n")
        return 2
    checker, problems = check_all(Path(arguments[0]))
    for problem in problems:
        sys.stderr.write(" ".join(problem.encode("ascii", "backslashreplace").decode().split()) + "\n")
    counts = f"{checker.checked} records checked, the captions of {checker.scored} scored again"
    sys.stdout.write(f"{counts}, {len(problems)} problems\n")
    return 1 if problems or not checker.checked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
