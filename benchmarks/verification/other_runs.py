"""The other runs that a record's run started from or learned from, which have to be given to have it again."""

from pathlib import Path

from benchmarks.plan.cell import Cell
from benchmarks.records.record import FILE, RunRecord
from benchmarks.records.request import has_own_starts


def refuse_missing(record: RunRecord, teacher_run: str, *, start_from: str, teacher: str) -> None:
    """Raise where --start-from or --teacher is not given and needed, or given and not needed.

    `teacher_run` is the id of the run that the record's run learned from, empty where it learned from none.

    Raises:
        ValueError: so it is, or --start-from is one run where each member of an ensemble has another.
    """
    start = record.request.get("start_from")
    if has_own_starts(record.request):
        if not start_from or (Path(start_from) / FILE).is_file():
            raise ValueError(
                f"each member of the record's ensemble started from a run of its own, the first from {start}: "
                "give the folder that holds all these runs with --start-from"
            )
    elif start and not start_from:
        raise ValueError(f"the record's run started from run {start}: give its folder with --start-from")
    if start_from and not start:
        raise ValueError(f"the record's run started from no other run: leave out --start-from {start_from}")
    if teacher_run and not teacher:
        raise ValueError(f"the record's run learned from run {teacher_run}: give its folder with --teacher")
    if teacher and not teacher_run:
        raise ValueError(f"the record's run learned from no other run: leave out --teacher {teacher}")


def refuse_different(record: RunRecord, teacher_run: str, cell: Cell) -> None:
    """Raise where `cell` would start from or learn from another run than the record's run did.

    Raises:
        ValueError: so it is; the message has both runs.
    """
    if cell.teacher and cell.teacher.run != teacher_run:
        raise ValueError(
            f"--teacher {cell.teacher.folder} is run {cell.teacher.run}, and the record's run learned from run "
            f"{teacher_run}: give the folder of that"
        )
    recorded = record.request.get("start_from", "")
    if cell.start_from != recorded:
        raise ValueError(
            f"--start-from: the run in {cell.start_folder} is {cell.start_from}, and the record's run started from run "
            f"{recorded}: give the folder of that"
        )


def refuse_different_starts(record: RunRecord, cell: Cell) -> None:
    """Raise where a member of the ensemble `cell`, which differs in nothing else, starts from another run.

    Raises:
        ValueError: so it is; the message has the run. Of the recorded one the request has no more than a hash.
    """
    runs = record.request["ensemble"] if has_own_starts(record.request) else {}
    for member in cell.members:
        if runs and member.id != runs.get(str(member.seed)):
            raise ValueError(
                f"--start-from: with the run in {member.start_folder}, {member.start_from}, the member of seed "
                f"{member.seed} would be run {member.id}, and the record's is {runs.get(str(member.seed))}: give the "
                "folder that holds the run that it started from"
            )
