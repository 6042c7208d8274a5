"""Publishing a captioner on the Hugging Face Hub, in one commit."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from zoo.hub.client import Repository
from zoo.hub.errors import in_one_line


def push(
    name: str,
    write: Callable[[Path], object],
    *,
    private: bool = False,
    revision: str = "main",
    token: str | None = None,
) -> str:
    """Publish what `write` puts into a folder as the newest commit of ORG/NAME, which is made where there is none.

    private: it is for the user, or ORG, alone; of a repository that is there the Hub does not change that.
    revision: a branch, made where there is none. Files of other names stay in the repository.

    Returns:
        ORG/NAME@COMMIT.

    Raises:
        ValueError: the Hub cannot be reached, or refuses it; or it is to be private, and the repository is public.
    """
    from huggingface_hub import HfApi, constants

    api, repository = HfApi(token=token), Repository(name, revision)
    with in_one_line(name, revision):  # before anything is written
        api.create_repo(name, private=private, exist_ok=True)
        if private and not api.repo_info(name).private:
            settings = f"{constants.ENDPOINT}/{name}/settings"
            raise ValueError(f"{name} is public: make it private at {settings}, or name a new repository")
        if revision != "main":
            api.create_branch(name, branch=revision, exist_ok=True)
    with TemporaryDirectory(prefix="caption-zoo-") as folder:
        write(Path(folder))
        with in_one_line(name, revision):
            commit = api.upload_folder(
                repo_id=name, folder_path=folder, revision=revision, commit_message="Push a captioner of caption-zoo"
            )
    return str(repository.at(commit.oid))
