"""How fast the project is, stage by stage, beside yardsticks of the same minute: `make speed`.

Each stage is a module of benchmarks, ``test_STAGE.py``, that pytest-benchmark runs in a process
of its own. `python -m benchmarks.speed --only decode` runs one of them.
"""
