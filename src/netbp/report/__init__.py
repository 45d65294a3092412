"""The paper's sections 2 to 7, computed anew: every figure, and every printed number beside ours, on one page.

`write_report("paper")` computes, writes the results as files, and makes the page from these files alone. Section 7 is added from
two runs on CIFAR-10, which take minutes to hours to train: `write_report("paper", images=(without_dropout, with_dropout))`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netbp.files import write_atomically
from netbp.report import computing
from netbp.report.results import Results, write_json
from netbp.run import Run

__all__ = ["Progress", "Report", "write_report"]

Progress = Callable[[int, int, str], None]
"""Called with the tasks done, their number, and what comes next in words."""


@dataclass(frozen=True)
class Report:
    """What was written. page: the HTML file. passed, compared: how many numbers agree, of how many. seconds: it took in all."""

    page: Path
    passed: int
    compared: int
    seconds: float

    @property
    def agrees(self) -> bool:
        """Whether every number agrees."""
        return self.passed == self.compared

    def __str__(self) -> str:
        verdict = "all agree" if self.agrees else f"{self.compared - self.passed} do not agree"
        return f"{self.page}: {self.compared} numbers compared, {verdict} ({self.seconds:.1f} s)"


def write_report(
    directory: str | os.PathLike[str] = "paper",
    progress: Progress | None = None,
    starts: int = 1000,
    images: tuple[Run, Run] | None = None,
) -> Report:
    """Compute sections 2 to 6 and write figures/, runs/, data/ and report.html into `directory`, which is made if need be.

    starts: of each of the four kinds of least squares fit, for the success rates. images: runs of `CifarExperiment` without and
    with dropout, which add section 7; without them, what an earlier report in that folder says of section 7 is removed. Existing
    files of these names are replaced, each whole or not at all. Raises NotWrittenError when a file cannot be written, ValueError
    for fewer than 2 starts or other runs, and KeyboardInterrupt when interrupted.
    """
    from netbp.report import section7
    from netbp.report.claims import section_7
    from netbp.report.numbers import compared
    from netbp.report.page import rendered

    if starts < 2:
        raise ValueError(f"success rates need at least 2 starts, but {starts} were asked for")
    began, folder = time.perf_counter(), computing.prepared(Path(directory))
    tasks = computing.tasks(folder, starts)
    if images is not None:
        tasks += section7.tasks(folder, *images)
    else:
        (folder / "data" / "section-7.json").unlink(missing_ok=True)
    for done, (what, task) in enumerate(tasks):
        if progress is not None:
            progress(done, len(tasks) + 1, what)
        task()
    if progress is not None:
        progress(len(tasks), len(tasks) + 1, "the page")
    results = Results(folder)
    numbers = compared(results) + ([] if images is None else section_7(results))
    write_json(folder / "data" / "numbers.json", [number._asdict() for number in numbers])
    write_json(folder / "data" / "machine.json", {**computing.machine(), "seconds": round(time.perf_counter() - began, 2)})
    page = folder / "report.html"
    write_atomically(page, rendered(folder).encode())
    if progress is not None:
        progress(len(tasks) + 1, len(tasks) + 1, "done")
    return Report(page, sum(number.passed for number in numbers), len(numbers), time.perf_counter() - began)
