"""Components that live outside this repository and are not installed."""

import hashlib
import sys
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def load_plugin(file: str | Path) -> ModuleType:
    """Run a Python file for its `register` calls; once, however often it is called. What it prints goes to stderr.

    Raises:
        ValueError: it is not there, or it raised; the message names the file and why.
    """
    if not Path(file).is_file():
        raise ValueError(f"no plug-in file {str(file)!r}")
    path = Path(file).resolve()
    name = f"caption_zoo_plugin_{path.stem}_{hashlib.sha256(bytes(path)).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = spec_from_file_location(name, path)
    if path.suffix != ".py" or spec is None or spec.loader is None:
        raise ValueError(f"plug-in {str(file)!r} is not a Python file (.py)")
    sys.modules[name] = module = module_from_spec(spec)
    try:
        with redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        why = f"plug-in {str(file)!r} could not be loaded: {type(error).__name__}: {error}"
        raise ValueError(why + _namesake(error)) from error
    return module


def _namesake(error: BaseException) -> str:
    """Why something is missing in one of our packages that a plug-in may have taken for its own."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    if package not in ("benchmarks", "registry", "zoo"):
        return ""
    return f"; {package} is caption-zoo's own package here: one of yours needs another name"
