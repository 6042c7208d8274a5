"""Files of a repository on the Hugging Face Hub, or of its cache. They are data: nothing of a repository is run."""

import hashlib
import re
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

from zoo.hub.errors import Missing, Unreachable, in_one_line

_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
_REVISION = re.compile(r"(?!.*\.\.)[\w-][\w./-]*", re.ASCII)  # as git's; the cache has a file of this name
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class HubWarning(UserWarning):
    """The Hub cannot be reached, and what the cache has is taken: perhaps not the newest commit, or no request."""


def is_name(text: str) -> bool:
    """Whether a repository may be called so: ORG/NAME."""
    return bool(_NAME.fullmatch(text))


@dataclass(frozen=True)
class Repository:
    """A model on the Hub, at a branch, a tag or a commit.

    cache_dir: the client's own where None; `token` likewise.
    local_files_only: no request goes to the Hub, as with ``HF_HUB_OFFLINE=1``.

    Raises:
        ValueError: it cannot be called so.
    """

    name: str
    revision: str = "main"
    cache_dir: str | Path | None = None
    local_files_only: bool = False
    token: str | bool | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError(f"{self.name!r} is no name of a model on the Hub: they are ORG/NAME")
        if not _REVISION.fullmatch(self.revision):
            raise ValueError(f"revision={self.revision!r} is no branch, tag or commit")

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}"

    def at(self, commit: str) -> "Repository":
        """The same, pinned."""
        return replace(self, revision=commit)

    def fetch(self, file: str, *, most: int | None = None, hashed: bool = False) -> Path:
        """Where `file` lies in the cache; it is fetched where it is not there, or not known to be the newest.

        most: bytes that it may have.
        hashed: it is only fetched where the Hub names its SHA-256. Where it does, what comes is compared in any case.

        Raises:
            Missing: a ValueError; the repository has no such file.
            Unreachable: a ValueError; neither the Hub nor the cache gives it.
            ValueError: there is no such repository or revision, or not for this user; the file is damaged or too
                large, or the Hub does not say how large it is or what its hash is.
            OSError: the cache cannot be written.
        """
        from huggingface_hub import constants

        offline = self.local_files_only or constants.HF_HUB_OFFLINE
        cached, absent = self._cached(file)
        if offline or _COMMIT.fullmatch(self.revision):  # of a branch there may be a newer commit, with that file
            if absent:
                raise Missing(f"{self} has no {file}")
            if cached is not None:
                return cached
        if offline:
            raise Unreachable(
                f"the cache has no {file} of {self}, and no request goes to the Hub: fetch it once without "
                "HF_HUB_OFFLINE and local_files_only, or name a revision that was fetched"
            )
        try:
            with in_one_line(self.name, self.revision, file):
                return self._download(file, most, hashed)
        except Unreachable as error:
            if cached is None:
                raise
            warnings.warn(f"{error}; its cache has commit {cached.parent.name}", HubWarning, stacklevel=2)
            return cached

    def has_cached(self, file: str) -> bool:
        """Whether `file` is in the cache."""
        return self._cached(file)[0] is not None

    def _cached(self, file: str) -> tuple[Path | None, bool]:
        """The file at the commit that the revision was at the last request; whether that is known to have none."""
        from huggingface_hub import _CACHED_NO_EXIST, try_to_load_from_cache

        found = try_to_load_from_cache(self.name, file, cache_dir=self.cache_dir, revision=self.revision)
        return Path(found) if isinstance(found, str) else None, found is _CACHED_NO_EXIST

    def _download(self, file: str, most: int | None, hashed: bool) -> Path:
        from huggingface_hub import errors, get_hf_file_metadata, hf_hub_download, hf_hub_url

        def download() -> Path:
            return Path(
                hf_hub_download(self.name, file, revision=self.revision, cache_dir=self.cache_dir, token=self.token)
            )

        try:  # by itself: a download would try for half a minute to reach a Hub that it cannot
            found = get_hf_file_metadata(hf_hub_url(self.name, file, revision=self.revision), token=self.token)
        except errors.EntryNotFoundError:
            return download()  # raises the same, and notes it in the cache
        if most is not None and (found.size is None or found.size > most):
            size = "an unknown number of" if found.size is None else f"{found.size:,}"
            raise ValueError(f"{file} of {self} has {size} bytes, and may have {most:,}")
        named = _SHA256.fullmatch(found.etag or "")
        if hashed and not named:
            raise ValueError(f"the Hub names no SHA-256 of {file} of {self}: publish it with caption-zoo push")
        fetched = found.commit_hash is None or self.at(found.commit_hash)._cached(file)[0] is None
        path = download()
        if fetched and named and _sha256(path) != found.etag:  # the client checks sizes
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise ValueError(f"{file} of {self} came with another hash than the Hub names: fetch it again")
        return path


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
