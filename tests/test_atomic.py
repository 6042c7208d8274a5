"""The one writer of files and folders: whole or not at all, and what a killed one left is removed."""

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from zoo import atomic, owner, partial
from zoo.atomic import atomic_directory, atomic_file, make_folder, publish, sync, sync_tree, write_atomically
from zoo.partial import partial_path, remove_abandoned

_WAIT = "import sys; from pathlib import Path; from zoo.partial import partial_path\n"
_WAIT += "made = partial_path(Path(sys.argv[1])); made.touch(); print(made, flush=True); input()"
WEEK = 7 * 24 * 3600


def of_another_machine(folder, *, age):
    left = partial_path(folder / "record.json")
    left = left.with_name(left.name.replace(owner._machine(), "01234567"))
    left.mkdir()
    (left / "part").touch()
    for path in (left / "part", left):
        os.utime(path, (time.time() - age,) * 2)
    return left


@pytest.fixture
def writer(tmp_path):
    """Another process that has a partial file in work."""
    command = [sys.executable, "-c", _WAIT, str(tmp_path / "record.json")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def test_what_a_killed_process_left_goes_and_what_a_living_one_writes_stays(tmp_path, writer):
    process, left = writer
    mine = partial_path(tmp_path / "record.json")
    mine.mkdir()
    others = [tmp_path / name for name in ("record.json", ".hidden.partial", ".a.b-1-2-c.partial", "x.partial")]
    for file in others:
        file.touch()
    remove_abandoned(tmp_path)
    assert left.exists()
    process.kill()  # a zombie until it is waited for, which is as good as gone
    while b") Z" not in Path(f"/proc/{process.pid}/stat").read_bytes() if Path("/proc").exists() else process.wait():
        time.sleep(0.01)
    remove_abandoned(tmp_path)
    process.wait()
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, *others])


def test_a_number_that_another_process_has_now_is_no_sign_of_life(tmp_path):
    if not Path("/proc/self/stat").exists():
        pytest.skip("the system does not tell when a process was started")
    mine = partial_path(tmp_path / "a")
    started = str(owner._start(os.getpid()))
    earlier = mine.with_name(mine.name.replace(f"-{started}-", f"-{int(started) - 1}-"))
    for file in (mine, earlier):
        file.touch()
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]


def test_another_user_s_process_lives(monkeypatch, tmp_path):
    mine = partial_path(tmp_path / "a")
    mine.touch()
    refused = PermissionError(errno.EPERM, "not yours")
    monkeypatch.setattr(os, "kill", lambda *_: (_ for _ in ()).throw(refused))
    remove_abandoned(tmp_path)
    assert mine.exists()


def test_without_proc_the_number_alone_tells(monkeypatch, tmp_path, writer):
    process, _ = writer
    monkeypatch.setattr(owner, "_start", lambda _: 0)
    monkeypatch.setattr(os, "getpid", lambda: process.pid)
    left = partial_path(tmp_path / "a")
    left.touch()
    remove_abandoned(tmp_path)
    assert left.exists()
    process.kill()
    process.wait()
    remove_abandoned(tmp_path)
    assert not left.exists()


def test_what_another_machine_left_stays_for_a_week(tmp_path):
    new, old = of_another_machine(tmp_path, age=WEEK - 60), of_another_machine(tmp_path, age=WEEK + 60)
    used = of_another_machine(tmp_path, age=WEEK + 60)
    (used / "late").touch()
    os.utime(used, (1, 1))
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([new, used])
    remove_abandoned(old)  # a folder that is gone


def test_what_cannot_be_removed_keeps_nothing_else(tmp_path, monkeypatch):
    left = sorted(of_another_machine(tmp_path, age=2 * WEEK) for _ in range(3))
    rmtree = partial.shutil.rmtree

    def refuse(path):
        if path == left[1]:
            raise PermissionError(errno.EACCES, "not yours", str(path))
        rmtree(path)

    monkeypatch.setattr(partial.shutil, "rmtree", refuse)
    remove_abandoned(tmp_path)
    assert list(tmp_path.iterdir()) == [left[1]]


