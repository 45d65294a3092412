"""A law of the tests: none depends on how fast or how busy the machine is. They wait for what happens, and give up late."""

import ast
from pathlib import Path

import pytest

from patience import SECONDS

HERE = Path(__file__).parent
LIMITS = {"wait", "join", "settimeout", "set_default_timeout"}  # whose first argument is a limit, in seconds or milliseconds
CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time"}
STRAIGHT = {  # a sleep that is no look at something again and again: a test that passes however long it takes
    "several.py": "leaves time in which a process is killed",
    "test_lab_server.py": "answers that nobody reads fill the buffers on the way",
    "test_resume.py": "kills at moments of chance",
    "test_run.py": "the interruption comes in it",
}


def faults(tree: ast.AST) -> list[str]:
    """What in a module depends on the machine: waits of a fixed length, limits below the usual patience, clocks that are read."""
    looped = {id(call) for loop in ast.walk(tree) if isinstance(loop, ast.For | ast.While) for call in ast.walk(loop)}
    found = []
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute | ast.Name):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id
        of = call.func.value.id if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name) else ""
        limits = [word.value for word in call.keywords if word.arg == "timeout"] + (call.args[:1] if name in LIMITS else [])
        short = [one.value for one in limits if isinstance(one, ast.Constant) and isinstance(one.value, int | float)]
        if any(0 < value < SECONDS for value in short):
            found.append(f"line {call.lineno}: {name} gives up after {short}")
        if name == "wait_for_timeout" or (of == "time" and name == "sleep" and id(call) not in looped):
            found.append(f"line {call.lineno}: {name} waits for nothing in particular")
        if of == "time" and name in CLOCKS:
            found.append(f"line {call.lineno}: {name} is read")
    return found


@pytest.mark.parametrize("path", sorted(HERE.glob("*.py")), ids=lambda path: path.stem)
def test_nothing_depends_on_the_machine(path: Path) -> None:
    told = faults(ast.parse(path.read_text()))
    if path.name in STRAIGHT:
        told = [line for line in told if not line.endswith("sleep waits for nothing in particular")]
    if path.name in {"lab_pictures.py", "processors.py"}:  # programs for the command line, which test nothing themselves
        told = []
    assert told == []


@pytest.mark.parametrize(
    "line",
    ["time.sleep(1)", "page.wait_for_timeout(300)", "run(x, timeout=60)", "thread.join(5)", "event.wait(0.5)", "time.monotonic()",
     "start = time.perf_counter()", "page.set_default_timeout(30)", "connection.settimeout(5)"],
)  # fmt: skip
def test_the_law_sees_what_does(line: str) -> None:
    assert len(faults(ast.parse(line))) == 1
