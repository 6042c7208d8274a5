"""Where a data set of the datasets library lies: a folder, or a repository of the Hugging Face Hub."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_KINDS = ("parquet", "imagefolder", "arrow", "json", "csv", "cache")  # builders that read files, and decode nothing
_SAVED = ("dataset_dict.json", "state.json")  # what save_to_disk writes
_LONGEST = 300  # characters of another library's error
_REMEDIES = {
    "gated": "accept its terms on its page on the Hub, then run: hf auth login",
    "doesn't exist on the Hub": "check its name; a private one takes: hf auth login",
    "Revision '": "name one that is there with revision='...'",
    "Couldn't reach": "check the network, or HF_ENDPOINT; with HF_HUB_OFFLINE=1 only what is in the cache is there",
    "scripts are no longer supported": (
        "the Hub may have it converted, revision='refs/convert/parquet'; no script is run here"
    ),
    "Config name is missing": "name one with config='...'",
    "BuilderConfig": "name one that is there with config='...'",
    "Read-only file system": "name a folder for the cache that can be written to with HF_HOME",
    "Permission denied": "name a folder for the cache that can be written to with HF_HOME",
    "No space left": "name a folder for the cache with more room with HF_HOME",
}


@dataclass(frozen=True)
class Source:
    """An opened data set: a `datasets.Dataset` for each of its splits, mapped from disk.

    roots: the only folders that its images may lie in, where they are files of their own; names begin at the first.
    commit: of the Hub's repository; empty for a folder.
    """

    parts: dict[str, Any]
    roots: tuple[str, ...]
    commit: str = ""
    notes: tuple[str, ...] = field(default=())


def open_source(path: str, config: str | None, revision: str | None) -> Source:
    """The data set in a folder, or of the Hub, by ``owner/name``; it is converted once, into the library's cache.

    Raises:
        ValueError: the library is missing, or the data set is, or cannot be read; with a remedy, in one line.
    """
    try:
        import datasets
    except ImportError as error:
        raise ValueError(f"datasets cannot be imported: {error}. pip install 'caption-zoo[hf]'") from error
    datasets.logging.set_verbosity_error()  # what it says besides is in errors and notes here
    expand = os.path.expanduser  # pathlib's raises where ~ leads nowhere
    folder = Path(os.path.realpath(expand(path.replace("\0", "?"))))
    if not folder.is_dir() and not REPOSITORY.fullmatch(path):
        what = "is a file: give the folder that it is in" if folder.is_file() else "is no folder"
        raise ValueError(f"{path!r} {what}, or the name of a data set on the Hugging Face Hub, owner/name")
    try:
        if not folder.is_dir():
            return _of_hub(datasets, path, config, revision)
        if revision is not None:
            raise _Refused(f"revision={revision!r} is of the Hub, and {path} is a folder: leave it out")
        return _of_folder(datasets, folder, config)
    except _Refused as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # of whichever package reads there
        raise ValueError(f"cannot read {path!r}: {_why(error)}") from None


def is_inside(file: str, roots: tuple[str, ...]) -> bool:
    """Whether a file lies in one of the folders, which are spelled without links, once its own links are followed."""
    real = Path(os.path.realpath(file))
    return any(real.is_relative_to(root) for root in roots)


class _Refused(Exception):
    """A mistake of the user's, with its remedy."""


def _of_folder(datasets: Any, folder: Path, config: str | None) -> Source:
    roots = _roots(folder)
    if any((folder / name).is_file() for name in _SAVED):
        if config is not None:
            raise _Refused(f"{folder} was written by save_to_disk, which has no configurations: leave config out")
        loaded = datasets.load_from_disk(str(folder))
        parts = dict(loaded) if isinstance(loaded, dict) else {str(loaded.split or "train"): loaded}
        files = (entry["filename"] for part in parts.values() for entry in part.cache_files)
    else:
        builder = datasets.load_dataset_builder(str(folder), config)
        _refuse_kind(builder, folder, "root='...'")
        files = (str(file) for listed in (builder.config.data_files or {}).values() for file in listed)
        parts = {}
    for file in files:
        if not is_inside(file, roots):
            raise _Refused(f"{folder}: {os.path.relpath(file, folder)!r} leads out of the folder: copy it there")
    return Source(parts or _prepared(builder), roots)


def _of_hub(datasets: Any, path: str, config: str | None, revision: str | None) -> Source:
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    builder = datasets.load_dataset_builder(path, config, revision=revision)
    cached = _kind(builder) == "cache"
    _refuse_kind(builder, path, f"root='hf://datasets/{path}'")
    stored = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=path, repo_type="dataset"))
    if cached and revision is not None and builder.hash not in (revision, _known(stored, revision)):
        raise _Refused(
            f"the Hub cannot be reached, and the cache has commit {builder.hash} of {path}, not {revision!r}: "
            "name that one with revision='...', or connect"
        )
    notes = (f"the Hub cannot be reached: {path} is read from the cache, commit {builder.hash}",) if cached else ()
    roots = (str(stored / "snapshots" / str(builder.hash)), str(stored / "blobs"))  # the ones are links to the others
    return Source(_prepared(builder), roots, str(builder.hash), notes)


def _prepared(builder: Any) -> dict[str, Any]:
    """Its splits; downloaded and converted where they are not in the cache, which then may be read-only."""
    if not Path(builder.cache_dir, "dataset_info.json").is_file():
        builder.download_and_prepare()
    return dict(builder.as_dataset())


def _roots(folder: Path) -> tuple[str, ...]:
    """The folder; where it is a snapshot in the Hub's cache, also that of the files which its links lead to."""
    snapshot = folder.parent.name == "snapshots" and (folder.parents[1] / "blobs").is_dir()
    return (str(folder), *((str(folder.parents[1] / "blobs"),) if snapshot else ()))


def _kind(builder: Any) -> str:
    """Which of the library's readers it is, as parquet."""
    modules = (each.__module__.split(".") for each in type(builder).__mro__)
    return next(names[2] for names in modules if names[:2] == ["datasets", "packaged_modules"])


def _refuse_kind(builder: Any, where: Path | str, shards: str) -> None:
    kind = _kind(builder)
    if kind == "webdataset":
        raise _Refused(f'{where} holds tar shards: use --dataset "webdataset({shards})"')
    if kind not in _KINDS:
        readable = ", ".join(each for each in _KINDS if each != "cache")
        raise _Refused(f"{where} holds files that are read as {kind}, and images with captions come as {readable}")


def _known(stored: Path, revision: str) -> str:
    """The commit that a branch or tag was when it was last downloaded; empty where nothing is known of it."""
    names: Mapping[str, Path] = {each.relative_to(stored / "refs").as_posix(): each for each in _refs(stored)}
    return names[revision].read_text().strip() if revision in names else ""


def _refs(stored: Path) -> Iterator[Path]:
    return (each for each in (stored / "refs").rglob("*") if each.is_file())


def _why(error: Exception) -> str:
    """An error of the library in one line, with a remedy."""
    if type(error).__name__ == "DatasetGenerationError" and isinstance(error.__cause__, Exception):
        error = error.__cause__
    text = " ".join(str(error).split()) or type(error).__name__
    remedy = next((f": {remedy}" for known, remedy in _REMEDIES.items() if known in text), "")
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return f"{short.rstrip('.')}{remedy}"
