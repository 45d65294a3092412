"""The exercises' statements, each a Markdown file with the skeleton of an answer in it, and the sheet of all six."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "statements"

HEAD = FOLDER.parent / "sheet.md"  # what stands above the exercises


@dataclass(frozen=True)
class Exercise:
    """One exercise. statement: Markdown, without the skeleton. skeleton: Python, whose functions are to be written."""

    number: int
    title: str
    statement: str
    skeleton: str

    @property
    def functions(self) -> dict[str, str]:
        """The functions that an answer defines: name -> its parameters, as in "(W, b, x)"."""
        return dict(re.findall(r"^def (\w+)(\([^)]*\)):", self.skeleton, flags=re.MULTILINE))


def exercise_in(path: Path) -> Exercise:
    """The exercise that a file of statements holds: a heading "# 3. Title", text, and one ```python block at its end."""
    text = path.read_text(encoding="utf-8")
    head, body = text.split("\n", 1)
    number, title = head.removeprefix("# ").split(". ", 1)
    statement, skeleton = body.split("```python\n")
    return Exercise(int(number), title, statement.strip(), skeleton.partition("```")[0])


EXERCISES: dict[int, Exercise] = {one.number: one for one in map(exercise_in, sorted(FOLDER.glob("*.md")))}
"""The exercises by number."""


def problem_sheet() -> str:
    """All exercises as one page of Markdown: docs/problem-sheet.md."""
    parts = [f"## {one.number}. {one.title}\n\n{one.statement}\n\n```python\n{one.skeleton}```\n" for one in EXERCISES.values()]
    return "\n".join([HEAD.read_text(encoding="utf-8"), *parts])
