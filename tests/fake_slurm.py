#!/usr/bin/env python3
"""As much of SLURM as jobs need: sbatch, srun, squeue, sacct, scontrol, scancel, by the name it is called by.

Jobs are files in $FAKE_SLURM, and processes of this machine. A file `hold` there has the state of jobs
that never start; `refuse` has sbatch refuse, `limit` more jobs than so many, `interrupt` has it
interrupt who calls it, and `submitted` has a line for each call of it. `no-requeue` has scontrol refuse.
"""

import getpass
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

PROGRAMS = ("sbatch", "srun", "squeue", "sacct", "scontrol", "scancel")
FOLDER = Path(os.environ.get("FAKE_SLURM", "."))


def install(folder: Path) -> dict[str, str]:
    """Put the programs into a folder; the environment in which they are found."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name in PROGRAMS:
        (programs / name).write_text(f"#!{sys.executable}\n{Path(__file__).read_text()}")
        (programs / name).chmod(0o755)
    for name in ("jobs", "shown"):
        (folder / name).mkdir()
    return {"FAKE_SLURM": str(folder), "PATH": f"{programs}:{os.environ['PATH']}"}


def jobs(folder: Path = FOLDER) -> dict[str, dict]:
    """All of them, by ID."""
    return {file.stem: json.loads(file.read_text()) for file in sorted((folder / "jobs").glob("*.json"))}


def update(name: str, folder: Path = FOLDER, **changes) -> None:
    file = folder / "jobs" / f"{name}.json"
    fields = json.loads(file.read_text()) if file.exists() else {}
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(fields | changes))
    partial.rename(file)


def processes(name: str) -> set[int]:
    """Those of a job, whatever session they are in; SLURM finds them by their control group."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"FAKE_JOB={name}".encode() in file.read_bytes().split(b"\0"):
                found.add(int(file.parent.name))
        except OSError:
            continue
    return found


def send(name: str, number: int) -> None:
    """A signal to each process of a job's step; the script itself gets none but SIGKILL."""
    for process in processes(name):
        try:
            if number == signal.SIGKILL or b"bash" not in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0]:
                os.kill(process, number)
        except OSError:
            continue


def sbatch(script: str) -> int:
    with (FOLDER / "submitted").open("a") as opened:
        opened.write(f"{script}\n")
    if (FOLDER / "refuse").exists():
        print("sbatch: error: invalid partition specified: nowhere", file=sys.stderr)
        return 1
    text = Path(script).read_text()
    number = 1000 + len((FOLDER / "submitted").read_text().splitlines())
    array = re.search(r"^#SBATCH --array=0-(\d+)", text, re.MULTILINE)
    tasks = range(int(array[1]) + 1) if array else [None]
    limit, hold = FOLDER / "limit", FOLDER / "hold"
    if limit.exists() and len(jobs()) + len(tasks) > int(limit.read_text()):
        print("sbatch: error: QOSMaxSubmitJobPerUserLimit", file=sys.stderr)
        return 1
    called = re.search(r"^#SBATCH --job-name=(\S+)", text, re.MULTILINE)[1]
    for task in tasks:
        name = f"{number}" if task is None else f"{number}_{task}"
        state = hold.read_text() if hold.exists() else "PENDING"
        fields = {"array": number, "task": task, "cwd": str(Path.cwd()), "starts": 0, "called": called}
        update(name, state=state or "PENDING", script=text, **fields)
        if hold.exists():
            continue
        subprocess.Popen(
            [sys.executable, __file__, "run", name], start_new_session=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    print(f"Submitted batch job {number}")
    if (FOLDER / "interrupt").exists():
        os.kill(os.getppid(), signal.SIGINT)
    return 0


def run(name: str) -> int:
    """What a node does: start the job when it may, and again when it is queued again."""
    while True:
        job = jobs()[name]
        if job["state"] != "PENDING":
            return 0
        own = {"SLURM_JOB_ID": name.replace("_", "9"), "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "FAKE_JOB": name}
        if job["task"] is not None:
            own |= {"SLURM_ARRAY_JOB_ID": str(job["array"]), "SLURM_ARRAY_TASK_ID": str(job["task"])}
        update(name, state="RUNNING", starts=job["starts"] + 1, requeue=False)
        words = ["bash", "-c", job["script"]]
        code = subprocess.run(words, cwd=job["cwd"], env=os.environ | own, start_new_session=True).returncode
        send(name, signal.SIGKILL)
        (FOLDER / "shown" / name).write_text("COMPLETING COMPLETING COMPLETING")  # until its node is free
        job = jobs()[name]
        if job["requeue"]:
            update(name, state="PENDING")
        elif job["state"] == "RUNNING":
            update(name, state="FAILED" if code else "COMPLETED")


def srun(*words: str) -> int:
    options = [word for word in words if word.startswith("--")]
    assert "--cpus-per-task=1" in options
    rest, files = list(words), {}
    marks = {"%A": "SLURM_ARRAY_JOB_ID", "%a": "SLURM_ARRAY_TASK_ID", "%j": "SLURM_JOB_ID", "%t": "SLURM_PROCID"}
    while rest[0].startswith("--"):
        option = rest.pop(0)
        if option in ("--output", "--error"):
            files[option] = re.sub("%[Aajt]", lambda found: os.environ[marks[found[0]]], rest.pop(0))
    for number, option in ((1, "--output"), (2, "--error")):
        os.dup2(os.open(files[option], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), number)
    os.execvp(rest[0], rest)


def squeue(*words: str) -> int:
    assert f"--user={getpass.getuser()}" in words
    called = [word.removeprefix("--name=") for word in words if word.startswith("--name=")]
    for name, job in jobs().items():
        if job["state"] not in ("FORGOTTEN", "PAST") and (not called or job["called"] in called):
            print(f"{name}|{shown(name) or job['state']}|{job.get('reason', 'None')}")
    return 0


def shown(name: str) -> str:
    """The state in which a job is shown in this look, if it is not its own yet."""
    file = FOLDER / "shown" / name
    first, *others = (file.read_text().split() if file.exists() else []) or [""]
    if others:
        file.write_text(" ".join(others))
    else:
        file.unlink(missing_ok=True)
    return first


def sacct(*words: str) -> int:
    wanted = words[-1].removeprefix("--jobs=").split(",")
    for name, job in jobs().items():
        if name in wanted and job["state"] == "PAST":
            print(f"{name}|CANCELLED by 1000")
    return 0


def scontrol(word: str, name: str) -> int:
    assert word == "requeue"
    if (FOLDER / "no-requeue").exists():
        return 1
    update(name, requeue=True)
    return 0


def scancel(*names: str) -> int:
    for name in names:
        running = jobs()[name]["state"] == "RUNNING"
        if running or jobs()[name]["state"] == "PENDING":
            update(name, state="CANCELLED")
        if running:
            send(name, signal.SIGTERM)
    return 0


if __name__ == "__main__":
    called = Path(sys.argv[0]).name
    called, words = (sys.argv[1], sys.argv[2:]) if sys.argv[1:2] == ["run"] else (called, sys.argv[1:])
    sys.exit(globals()[called](*words))
