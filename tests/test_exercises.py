"""Laws of the exercises: model answers pass, wrong ones are explained, and no file makes the check fall over."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from netbp.cli import main
from netbp.exercises import EXERCISES, check, problem_sheet
from netbp.exercises.asked import CHECKS, SEED, functions_in
from netbp.exercises.asking import Asking, StudentError, WrongError
from patience import SECONDS

ROOT = Path(__file__).parent.parent
ANSWERS = Path(__file__).parent / "answers"


def verdict_of(number: int, code: str) -> list[str]:
    """What the check of exercise `number` says of this code, asked in this process: the kind, and the words."""
    from importlib import import_module

    namespace: dict[str, object] = {}
    exec(code, namespace)
    functions = {name: namespace[name] for name in EXERCISES[number].functions}
    asking = Asking(functions, lambda words: None)  # type: ignore[arg-type]
    try:
        import_module(f"netbp.exercises.{CHECKS[number]}").check(asking, np.random.default_rng(SEED))
    except WrongError as error:
        return ["wrong", error.asked, error.came, error.expected, error.hint]
    except StudentError as error:
        return ["raised", error.asked, repr(error.error)]
    return ["right"]


def model(number: int) -> str:
    return (ANSWERS / f"{number}.py").read_text()


# -- right answers, and nearly right ones --------------------------------------------------------------------------


@pytest.mark.parametrize("number", EXERCISES)
def test_model_answers_are_right(number: int) -> None:
    assert verdict_of(number, model(number)) == ["right"]


# In each model answer, a slip that students make; the words that the explanation must have.
SLIPS = [
    (1, "np.exp(-x)", "np.exp(x)", "sigmoid(x) at x", "compare with (1)"),
    (1, "sigmoid(x) * (1 - sigmoid(x))", "sigmoid(x) * (1 + sigmoid(x))", "slope(x)", "1/4"),
    (1, "2 * np.log(9)", "2 * np.log(10)", "weight_and_bias(", "0.9"),
    (1, "-w * centre", "centre", "weight_and_bias(", "where its argument is 0"),
    (1, "return w,", "return -w,", "weight_and_bias(", "w > 0"),
    (2, "a = [x]", "a = [sigma(x)]", "forward(W, b, x) for a 2-2-3-2 network", "without sigma"),
    (2, "return a\n", "return a[-1]\n", "forward(W, b, x)", "a list of 4 arrays"),
    (2, " / 2", "", "cost(W, b, X, Y)", "a factor 1/2"),
    (2, "np.mean", "np.sum", "cost(W, b, X, Y)", "a mean over the points"),
    (3, "D[-1] * (a[-1] - y)", "a[-1] - y", "deltas(W, b, x, y)", "(22)"),
    (3, "D[-1] * (a[-1] - y)", "D[-1] * (y - a[-1])", "deltas(W, b, x, y)", "in this order"),
    (3, "D[l] * (W[l + 1].T @ delta[0])", "W[l + 1].T @ delta[0]", "deltas(W, b, x, y)", "(23)"),
    (3, "np.outer(d, al)", "np.outer(al, d)", "gradients(W, b, x, y)", "dC/dW[2]"),
    (3, "], delta", "]", "gradients(W, b, x, y)", "a pair of lists"),
    (4, "Y - forward", "(Y - forward", "", ""),
    (4, "W[l] -= eta", "W[l] += eta", "costs(W, b, X, Y, 0.7, order)", "the cost after step 1"),
    (4, "rng.integers(N, size=steps)", "np.resize(rng.permutation(N), steps)", "with_replacement(5, 4000, rng)", "twice in a row"),
    (4, "rng.integers(N, size=steps)", "rng.integers(1, N + 1, size=steps)", "with_replacement(", "whole numbers 0 to 4"),
    (4, "rng.permutation(N) for _ in range(epochs)", "np.arange(N) for _ in range(epochs)", "by_epochs(", "permute anew"),
    (4, "rng.permutation(N)", "rng.integers(N, size=N)", "by_epochs(", "each point once"),
    (5, "A[i, s * i : s * i + k] = g", "A[i, s * i : s * i + k] = g[::-1]", "matrix(g, n, s)", "row i is the filter"),
    (5, "(n - k) // s + 1", "n - k + 1", "", ""),
    (5, "out[s * i : s * i + len(g)] += d * g", "out[s * i : s * i + len(g)] = d * g", "transposed(", "has met"),
    (5, "sum(d * x[s * i : s * i + k]", "sum(d * x[i : i + k]", "filter_gradient(", "does g_j meet in row i"),
    (6, "largest = v.max()", "largest = 0.0", "loss(v, l)", "take the largest"),
    (6, "- v[l]", "", "loss(v, l)", "right one's share"),
    (6, "    s[l] -= 1\n", "", "slope(v, l)", "less 1"),
    (6, "e = np.exp(v - v.max())", "e = np.exp(v)", "slope(v, l)", "take the largest"),
]


@pytest.mark.parametrize(("number", "right", "slip", "asked", "words"), SLIPS)
def test_slips_are_found_and_explained(number: int, right: str, slip: str, asked: str, words: str) -> None:
    assert model(number).count(right) >= 1
    code = model(number).replace(right, slip, 1)
    try:
        found = verdict_of(number, code)
    except SyntaxError:
        assert not asked
        return
    assert found != ["right"]
    if asked:
        assert found[0] == "wrong"
        assert asked in found[1]
        assert words in " ".join(found[2:])


def test_weights_changed_before_their_deltas_are_found_in_the_listing() -> None:
    code = model(4).replace(
        "            delta.insert(0, a[l] * (1 - a[l]) * (W[l].T @ delta[0]))\n",
        "            W[l] -= eta * np.outer(delta[0], a[l])\n            delta.insert(0, a[l] * (1 - a[l]) * (W[l].T @ delta[0]))\n"
        "            W[l] += eta * np.outer(delta[1], a[l])\n",
    )
    found = verdict_of(4, code)
    assert "costs(W, b, X, Y, 0.7, order)" in found[1]
    assert "at the old weights" in found[4]


def test_listing_6_1_is_what_the_check_of_exercise_4_wants(figure7_costs: tuple[np.ndarray, np.ndarray]) -> None:
    from netbp.exercises.forward import listing, matrices
    from netbp.matlab import MatlabRandom

    problem, p = listing()
    assert 20 * problem.value(p) == pytest.approx(5.32881696990138, rel=1e-12)
    stream = MatlabRandom(5000)
    stream.randn(23, 1)
    order = np.asarray(stream.randi(10, 1000, 1), dtype=int).ravel() - 1
    namespace: dict[str, object] = {}
    exec(model(4), namespace)
    costs = namespace["costs"](*matrices(problem.network, p), problem.data.x, problem.data.y, 0.05, order)  # type: ignore[operator]
    expected = [5.32431031504514, 5.29368084387954, 5.1169224518665, 4.98551007566451]  # as in test_compiled.py
    assert costs[[0, 9, 99, 999]] == pytest.approx(expected, rel=1e-12)
    assert costs[0] == pytest.approx(figure7_costs[1][0], rel=1e-12)


# -- files that are no answers -------------------------------------------------------------------------------------

BROKEN = {
    "no function": ("x = 1\n", "defines no function `sigmoid`: this exercise asks for sigmoid(x)"),
    "no function but a number": ("sigmoid = 3\n", "something else than a function `sigmoid`"),
    "a syntax error": ("import numpy\n\ndef sigmoid(x:\n", "answer.py, line 3: SyntaxError: "),
    "an indentation error": ("def sigmoid(x):\nreturn x\n", "answer.py, line 2: IndentationError: "),
    "a null byte": ("x = 1\0\n", "answer.py"),
    "an error when it is loaded": ("a = 1\nb = a / 0\n", "answer.py, line 2: ZeroDivisionError: division by zero"),
    "exit": ("import sys\nsys.exit(0)\n", "answer.py, line 2: it ends the program"),
    "os._exit": ("import os\nos._exit(7)\n", "answer.py ended the process with code 7, while it was loaded"),
    "a missing module": ("import nonesuch\n", "ModuleNotFoundError: No module named 'nonesuch'"),
    "input": ("input()\n", "answer.py, line 1: EOFError"),
    "an empty file": ("", "defines no function `sigmoid`"),
    "the skeleton": (EXERCISES[1].skeleton, "this function is still to be written; it was asked sigmoid(x) at x = "),
    "None": ("def sigmoid(x): pass\nslope = weight_and_bias = sigmoid\n", "a function without a return statement returns None"),
    "a raise": (
        "def sigmoid(x):\n    return [][1]\nslope = weight_and_bias = sigmoid\n",
        "answer.py, line 2: IndexError: list index out of range; it was asked sigmoid(x)",
    ),
    "too few parameters": ("def sigmoid(): pass\nslope = weight_and_bias = sigmoid\n", "TypeError: sigmoid() takes 0"),
    "a wrong shape": ("def sigmoid(x): return [1.0, 2.0]\nslope = weight_and_bias = sigmoid\n", "the answer has shape (2,)"),
    "letters": ("def sigmoid(x): return 'half'\nslope = weight_and_bias = sigmoid\n", "the answer is str 'half'"),
    "not finite": ("def sigmoid(x): return x * float('nan')\nslope = weight_and_bias = sigmoid\n", "finite numbers"),
    "endless recursion": ("def sigmoid(x): return sigmoid(x)\nslope = weight_and_bias = sigmoid\n", "line 1: RecursionError: "),
    "an interrupt": ("def sigmoid(x): raise KeyboardInterrupt\nslope = weight_and_bias = sigmoid\n", "line 1: KeyboardInterrupt"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_files_that_are_no_answers_get_one_clear_verdict(what: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, words = BROKEN[what]
    (tmp_path / "answer.py").write_text(code)
    verdict = check(1, tmp_path / "answer.py")
    assert not verdict.right
    assert words in str(verdict)
    assert verdict.lines[0].startswith("exercise 1: ")
    assert "Traceback" not in str(verdict)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "answer.py").write_bytes(b"x = '\xff'\n")
    assert "answer.py" in str(check(1, tmp_path / "answer.py"))


def test_a_file_without_end_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "answer.py").write_text("while True: pass\n")
    verdict = check(1, tmp_path / "answer.py", seconds=0.25)
    assert not verdict.right
    assert "answer.py gave no answer within 0.25 seconds, while it was loaded" in str(verdict)


def late_once_there_is(mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer's time is over as soon as this file is there, however fast the machine is."""

    class Late(subprocess.Popen[bytes]):
        def wait(self, timeout: float | None = None) -> int:
            if timeout is None:
                return super().wait()
            while not mark.exists() and self.poll() is None:
                time.sleep(0.01)
            raise subprocess.TimeoutExpired(self.args, timeout)

    monkeypatch.setattr(subprocess, "Popen", Late)


