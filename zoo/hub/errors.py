"""What the Hub's client raises, as one line with a remedy."""

from collections.abc import Iterator
from contextlib import contextmanager

_LOGIN = "hf auth login, or set HF_TOKEN"
_LONGEST = 300  # characters of another library's error


class Missing(ValueError):
    """The repository has no such file."""


class Unreachable(ValueError):
    """The Hub cannot be reached, or does not work at the moment."""


@contextmanager
def in_one_line(name: str, revision: str = "main", file: str = "") -> Iterator[None]:
    """Inside, the client deals with `file` of a repository; what it raises names them.

    Raises:
        Missing: there is no such file.
        Unreachable: there is no answer, or none to this question.
        ValueError: the repository or its revision is not there, or not for this user.
        OSError: the cache cannot be written.
    """
    from huggingface_hub import constants, errors

    try:
        yield
    except errors.GatedRepoError:
        page = f"{constants.ENDPOINT}/{name}"
        raise ValueError(f"{name} is gated: accept its terms at {page}, then run: {_LOGIN}") from None
    except errors.RepositoryNotFoundError:
        raise ValueError(
            f"the Hub has no model {name!r}, or not for everybody: check its name; a private one takes: {_LOGIN}"
        ) from None
    except errors.RevisionNotFoundError:
        raise ValueError(
            f"{name} has no revision {revision!r}: name a branch, tag or commit that it has, see "
            f"{constants.ENDPOINT}/{name}/commits/main"
        ) from None
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(name, error) from None
    except errors.EntryNotFoundError:
        raise Missing(f"{name}@{revision} has no {file}") from None
    except errors.HfHubHTTPError as error:
        raise _refused(name, error.response.status_code, error.server_message) from None
    except ValueError:
        raise  # of ours, or of the client's own checks
    except Exception as error:  # of whichever library of HTTP the client has
        if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
            raise  # of the disk
        raise _unreachable(name, error) from None


def _refused(name: str, status: int, message: str | None) -> ValueError:
    why = f"{status} {_short(message or '')}".strip()
    if status == 401:
        return ValueError(f"the Hub takes no such token, or asks for one ({why}): {_LOGIN}")
    if status == 403:
        return ValueError(f"the Hub refuses {name} to the token in use ({why}): take one with the rights: {_LOGIN}")
    if status == 429 or status >= 500:
        return Unreachable(f"the Hub cannot give {name} at the moment ({why}): try again later")
    return ValueError(f"the Hub refuses {name} ({why})")


def _unreachable(name: str, error: Exception) -> Unreachable:
    cause = error.__cause__ or error
    why = _short(str(cause)) or type(cause).__name__
    return Unreachable(f"the Hub cannot be reached for {name} ({why}): check the network, or HF_ENDPOINT")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
