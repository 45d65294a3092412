"""The results on disk, as the page and the comparisons read them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from netbp.experiments import from_settings
from netbp.files import write_atomically
from netbp.problem import Problem
from netbp.run import Run


class Results:
    """The files below a folder that `write_report` wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = cache(self._run)
        self.problem = cache(self._problem)
        self.json = cache(self._json)

    def _run(self, name: str) -> Run:
        """The run in runs/NAME.npz."""
        return Run.load(self.folder / "runs" / f"{name}.npz")

    def _problem(self, name: str) -> Problem:
        """The problem that the run in runs/NAME.npz solved."""
        problem: Problem = from_settings(self.run(name).settings).problem()
        return problem

    def _json(self, name: str) -> Any:
        """The contents of data/NAME.json."""
        return json.loads((self.folder / "data" / f"{name}.json").read_text(encoding="utf-8"))

    def squares(self, name: str, cost: float) -> float:
        """The listing's sum of squares, 2N times Cost (9), for the run NAME."""
        return 2.0 * self.problem(name).N * cost


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON that people can read too."""
    write_atomically(path, (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode())


def write_csv(path: Path, header: str, rows: Any) -> None:
    """Write rows of numbers under a header, every digit of them."""
    lines = [header, *(",".join(repr(float(v)) if isinstance(v, float) else str(v) for v in row) for row in rows)]
    write_atomically(path, ("\n".join(lines) + "\n").encode())