def test_an_answer_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "mark"
    late_once_there_is(mark, monkeypatch)
    endless = f"def sigmoid(x):\n    open({str(mark)!r}, 'w').close()\n    while True: pass\nslope = weight_and_bias = sigmoid\n"
    (tmp_path / "answer.py").write_text(endless)
    assert "within 60 seconds, while it was asked sigmoid(x) at x = " in str(check(1, tmp_path / "answer.py"))


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_what_a_stopped_file_has_started_is_stopped_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds the writing end of a pipe, which ends with it."""
    mark, pipe = tmp_path / "mark", tmp_path / "pipe"
    os.mkfifo(pipe)
    late_once_there_is(mark, monkeypatch)
    code = f"import time; held = open({str(pipe)!r}, 'w'); open({str(mark)!r}, 'w').close(); time.sleep({SECONDS})"
    (tmp_path / "answer.py").write_text(f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {code!r}]).wait()\n")
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert "gave no answer" in str(check(1, tmp_path / "answer.py"))
    ready, _, _ = select.select([reading], [], [], SECONDS / 2)
    assert ready, "what it has started goes on"
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_an_answer_may_have_helpers_beside_it_and_print(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "formulas.py").write_text("import numpy as np\n\ndef sigma(x):\n    return 1 / (1 + np.exp(-x))\n")
    code = model(1).replace("return 1 / (1 + np.exp(-x))", "return sigma(x)")
    (tmp_path / "my answer.py").write_text(f"from formulas import sigma\n{code}\nprint('I am here')\n")
    assert check(1, tmp_path / "my answer.py").right
    assert "I am here" in capfd.readouterr().out


# -- the command line ----------------------------------------------------------------------------------------------


def test_the_command_lists_shows_writes_and_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["exercise"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{one.number}  {one.title}" in listed for one in EXERCISES.values())
    assert main(["exercise", "3"]) == 0
    shown = capsys.readouterr().out
    assert EXERCISES[3].statement in shown
    assert "    def deltas(W, b, x, y):" in shown
    assert main(["exercise", "3", "--skeleton", "answer.py"]) == 0
    assert main(["exercise", "3", "answer.py"]) == 1
    assert "answer.py, line 8: this function is still to be written" in capsys.readouterr().out
    assert main(["exercise", "3", "--skeleton", "answer.py"]) == 2
    assert "answer.py exists" in capsys.readouterr().err
    assert main(["exercise", "3", str(ANSWERS / "3.py")]) == 0
    assert "exercise 3: right, in all 12 questions" in capsys.readouterr().out
    assert main(["exercise", "2", str(ANSWERS / "3.py")]) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["7"], "exercises 1 to 6, but exercise 7"),
        (["0", "a.py"], "exercises 1 to 6, but exercise 0"),
        (["3", "nowhere.py"], "nowhere.py: No such file"),
        (["3", "."], "is a folder: give the name of a regular file"),
        (["3", "a.py", "--seconds", "0"], "above 0 seconds"),
        (["3", "a.py", "--skeleton", "b.py"], "either an answer"),
        (["three"], "three"),
    ],
)
def test_bad_words_are_refused_in_one_line(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").write_text("x = 1\n")
    assert main(["exercise", *words]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_ctrl_c_ends_the_check_and_the_answer(tmp_path: Path) -> None:
    (tmp_path / "answer.py").write_text("print('started', flush=True)\nwhile True: pass\n")
    command = [sys.executable, "-m", "netbp", "exercise", "1", "answer.py"]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "started\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=SECONDS)
    assert (child.returncode, err) == (130, "netbp: interrupted\n")


# -- the sheet -----------------------------------------------------------------------------------------------------


def test_there_are_six_exercises_each_with_a_check_and_an_answer() -> None:
    assert list(EXERCISES) == [1, 2, 3, 4, 5, 6] == sorted(CHECKS)
    assert sorted(path.name for path in ANSWERS.glob("*.py")) == [f"{number}.py" for number in EXERCISES]
    for one in EXERCISES.values():
        assert 2 <= len(one.functions) <= 3
        assert all(f"`{name}{parameters}`" in one.statement for name, parameters in one.functions.items())
        assert re.search(r"\(\d+\)", one.statement), "it names the paper's equations"


def test_the_page_is_the_statements() -> None:
    page = (ROOT / "docs" / "problem-sheet.md").read_text(encoding="utf-8")
    assert page == problem_sheet(), "python -m netbp.exercises > docs/problem-sheet.md"


def test_a_file_is_loaded_once_under_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "answer", None)  # type: ignore[arg-type]
    (tmp_path / "a.py").write_text(model(6) + "\nassert __name__ == 'answer'\n")
    assert sorted(functions_in(6, tmp_path / "a.py")) == ["loss", "slope"]
