"""Six exercises for a class, with checks: `netbp exercise 3 answer.py`.

A check runs the student's file in a process of its own, with a time limit, on random instances, and explains the first answer that
is wrong. It executes what is in the file: check only what you would run.
"""

from __future__ import annotations

from netbp.exercises.checking import Verdict, check
from netbp.exercises.sheet import EXERCISES, Exercise, problem_sheet

__all__ = ["EXERCISES", "Exercise", "Verdict", "check", "problem_sheet"]
