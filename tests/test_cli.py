"""The command line: as processes where the process matters, in this process where only words and exit codes do."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from scipy.io import loadmat

import netbp.cli.experiments
import netbp.cli.progress
import netbp.cli.tables
import netbp.report
from netbp import __version__
from netbp.cli import main
from netbp.cli.flags import shown, whole
from netbp.experiments import EXPERIMENTS, FIGURES
from netbp.experiments.table import Fit
from netbp.report import Report
from netbp.run import Run
from patience import SECONDS

SHORT = ("--steps", "300", "--engine", "reference")
TABLE = "x1,x2,label\n.1,.1,A\n.3,.4,A\n.1,.5,A\n.6,.9,A\n.4,.2,A\n.6,.3,B\n.5,.6,B\n.9,.2,B\n.4,.4,B\n.7,.6,B\n"
FIT = ("fit", "points.csv", "--target", "label", "--network", "2-4-2", "--held-out", "0", "--epochs", "20")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own for every test, with a table in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text(TABLE)
    return tmp_path


def process(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """`netbp words` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "netbp", *words], capture_output=True, text=True, check=False, timeout=300, **options
    )


@pytest.fixture
def learnt(capsys: pytest.CaptureFixture[str]) -> Path:
    """A saved run of a fit."""
    assert main([*FIT, "--save", "learnt.npz"]) == 0
    capsys.readouterr()
    return Path("learnt.npz")


# -- processes ---------------------------------------------------------------------------------------------------------


def test_version_and_help() -> None:
    assert process("--version").stdout.strip() == __version__
    told = process("--help")
    assert told.returncode == 0
    for command in ("figure", "run", "list", "paper", "check", "describe", "explain", "fit", "predict", "export"):
        assert f" {command} " in told.stdout
    assert process().stdout == told.stdout


def test_figures_are_drawn_in_three_formats() -> None:
    for suffix, magic in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        done = process("figure", "7", *SHORT, "--out", f"seven{suffix}")
        assert done.returncode == 0, done.stderr
        assert f"wrote seven{suffix}" in done.stdout
        assert done.stderr == ""
        assert Path(f"seven{suffix}").read_bytes().startswith(magic)


