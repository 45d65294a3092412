"""A progress bar on stderr, where that is a terminal, for what takes longer than a moment."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from netbp.notices import watched

PATIENCE = 0.7
"""Seconds before the bar appears: what is quicker needs none, and pays nothing for it."""


class Bar:
    """`with Bar("figure 7") as progress: train(..., progress=progress)`: share done, rate, time left, cost."""

    def __init__(self, title: str, unit: str = "steps") -> None:
        self.title, self.unit = title, unit
        self.started = time.monotonic()
        self.first: tuple[int, float] | None = None
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> Any:
        return self if watched() else None

    def __call__(self, step: int, steps: int, cost: Any = None) -> None:
        """Show that `step` of `steps` are done; cost: the present one, of M networks the lowest, or what comes next in words."""
        if self.first is None:  # a run that goes on has done steps before: they do not count in the rate
            self.first = step, time.monotonic()
        if self.bar is None:
            if time.monotonic() - self.started < PATIENCE:
                return
            self._appear(step, steps)
        if isinstance(cost, str):
            words = cost
        else:
            rate = (step - self.first[0]) / max(time.monotonic() - self.first[1], 1e-9)
            words = f"{rate:,.{0 if rate >= 10 else 1}f} {self.unit}/s"
            words += "" if cost is None else f", cost {min(cost) if hasattr(cost, '__len__') else cost:.4g}"
        self.bar.update(self.task, completed=step, total=steps, words=words, refresh=True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.bar is not None:
            self.bar.stop()

    def _appear(self, step: int, steps: int) -> None:
        self.bar = new_bar()
        self.task = self.bar.add_task(self.title, total=steps, completed=step, words="")
        self.bar.start()


def new_bar() -> Any:
    """A bar on stderr with the share done, the time left and words; it goes away at the end."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    file = getattr(sys.stderr, "rich_proxied_file", sys.stderr)  # as it is now: rich puts itself in its place
    return Progress(*columns, TextColumn("{task.fields[words]}"), console=Console(file=file, stderr=True), transient=True)
