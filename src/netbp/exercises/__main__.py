"""python -m netbp.exercises > docs/problem-sheet.md."""

from __future__ import annotations

from netbp.exercises.sheet import problem_sheet

print(problem_sheet(), end="")