@pytest.mark.parametrize(
    "words",
    [
        ("figure", "16"),
        ("fit", "none.csv", "--target", "y"),
        ("figure", "7", "--rate", "nan"),
        ("predict", "points.csv", "points.csv"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: tuple[str, ...]) -> None:
    done = process(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"netbp: [^\n]+\n", done.stderr)


def test_a_bad_table_is_one_line_as_a_process_too() -> None:
    Path("bad.csv").write_text(TABLE.replace(".9,.2,B", ".9,,B"))
    done = process("fit", "bad.csv", "--target", "label")
    assert (done.returncode, done.stdout) == (2, "")
    remedy = "fill it in or delete the row, or leave out the 1 row with missing values by --missing drop"
    assert done.stderr == f"netbp: bad.csv, row 9, column 'x2' is empty: {remedy}\n"


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_runs_are_saved_and_say_how_to_go_on(number: signal.Signals) -> None:
    words = ["run", "stochastic", "--steps", "1e9", "--record", "1000", "--engine", "reference", "--save", "my run.npz"]
    with subprocess.Popen(
        [sys.executable, "-m", "netbp", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        while not Path("my run.npz").exists() and running.poll() is None:  # it is saved every few seconds
            time.sleep(0.05)
        running.send_signal(number)
        out, told = running.communicate(timeout=SECONDS)
    run = Run.load("my run.npz")
    assert (running.returncode, out) == (130, "")
    assert run.status == "interrupted"
    assert f"after step {run.step:,}" in told
    command = shlex.split(told.splitlines()[-1])
    assert command == ["netbp", *words, "--resume"]
    command[command.index("1e9")] = str(run.step + 1)  # as if it had been the last step but one
    assert main(command[1:]) == 0
    assert Run.load("my run.npz").step == run.step + 1


@pytest.mark.skipif(os.name != "posix", reason="pipes")
@pytest.mark.parametrize("words", [("list",), ("figure", "7", "--help")])
def test_a_reader_that_goes_away_is_no_error(words: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "netbp", *words], stdout=writing, stderr=subprocess.PIPE, check=False, timeout=SECONDS
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_nothing_heavy_is_imported_without_need() -> None:
    program = "import sys; from netbp.cli import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    heavy = {"numba", "scipy", "matplotlib", "torch", "joblib", "jinja2", "rich.progress"}
    for words, allowed in ((["--help"], set()), (["list"], set()), (["figure", "1"], {"matplotlib"})):
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True, timeout=SECONDS)
        assert heavy & set(done.stderr.split()) == allowed


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_completion_is_installed_and_knows_the_flags(folder: Path) -> None:
    environment = os.environ | {"HOME": str(folder), "SHELL": "/bin/bash"}
    done = process("--install-completion", "--shell", "bash", "--output", "completion.bash", env=environment)
    assert done.returncode == 0, done.stderr
    script = Path("completion.bash").read_text()
    for name in ("least-squares", "--rate", "--held-out", "--install-completion", "softmax_log_loss"):
        assert name in script
    loaded = subprocess.run(["bash", "-c", "source ./completion.bash && complete -p netbp"], capture_output=True, check=False)
    assert loaded.returncode == 0


# -- flags are fields --------------------------------------------------------------------------------------------------


def another(hint: Any, default: Any) -> Any:
    """A value of the type that is not the default."""
    if get_origin(hint) is Literal:
        return next(choice for choice in get_args(hint) if choice != default)
    kinds = get_args(hint) or (hint,)
    if Path in kinds:
        return Path("other.npz")
    if isinstance(default, tuple):
        return tuple(2 * entry for entry in default) if default else ("b", "c, d")
    return not default if hint is bool else {int: 7, float: 0.125, str: "2-5-2"}[hint]


def words_for(name: str, value: Any) -> list[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else flag.replace("--", "--no-", 1)]
    if isinstance(value, tuple):
        return [flag, 'b,"c, d"' if "b" in value else ",".join(str(entry) for entry in value)]
    return [flag, str(value)]


TRAINED = {name: cls for name, cls in EXPERIMENTS.items() if hasattr(cls, "problem")}
EVERY_FLAG = [(("run", name), cls, f) for name, cls in TRAINED.items() for f in fields(cls)]
EVERY_FLAG += [(("fit", "points.csv"), Fit, f) for f in fields(Fit) if f.name != "table"]


@pytest.mark.parametrize(("words", "cls", "field"), EVERY_FLAG, ids=lambda v: getattr(v, "name", None))
def test_every_field_is_a_flag(words: tuple[str, ...], cls: Any, field: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(netbp.cli.experiments, "run_experiment", lambda experiment, *rest: seen.append(experiment) or 0)
    monkeypatch.setattr(netbp.cli.tables, "run_experiment", lambda experiment, *rest: seen.append(experiment) or 0)
    monkeypatch.setattr(netbp.cli.tables, "introduction", lambda experiment: "")
    value = field.metadata.get("example", another(get_type_hints(cls)[field.name], field.default))
    told = words_for(field.name, value)
    if field.name == "record" and any(other.name == "picture" for other in fields(cls)):
        told += ["--picture", "region"]
    assert main([*words, *told]) == 0
    assert getattr(seen[0], field.name) == value
    for other in fields(cls):
        if other.name not in (field.name, "table", "picture"):
            assert getattr(seen[0], other.name) == other.default


@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_has_help_with_its_own_defaults(
    number: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert main(["figure", str(number), "--help"]) == 0
    told = capsys.readouterr().out
    for field in fields(FIGURES[number]):
        assert f"--{field.name.replace('_', '-')}" in told
        assert field.metadata["help"] in told
        if (default := getattr(FIGURES[number], field.name)) not in (None, "") and default is not False:
            assert f"[default: {shown(default)}]" in told


@pytest.mark.parametrize(("text", "value"), [("12", 12), ("1e6", 1_000_000), ("1_000", 1000), ("-3", -3), ("2.0", 2)])
def test_whole_numbers_may_be_written_as_people_do(text: str, value: int) -> None:
    assert whole(text) == value


@pytest.mark.parametrize("text", ["2.5", "nan", "inf", "1e-3", "x", ""])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        whole(text)


# -- refusals ----------------------------------------------------------------------------------------------------------

BAD = {
    "figure 0": "Available commands",
    "figure 7 --rat 1": "Did you mean --rate",
    "figure 7 --rate": "requires an argument",
    "figure 7 --rate x": "--rate",
    "figure 7 --rate 1 --rate 2": "multiple times",
    "figure 7 --steps 2.5": "'2.5' is not a whole number",
    "figure 7 --steps -1": "steps",
    "figure 7 --rule magic": "Choose from",
    "figure 7 --rate -1": "rate",
    "figure 7 --batch 0": "batch",
    "figure 7 --layers 3-2": "3 inputs",
    "figure 7 --layers 2-0-2": "at least 1",
    "figure 7 --layers 2-999999999-2": "parameters",
    "figure 7 --scale nan": "scale should be a number below",
    "figure 7 --seed -1": "seed",
    "figure 7 --out f.gif": ".png, .pdf, .svg",
    "figure 7 --out none/f.png": "folder does not exist",
    "figure 7 --from none.npz": "no file none.npz",
    "figure 7 --from points.csv": "not a run",
    "figure 4 --from {stochastic}": "a run of stochastic",
    "figure 7 --from {stochastic} --rate 1": "--rate has no meaning",
    "run": None,
    "run magic": "Available commands: stochastic",
    "run stochastic --resume": "no saved run",
    "run stochastic --save {learnt}": "holds a run of fit",
    "run stochastic --steps 3 --save {stochastic}": "with another steps",
    "run stochastic --save points.csv": "not a run",
    "run stochastic --save none/run.npz": "folder does not exist",
    "fit": "TABLE requires an argument",
    "fit points.csv": "--target",
    "fit . --target y": "folder",
    "fit points.csv --target label --network 3-8-2": "--network 2-8-2",
    "fit points.csv --target label --network 2-8-3": "2 categories",
    "fit points.csv --target label --held-out 1": "held-out",
    "predict {stochastic} points.csv": "not of a fit",
    "predict {learnt} none.csv": "none.csv",
    "predict {learnt}": "name a table",
    "predict {learnt} points.csv points.csv": "one table at a time",
    "run cifar --rates 0.1": "1 rates",
    "run cifar --deviations 0.1": "5 numbers",
    "run cifar --epochs 0": "at least 1",
    "run mnist --rate -1": "at least 0",
    "predict {learnt} points.csv --out none/o.csv": "folder does not exist",
    "describe none": "no file none",
    "describe 2-0": "at least 1",
    "explain {stochastic} --point 11": "1 to 10",
    "export {stochastic} run.txt": ".mat",
    "check --network 2": "layers are written",
    "check --activation magic": "activation",
    "check none.npz": "no file none.npz",
}


@pytest.mark.parametrize("line", BAD)
def test_refused_in_one_line(line: str, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    learnt = request.getfixturevalue("learnt") if "{learnt}" in line else None
    if "{stochastic}" in line:
        main(["run", "stochastic", *SHORT, "--save", "s.npz"])
        capsys.readouterr()
    before = sorted(Path().rglob("*"))
    code = main(shlex.split(line.format(stochastic="s.npz", learnt=learnt)))
    out, told = capsys.readouterr()
    if BAD[line] is None:
        assert code == 0
        return
    assert code == 2, told
    assert re.fullmatch(r"netbp: [^\n]+\n", told)
    assert BAD[line] in told
    assert out == ""
    assert [path for path in sorted(Path().rglob("*")) if path.name != "runs"] == [path for path in before if path.name != "runs"]


def raising(error: Exception) -> Callable[..., Any]:
    def function(*arguments: Any) -> Any:
        raise error

    return function


def test_a_fault_of_our_own_is_one_line_with_the_traceback_in_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("netbp.cli.inspection.list_all", raising(RuntimeError("out of\ncheese")))
    assert main(["list"]) == 1
    line = capsys.readouterr().err
    found = re.fullmatch(
        r"netbp: this should not have happened: RuntimeError: out of cheese; the traceback is in (.+): please report it\n", line
    )
    assert found
    assert "in raising" not in line
    assert "out of\ncheese" in Path(found[1]).read_text()
    Path(found[1]).unlink()
    assert main(["list", "--debug"]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_value_errors_from_underneath_are_faults_and_ours_are_refusals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("netbp.cli.inspection.list_all", lambda folder: np.zeros(3) @ np.zeros(4))
    assert main(["list", "--debug"]) == 1
    assert "should not have happened: ValueError" in capsys.readouterr().err
    monkeypatch.undo()
    assert main(["describe", "2-0", "--debug"]) == 2
    assert "should not" not in capsys.readouterr().err


def test_missing_libraries_and_memory_are_the_users_to_mend(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("netbp.cli.inspection.list_all", raising(ModuleNotFoundError("No module", name="torch")))
    assert main(["list"]) == 2
    assert "needs the package torch" in capsys.readouterr().err
    monkeypatch.setattr("netbp.cli.inspection.list_all", raising(MemoryError()))
    assert main(["list"]) == 2
    assert "out of memory" in capsys.readouterr().err
    monkeypatch.setattr("netbp.cli.inspection.list_all", raising(KeyboardInterrupt()))  # type: ignore[arg-type]
    assert main(["list"]) == 130


# -- what the commands do ----------------------------------------------------------------------------------------------


def test_a_run_is_saved_under_the_name_of_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "stochastic", *SHORT]) == 0
    (path,) = Path("runs").iterdir()
    assert re.fullmatch(r"stochastic-[0-9a-f]{8}\.npz", path.name)
    assert str(path) in capsys.readouterr().out
    assert main(["run", "stochastic", *SHORT, "--rate", "0.06"]) == 0
    assert len(list(Path("runs").iterdir())) == 2
    assert main(["run", "least-squares", "--engine", "auto"]) == 0
    assert Path("runs/least-squares.npz").exists()
    assert main(["run", "least-squares"]) == 0  # the same run again may take its place


def test_resuming_a_run_for_more_steps_equals_running_it_in_one_go() -> None:
    more = ["--engine", "reference", "--steps", "450"]
    assert main(["run", "stochastic", *SHORT, "--save", "a.npz"]) == 0
    assert main(["run", "stochastic", *more, "--save", "a.npz", "--resume"]) == 0
    assert main(["run", "stochastic", *more, "--save", "b.npz"]) == 0
    a, b = Run.load("a.npz"), Run.load("b.npz")
    assert np.array_equal(a.p, b.p)
    assert np.array_equal(a.costs, b.costs)


def test_a_diverged_run_is_told_saved_and_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "stochastic", *SHORT, "--activation", "relu", "--rate", "1e200", "--save", "d.npz"]) == 1
    told = capsys.readouterr().err
    assert re.fullmatch(r"netbp: stochastic diverged: [^\n]+; saved in d\.npz\n", told)
    assert Run.load("d.npz").status == "diverged"
    assert main(["figure", "7", *SHORT, "--activation", "relu", "--rate", "1e200"]) == 1
    assert not Path("figure7.png").exists()


def test_figures_from_a_saved_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figure", "7", *SHORT, "--save", "s.npz", "--out", "a.svg"]) == 0
    assert main(["figure", "7", "--from", "s.npz", "--out", "b.svg"]) == 0
    assert main(["figure", "8", "--from", "s.npz", "--out", "c.svg"]) == 0
    # Apart from matplotlib's random names and its date, the same picture.
    pictures = [
        re.sub(r"#?\b[pmC]?[0-9a-f_]{9,}\b|<dc:date>.*", "", Path(name).read_text()) for name in ("a.svg", "b.svg", "c.svg")
    ]
    assert pictures[0] == pictures[1] != pictures[2]


def test_drawings_need_no_run() -> None:
    assert main(["run", "network", "--layers", "3-2", "--out", "n.svg"]) == 0
    assert main(["figure", "3", "--layers", "3-2"]) == 0
    assert Path("figure3.png").exists()
    assert not Path("runs").exists()


def test_fit_and_predict(learnt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*FIT, "--method", "lm"]) == 0
    out = capsys.readouterr().out
    assert "10 rows, 10 to train on and 0 held out" in out
    assert "network 2-4-2" in out
    assert "confusion of the training rows" in out
    assert re.search(r"saved in runs/fit-points-[0-9a-f]{8}\.npz", out)
    assert main(["predict", str(learnt), "points.csv"]) == 0
    out, score = capsys.readouterr()
    assert len(out.splitlines()) == 11
    assert re.fullmatch(r"\d+ of 10 right, [\d.]+ %\n", score)
    assert main(["predict", str(learnt), "points.csv", "--out", "p.csv"]) == 0
    assert Path("p.csv").read_text() == out
    assert "wrote p.csv: 10 rows" in capsys.readouterr().out


def test_runs_are_listed_described_explained_exported_and_checked(learnt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "stochastic", *SHORT, "--save", "s.npz"]) == 0
    Path("broken.npz").write_bytes(Path("s.npz").read_bytes()[:-9])
    assert main(["list", "."]) == 0
    out = capsys.readouterr().out
    assert re.search(r"s\.npz +finished, 300 steps, cost 0\.\d+", out)
    assert re.search(r"broken\.npz +not readable: .*damaged", out)
    for run, words in (("s.npz", "stochastic"), (str(learnt), "points.csv")):
        assert main(["describe", run]) == 0
        out = capsys.readouterr().out
        assert words in out
        assert "W[2]" in out
        assert main(["explain", run, "--point", "7"]) == 0
        assert "delta[2]" in capsys.readouterr().out
        assert main(["check", run]) == 0
        assert "slope 2" in capsys.readouterr().out
        assert main(["export", run, "r.mat"]) == 0
        assert np.array_equal(loadmat("r.mat")["p"].ravel(), Run.load(run).p)


def test_check_of_a_network_and_its_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert "Network.dense(2, 2, 3, 2" in capsys.readouterr().out
    assert main(["check", "--network", "4-5-3", "--activation", "tanh", "--cost", "softmax_log_loss"]) == 0
    assert main(["check", "--activation", "step"]) == 1
    assert "untrainable" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("what", "size"),
    [("4-3-4-5-2", 68), ("2-2-3-2", 23), ("stochastic", 23), ("network", 23), ("mnist", 23860), ("cifar", 145578)],
)
def test_layouts_count_every_parameter_once(what: str, size: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", what]) == 0
    out = capsys.readouterr().out.replace(",", "")
    ranges = [(int(a), int(b)) for a, b in re.findall(r" (\d+)-(\d+)(?:  \w+)?$", out, flags=re.MULTILINE)]
    assert sorted(ranges)[0][0] == 1
    assert [b + 1 for _, b in sorted(ranges)] == [a for a, _ in sorted(ranges)[1:]] + [size + 1]
    total = next(line.split() for line in out.splitlines() if line.split()[:1] == ["total"])
    assert int(total[1]) == size


def test_an_experiment_without_a_network_is_not_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "points"]) == 2
    assert "no file points" in capsys.readouterr().err


# -- the progress bar --------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_shows_rate_cost_and_share_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with netbp.cli.progress.Bar("quiet") as progress:
        assert progress is None
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(netbp.cli.progress, "PATIENCE", 0.0)
    with netbp.cli.progress.Bar("loud") as progress:
        progress(250, 1000, 0.5)
        progress(750, 1000, np.array([0.25, 0.125]))
        progress(1000, 1000, "the page")
    shown_there = screen.getvalue()
    for words in ("loud", "25%", "75%", "steps/s, cost 0.5", "cost 0.125", "the page"):
        assert words in shown_there


def test_what_is_quick_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with netbp.cli.progress.Bar("quick") as progress:
        progress(1, 2, 0.5)
    assert screen.getvalue() == ""


@pytest.mark.parametrize(("passed", "code"), [(3, 0), (2, 1)])
def test_paper_fails_when_a_number_does(
    passed: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Path] = []
    monkeypatch.setattr(
        netbp.report, "write_report", lambda out, progress, images: seen.append(out) or Report(out / "report.html", passed, 3, 1.0)
    )
    assert main(["paper", "--out", "there"]) == code
    assert seen == [Path("there")]
    assert "3 numbers compared" in capsys.readouterr().out
