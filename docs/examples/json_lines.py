"""A logger of one's own: a file with a JSON object for each step, as many scripts read them."""

import json

from benchmarks.loggers import LOGGERS, Logger


@LOGGERS.register("json_lines")
class JsonLines(Logger):
    """A file, metrics.jsonl, with an object for each step that has metrics."""

    def open(self, run, step):
        """Leave out what a resumed run logs again: later steps, and a line that was cut off."""
        run.folder.mkdir(parents=True, exist_ok=True)
        file = run.folder / "metrics.jsonl"
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        self.file = file.open("w")
        self.file.writelines(line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step)

    def log(self, step, metrics):
        """Write the object, and have it stay."""
        print(json.dumps({"step": step, **metrics}), file=self.file, flush=True)

    def close(self):
        """Close the file."""
        self.file.close()
