"""Where a trained captioner lies: in a folder, among the pretrained ones that are installed, or on the Hub."""

import json
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from registry import UnknownName
from zoo import checkpoint, models
from zoo.captioner import Captioner
from zoo.ensemble import Ensemble
from zoo.files import CONFIG, CONFIG_BYTES, WEIGHTS, has_config, member_folders
from zoo.hub.client import HubWarning, Repository, is_name
from zoo.hub.errors import Missing, Unreachable

_REQUEST = "request.json"  # of the run that made it: whoever captions with it searches as the run did


@dataclass(frozen=True)
class Located:
    """A folder with a captioner's files, and what it is called: as it was named, or ORG/NAME@COMMIT."""

    folder: Path
    source: str


def locate(place: str | Path, *, revision: str | None = None, **options: Any) -> Located:
    """Find the captioner that `place` names: a path or, where there is none, a pretrained one or ORG/NAME of the Hub.

    A folder that hides a pretrained captioner of its name, and holds none, is refused. ORG/NAME@REVISION has the
    revision in it. Where ORG is a folder here, a request goes to the Hub only with `revision`: not for a misspelt
    ``runs/ID``.

    Its config is fetched and read first, so that of a repository that holds none no weights are fetched; no file is
    fetched but those of a captioner. `options` are those of `zoo.hub.client.Repository`.

    Raises:
        ValueError: there is no such captioner, or not all of it, or it cannot be fetched, or its parts are not
            registered.
    """
    if isinstance(place, str) and "@" in place and not Path(place).exists() and not Path(place).parent.is_dir():
        name, _, pinned = place.partition("@")
        if revision is not None:
            raise ValueError(f"{place!r} names a revision, and revision={revision!r} is another")
        if is_name(name):
            return locate(name, revision=pinned, **options)
    named = isinstance(place, str) and is_name(place)
    if named and not Path(place).exists():
        if revision is None and (parent := Path(place).parent).is_dir():
            raise ValueError(
                f"no folder {place!r} in {str(parent)!r}; for the Hub's model of that name, give a revision: main"
            )
        return _of_hub(Repository(str(place), "main" if revision is None else revision, **options))
    if revision is not None:
        what = "there is a folder of that name" if named else "models there are called ORG/NAME"
        raise ValueError(f"revision={revision!r} is of the Hub, and {str(place)!r} is not: {what}")
    bare = isinstance(place, str) and Path(place).name == place
    if bare and not Path(place).exists():
        try:
            return pretrained(str(place))
        except UnknownName as error:
            raise ValueError(f"no folder {place!r}, and {error}") from None
    if bare and not has_config(Path(place)) and models.exists(str(place)):
        raise ValueError(
            f"{place!r} is a folder or file here that holds no captioner, and hides the pretrained model of that name: "
            "work in another folder"
        )
    return Located(Path(place), str(place))


def pretrained(name: str) -> Located:
    """Find a pretrained captioner by its name alone, whatever folders there are.

    Raises:
        ValueError: there is none of that name, or its distribution lacks it.
    """
    return Located(models.model_folder(name), name)


def load(places: Sequence[Located], *, device: str | torch.device = "cpu") -> Captioner | Ensemble:
    """The captioner that lies at the one place, or the ensemble of all that lie at several, in evaluation mode.

    A place may be the run of an ensemble, see `load_members`.

    Raises:
        ValueError: there is none, or its parts are not registered, or vocabularies differ, or one is there twice.
    """
    members = load_members(places, device=device)
    return members[0] if len(members) == 1 else Ensemble(members)


def load_members(places: Sequence[Located], *, device: str | torch.device = "cpu") -> list[Captioner]:
    """The captioners that lie at the places, in evaluation mode.

    Those of an ensemble's run are the runs beside it that its request names.

    Raises:
        ValueError: there is none, or its parts are not registered, or one is there twice.
    """
    found = [each for place in places for each in _members(place)]
    folders = [each.folder.resolve() for each in found]
    if twice := [each.source for at, each in enumerate(found) if folders[at] in folders[:at]]:
        raise ValueError(f"{twice[0]!r} is in the ensemble twice: name each model once")
    return [checkpoint.load(each.folder, device=device, source=each.source) for each in found]


def load_single(place: Located, *, device: str | torch.device = "cpu") -> Captioner:
    """The captioner that lies at the place, in evaluation mode.

    Raises:
        ValueError: there is none, or its parts are not registered, or it is the run of an ensemble.
    """
    if len(members := _members(place)) > 1:
        named = ", ".join(member.source for member in members)
        raise ValueError(f"{place.source!r} is an ensemble: name one of its members, {named}")
    return checkpoint.load(place.folder, device=device, source=place.source)


def _members(place: Located) -> list[Located]:
    """The place itself, or of an ensemble's run those of its members."""
    file, request = place.folder / _REQUEST, None
    if not (place.folder / CONFIG).exists() and file.is_file():
        with suppress(OSError, ValueError), file.open("rb") as opened:
            request = json.loads(opened.read(CONFIG_BYTES))
    named = request.get("ensemble") if isinstance(request, dict) else None
    if not isinstance(named, dict) or not named:
        return [place]
    folders = member_folders(place.folder, named)
    return [Located(folder, str(Path(place.source).parent / folder.name)) for folder in folders]


def _of_hub(repository: Repository) -> Located:
    try:
        folder = repository.fetch(CONFIG, most=CONFIG_BYTES).parent
    except ValueError as error:
        raise ValueError(f"no folder {repository.name!r}, and {error}") from None
    pinned = repository.at(folder.name)
    if not checkpoint.read(folder, str(pinned)).stored:  # they would be fetched from a third place, under other options
        raise ValueError(f"{pinned} lacks the weights of its backbone: publish the run with caption-zoo push")
    _fetch_request(pinned)
    pinned.fetch(WEIGHTS, hashed=True)
    return Located(folder, str(pinned))


def _fetch_request(pinned: Repository) -> None:
    """Before the weights: a cache that has them and no request was filled by another program."""
    try:
        pinned.fetch(_REQUEST, most=CONFIG_BYTES)
    except Missing:
        pass
    except Unreachable as error:
        if not pinned.has_cached(WEIGHTS):
            raise
        warnings.warn(f"{error}; captions are searched by the defaults, not as in the run", HubWarning, stacklevel=2)
