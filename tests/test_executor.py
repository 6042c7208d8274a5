"""Calls in processes of their own: what one does to its process, ends, breaks or leaves behind stays with it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks.executors.fork_call import ProcessDied
from benchmarks.executors.fork_server import ForkServer
from benchmarks.executors.limits import Limits
from benchmarks.runtime import progress


@pytest.fixture(scope="module")
def server():
    with ForkServer(__name__) as started:
        yield started


@pytest.fixture(autouse=True)
def _path(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)


def count(end):
    yield from range(end)


def mark():
    yield os.environ.get("MARK"), os.environ.get("OTHER"), Path.cwd()
    os.environ["MARK"] = "changed"
    os.chdir("/")


def process():
    yield os.getpid(), signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def leave(how):
    os.write(1, b"the last words")
    yield os.getpid()
    if how == "raise":
        raise ValueError("wrong")
    if how == "own":
        raise type("Own", (Exception,), {})("of a plug-in")
    if how == "exit":
        sys.exit(3)
    if how == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "thread":
        threading.Thread(target=time.sleep, args=(600,)).start()
    if "child" in how:
        yield subprocess.Popen(["sleep", "600"]).pid
    if how == "end of file":
        raise EOFError("of a file")
    if how == "broken pipe":
        raise BrokenPipeError("of a socket")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "close":
        os.closerange(3, 256)
    if how == "helper":
        if not os.fork():
            os.setsid()
            time.sleep(20)
            os._exit(0)
        os._exit(5)
    while how == "work":
        time.sleep(0.05)
        progress.alive("counting")
    if how == "eat":
        eaten = subprocess.Popen(
            [sys.executable, "-c", "eaten = bytearray(700_000_000); input()"], stdin=subprocess.PIPE
        )
        while eaten.poll() is None:
            time.sleep(0.1)
            progress.alive("")
    if how in ("sleep", "stop", "close", "child and sleep"):
        os.kill(os.getpid(), signal.SIGSTOP) if how == "stop" else time.sleep(600)


def gone(number):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_answers_come_one_after_another(server):
    assert list(server.call(count, 3)) == [0, 1, 2]
    assert list(server.call(count, 0)) == []


def test_each_call_has_a_process_and_what_it_changes_ends_with_it(server, monkeypatch, tmp_path):
    monkeypatch.setenv("MARK", "given")
    monkeypatch.chdir(tmp_path)
    assert [list(server.call(mark)) for _ in range(2)] == [[("given", None, tmp_path)]] * 2
    assert Path.cwd() == tmp_path
    ((one, deaf),), ((other, _),) = (server.call(process) for _ in range(2))
    assert one != other != os.getpid()
    assert deaf  # an interrupt is the parent's to answer
    assert gone(one)


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("raise", ValueError, "^wrong\n"),
        ("end of file", EOFError, "^of a file\n"),
        ("broken pipe", RuntimeError, "^BrokenPipeError: of a socket$"),
        ("interrupt", ProcessDied, "exit code 1; its last output: .*KeyboardInterrupt$"),
        ("close", ProcessDied, "it closed its pipes and went on; its last output: the last words$"),
        ("helper", ProcessDied, "ended by itself with exit code 5"),
        ("own", RuntimeError, "^Own: of a plug-in$"),
        ("exit", ProcessDied, "ended by itself with exit code 3; its last output: the last words$"),
        ("crash", ProcessDied, "ended by SIGSEGV: it was killed, or the memory was not enough; .*the last words$"),
        ("sleep", ProcessDied, "^no sign of life for 2 s$"),
        ("stop", ProcessDied, "^no sign of life for 2 s$"),
        ("work", ProcessDied, "^not at its end after 4 s, the last of it counting$"),
        ("eat", ProcessDied, r"^it held \S+ GB, and may hold 0.6$"),
    ],
)
def test_however_a_call_ends_it_is_said_and_the_next_one_goes_on(server, how, kind, message):
    answers = server.call(leave, how, limits=Limits(time=4, silence=2, memory=600_000_000))
    number = next(answers)
    with pytest.raises(kind, match=message):
        next(answers)
    assert gone(number)
    assert list(server.call(count, 1)) == [0]


def test_what_it_leaves_running_ends_with_it(server):
    assert len(list(server.call(leave, "thread"))) == 1
    _, child = server.call(leave, "child")
    assert gone(child)


def test_what_it_prints_is_no_output_of_ours(server, capfd):
    list(server.call(leave, ""))
    assert capfd.readouterr() == ("", "")


def test_who_no_longer_waits_ends_it(server):
    answers = server.call(leave, "sleep")
    number = next(answers)
    answers.close()
    assert gone(number)


@pytest.mark.parametrize("how", ["sleep", "stop", "child and sleep"])
def test_nothing_outlives_the_one_that_asked(how, tmp_path):
    code = (
        "import sys; from benchmarks.executors.fork_server import ForkServer; import test_executor\n"
        f"for number in ForkServer('test_executor').call(test_executor.leave, {how!r}): print(number, flush=True)"
    )
    path = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])])
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as parent:
        numbers = [int(parent.stdout.readline()) for _ in range(1 + ("child" in how))]
        parent.kill()
    assert all(map(gone, numbers))


def test_a_server_that_was_killed_is_started_again():
    with ForkServer(__name__) as mine:
        assert list(mine.call(count, 1)) == [0]
        mine._server.kill()
        mine._server.wait()
        assert list(mine.call(count, 2)) == [0, 1]
