"""Files that come with caption-zoo: configs, which go by name, and the parts that the documentation shows."""

import re
import shutil
from pathlib import Path

from benchmarks.runtime.text import plain
from registry import UnknownName

_HOME = Path(__file__).parents[1]  # a clone has links there: to configs, and to docs/examples


def configs() -> dict[str, Path]:
    """The configs, by name."""
    return {file.stem: file for file in sorted((_HOME / "configs").glob("*.yaml"))}


def examples() -> dict[str, Path]:
    """The files that the documentation shows, by name."""
    return {file.name: file for file in sorted((_HOME / "examples").iterdir()) if file.suffix in (".py", ".sbatch")}


def find_config(name: str) -> str:
    """The file `name`; or, where there is none, the config of that name.

    Raises:
        ValueError: there is neither.
    """
    found, path = configs(), Path(name)
    if path.is_file():
        return name
    if name not in found and path.suffix == ".yaml" and path.stem in found:
        raise ValueError(f"no file {name!r}; the config that comes with caption-zoo is {path.stem}, without .yaml")
    if name not in found and re.fullmatch(r"[\w-]+", name) and not path.exists():
        raise UnknownName("config", name, found)
    return str(found.get(name, name))


def list_files(files: dict[str, Path]) -> None:
    """Print each name with what the file says of itself."""
    width = max(map(len, files))
    for name, file in files.items():
        print(f"{name:{width}}  {plain(_summary(file))}")


def copy(file: Path) -> None:
    """Copy a file into the working folder, and print its name.

    Raises:
        ValueError: there is one of this name.
    """
    try:
        with file.open("rb") as source, Path(file.name).open("xb") as target:
            shutil.copyfileobj(source, target)
    except FileExistsError:
        raise ValueError(f"{file.name} is there already: move it, or work in another folder") from None
    print(file.name)


def _summary(file: Path) -> str:
    """The first line of its comment or docstring."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if not line.startswith("#!")).strip('#" ')
