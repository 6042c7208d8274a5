"""Faults of storage: told from other errors, in one line with the path and the remedy."""

import ctypes
import errno
import os
import subprocess

import pytest

from benchmarks.runtime.storage import StorageError, allocate, require_space, storage_fault


def raised(number, filename=None):
    return OSError(number, os.strerror(number), filename)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full: free"),
        (errno.EDQUOT, "quota is used up: free"),
        (errno.EROFS, "is read-only: have it mounted"),
        (errno.EIO, "the disk fails"),
        (errno.ESTALE, "is gone: mount it"),
        (errno.ENOTCONN, "is gone: mount it"),
    ],
)
def test_a_fault_is_named_with_its_path_and_remedy(number, said):
    line = storage_fault(raised(number, "/data/runs/record.json"))
    assert line.startswith("/data/runs/record.json: ")
    assert said in line
    assert line.endswith("run the same command again to resume")
    assert "\n" not in line


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), raised(errno.EMFILE, "x"), raised(errno.EACCES, "x"), OSError("no"), KeyboardInterrupt()],
)
def test_other_errors_are_no_faults(error, tmp_path):
    assert storage_fault(error, tmp_path) is None


def test_a_missing_file_is_a_fault_only_where_a_needed_folder_is_gone(tmp_path):
    missing = raised(errno.ENOENT, "photo.jpg")
    assert storage_fault(missing, tmp_path) is None
    assert storage_fault(missing, tmp_path, tmp_path / "out").startswith(f"{tmp_path / 'out'}: the folder is gone")


@pytest.mark.parametrize("number", [errno.ESTALE, errno.ENOTCONN])
def test_a_folder_below_a_mount_that_does_not_answer_is_gone(tmp_path, monkeypatch, number):
    def dead(*_, **__):
        raise raised(number, str(tmp_path))

    monkeypatch.setattr(os, "stat", dead)
    monkeypatch.setattr(os, "statvfs", dead)
    assert storage_fault(raised(errno.ENOENT, "photo.jpg"), tmp_path).startswith(f"{tmp_path}: the folder is gone")
    assert storage_fault(raised(errno.EIO), tmp_path).startswith(f"{tmp_path}: the disk fails")


def test_what_an_error_was_raised_after_counts(tmp_path):
    full, late = raised(errno.ENOSPC), RuntimeError("[enforce fail at inline_container.cc] PytorchStreamWriter failed")
    late.__context__ = full
    assert storage_fault(late, tmp_path).startswith(f"{tmp_path}: the disk is full")
    assert storage_fault(late).startswith("storage: the disk is full")
    late.__suppress_context__ = True
    assert storage_fault(late) is None
    assert storage_fault(StorageError("as it is")) == "as it is"


def test_space_is_required_and_given_back(tmp_path):
    before = os.statvfs(tmp_path).f_bfree
    require_space(tmp_path, 2**26)
    require_space(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
    assert abs(os.statvfs(tmp_path).f_bfree - before) < 2**26 / os.statvfs(tmp_path).f_frsize


def test_too_much_is_refused_with_the_path_and_the_size(tmp_path):
    with pytest.raises(StorageError, match=rf"^{tmp_path}: the disk is full: .* \(1,048,576,000 MiB are needed\)$"):
        require_space(tmp_path, 10**3 * 2**40)


def test_a_folder_that_vanished_is_told(tmp_path):
    with pytest.raises(StorageError, match=rf"^{tmp_path}/out: the folder is gone"):
        require_space(tmp_path / "out", 1)


def test_no_byte_is_written_where_the_file_system_cannot_allocate(tmp_path, monkeypatch):
    class Refusing:
        def __init__(self, *_, **__):
            pass

        def fallocate(self, *_):
            ctypes.set_errno(errno.EOPNOTSUPP)
            return -1

    monkeypatch.setattr(ctypes, "CDLL", Refusing)
    with (tmp_path / "rows").open("wb") as file:
        allocate(file.fileno(), 2**20)
        with pytest.raises(OSError, match="No space left"):
            allocate(file.fileno(), 2**60)
    assert (tmp_path / "rows").stat().st_size == (tmp_path / "rows").stat().st_blocks == 0


def test_allocation_takes_the_room(tmp_path):
    with (tmp_path / "rows").open("wb") as file:
        allocate(file.fileno(), 3 * 2**20)
        assert os.fstat(file.fileno()).st_blocks * 512 >= 3 * 2**20
        with pytest.raises(OSError, match=r"No space left|File too large"):
            allocate(file.fileno(), 2**60)


@pytest.fixture
def small_disk(tmp_path):
    """Four megabytes of memory, mounted; skipped for who may not mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_small_disk_and_a_read_only_one(small_disk):
    require_space(small_disk, 3 * 2**20)
    with pytest.raises(StorageError, match=r"the disk is full: .* \(5 MiB are needed"):
        require_space(small_disk, 5 * 2**20)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match=rf"^{small_disk}: the file system is read-only"):
        require_space(small_disk, 1)