@pytest.mark.parametrize(
    "name", ["a" * 255, "ü" * 127, "x" * 251 + ".tar", ".", "with space\nand line", "%s-1-2.partial"]
)
def test_any_name_can_be_written_and_swept(tmp_path, name):
    if name == ".":
        name = ".hidden"
    write_atomically(tmp_path / name, "text")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["text"]
    made = partial_path(tmp_path / name)
    assert len(os.fsencode(made.name)) <= 143
    assert partial._OURS.fullmatch(made.name)


@pytest.mark.parametrize(
    ("mask", "file_mode", "folder_mode"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700), (0o002, 0o664, 0o775)]
)
def test_modes_are_what_the_umask_leaves(tmp_path, mask, file_mode, folder_mode):
    before = os.umask(mask)
    try:
        write_atomically(tmp_path / "new" / "file", b"")
        with atomic_directory(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("new/file", "new", "folder")]
    assert modes == [file_mode, folder_mode, folder_mode]


def test_a_failed_sync_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    write_atomically(tmp_path / "file", "old")
    tried = []

    def fail(handle):
        tried.append(handle)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="Input/output error") as caught:
            write_atomically(tmp_path / "file", "new")
    assert caught.value.filename == str(tmp_path / "file")
    assert len(tried) == 1
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("file", "old")]
    write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"


def test_a_folder_s_sync_that_fails_is_no_success(tmp_path, monkeypatch):
    synced = os.fsync
    for number, raised in ((errno.EIO, True), (errno.EINVAL, False)):  # the latter: there is no such thing there

        def fail(handle, number=number):
            if Path(f"/proc/self/fd/{handle}").is_dir():
                raise OSError(number, os.strerror(number))
            synced(handle)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            if raised:
                with pytest.raises(OSError, match="Input/output"):
                    write_atomically(tmp_path / "file", "text")
            else:
                write_atomically(tmp_path / "file", "text")


def test_a_write_that_is_cut_short_is_an_error_that_names_the_file(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    write_atomically(tmp_path / "file", "old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            write_atomically(tmp_path / "file", b"x" * 15_000)  # a first write takes 10,000 of them
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "file")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_an_error_that_names_another_file_goes_on_naming_it(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, atomic_file(tmp_path / "file"):
        (tmp_path / "other").read_text()
    assert caught.value.filename == str(tmp_path / "other")


def test_of_many_writers_readers_see_whole_files(tmp_path):
    texts = [str(number) * 50_000 for number in range(4)]
    write_atomically(tmp_path / "file", texts[0])

    def write(text):
        for _ in range(10):
            write_atomically(tmp_path / "file", text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    seen = set()
    while any(thread.is_alive() for thread in threads):
        seen.add((tmp_path / "file").read_text())
        remove_abandoned(tmp_path)
    assert seen <= set(texts)
    assert len(list(tmp_path.iterdir())) == 1


def test_of_two_that_publish_one_is_first(tmp_path):
    made = [partial_path(tmp_path / "store") for _ in range(2)]
    for number, folder in enumerate(made):
        folder.mkdir()
        (folder / "who").write_text(str(number))
    assert [publish(folder, tmp_path / "store") for folder in made] == [True, False]
    assert (tmp_path / "store" / "who").read_text() == "0"
    (tmp_path / "file").touch()
    assert not publish(made[1], tmp_path / "file")


def test_of_two_that_write_a_folder_the_second_is_told(tmp_path):
    def write(who, meanwhile):
        with atomic_directory(tmp_path / "model") as folder:
            (folder / "file").write_text(who)
            meanwhile()

    with pytest.raises(ValueError, match="is there already"):
        write("one", lambda: write("other", lambda: None))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "file").read_text() == "other"


def test_a_folder_is_written_over_what_a_killed_process_left(tmp_path, writer):
    process, left = writer
    process.send_signal(signal.SIGKILL)
    process.wait()
    with atomic_directory(tmp_path / "model"):
        pass
    assert not left.exists()


def test_made_folders_are_synced_in_the_folder_above(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(atomic, "sync", synced.append)
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert synced == [tmp_path, tmp_path / "a"]


def test_a_tree_with_links_and_pipes_can_be_synced(tmp_path):
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    sync_tree(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "nothing")
