"""A check of run records by a code path of its own, with Python's standard library and nothing else.

It shares no code with what writes and reads records, so that a mistake there does not hide itself here;
only the scenes of the embedded data set, which need nothing else either, are made up by the code that made them,
`benchmarks.data.synthetic`.
By itself: ``python -m benchmarks.verification.checker RUNS``, or ``python -I -S`` and the path of this folder.
"""
