"""`netbp exercise`: list, show and check the exercises."""

from __future__ import annotations

from pathlib import Path

from netbp.cli.failures import FAILED
from netbp.exercises import EXERCISES, check
from netbp.files import check_writable, write_atomically


def exercise_it(number: int | None, answer: Path | None, skeleton: Path | None, seconds: float) -> int:
    """List the exercises, show one, write its skeleton, or check an answer: 0 when it is right, 1 when it is not."""
    if number is None:
        for one in EXERCISES.values():
            print(f"{one.number}  {one.title}")
        print("\n`netbp exercise 1` shows the first, `netbp exercise 1 answer.py` checks an answer, by running that file")
        return 0
    if number not in EXERCISES:
        raise ValueError(f"there are exercises {min(EXERCISES)} to {max(EXERCISES)}, but exercise {number} was asked for")
    if answer is not None and skeleton is not None:
        raise ValueError("give either an answer to check, or --skeleton to write one to begin with")
    if answer is not None:
        verdict = check(number, answer, seconds)
        print(verdict)
        return 0 if verdict.right else FAILED
    one = EXERCISES[number]
    if skeleton is not None:
        if skeleton.exists():
            raise ValueError(f"{skeleton} exists: it may be an answer; give another name, or delete it")
        check_writable(skeleton)
        write_atomically(skeleton, f'"""Exercise {one.number}: {one.title}."""\n\n{one.skeleton}'.encode())
        print(f"wrote {skeleton}; when it is done: netbp exercise {number} {skeleton}")
        return 0
    print(f"{one.number}. {one.title}\n\n{one.statement}\n\nAn answer begins with:\n")
    print("\n".join(f"    {line}".rstrip() for line in one.skeleton.strip().splitlines()))
    return 0
