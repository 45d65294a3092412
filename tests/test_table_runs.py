"""Runs on tables: changed and missing tables, any units, many columns, many classes, runs of an earlier version."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.cli import main
from netbp.data.dialect import Reading
from netbp.data.table import Table, read_table
from netbp.experiments.loaded import problem_of
from netbp.experiments.prediction import predict
from netbp.experiments.preparation import prepare
from netbp.experiments.scores import Score, score_of
from netbp.experiments.standardisation import standardisation, unscaled
from netbp.experiments.table import Fit
from netbp.provenance import plain
from netbp.run import Run

QUICK: dict[str, Any] = {"epochs": 1, "engine": "reference", "method": "descent", "held_out": 0.0, "network": "2"}
WORDS = ["--epochs", "1", "--engine", "reference", "--method", "descent", "--held-out", "0", "--network", "2"]
OLD = Path(__file__).parent / "data" / "fit_of_version_0.npz"
OLD_TABLE = "a,b,grade\n0.5,1,1.0\n1.5,2,1\n2.5,1,2\n3.5,0,02\n0.25,3,1\n2.75,1,2.0\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def table(N: int = 12, scale: float = 1.0) -> str:
    x = np.random.default_rng(3).standard_normal((N, 2))
    rows = "".join(f"{a * scale!r},{b!r},{'AB'[int(a + b > 0)]},{(a - b) * scale!r}\n" for a, b in x.tolist())
    return f"a,b,y,z\n{rows}"


# -- tables that are not what they were --------------------------------------------------------------------------------

CHANGES = {
    "a number": lambda text: text.replace("A,", "A,1", 1),
    "an input": lambda text: text.replace("\n", "\n1", 1),
    "a row less": lambda text: text[: text.rstrip("\n").rindex("\n") + 1],
    "a row more": lambda text: text + text.splitlines()[-1] + "\n",
    "another order of rows": lambda text: "\n".join([text.splitlines()[0], *reversed(text.splitlines()[1:])]) + "\n",
    "other labels": lambda text: text.replace(",A,", ",C,"),
    "a label more": lambda text: text.replace(",A,", ",C,", 1),
    "another name": lambda text: text.replace("b,", "c,", 1),
    "a column less": lambda text: "".join(line.split(",", 1)[1] + "\n" for line in text.splitlines()),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("command", ["explain", "check"])
def test_a_table_that_has_changed_is_told(change: str, command: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text(table(), encoding="utf-8")
    target, drop = ("z", "y") if change == "a number" else ("y", "z")
    assert main(["fit", "t.csv", "--target", target, "--drop", drop, *WORDS, "--save", "r.npz"]) == 0
    assert main([command, "r.npz"]) == 0
    capsys.readouterr()
    changed = CHANGES[change](table())
    assert changed != table()
    Path("t.csv").write_text(changed, encoding="utf-8")
    code = main([command, "r.npz"])
    out, told = capsys.readouterr()
    assert (code, out) == (2, "")
    assert "'t.csv' is not what it was when the run was fitted to it" in told


def test_the_same_cells_written_otherwise_are_the_same_table(here: Path) -> None:
    Path("t.csv").write_text(table(), encoding="utf-8")
    run = Fit("t.csv", target=("y",), drop=("z",), **QUICK).run()
    Path("t.csv").write_text(table().replace(",", ";").replace("\n", "\r\n"), encoding="utf-8")
    assert problem_of(run).N == 12


def test_the_folder_in_which_a_table_was_looked_for_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.csv").write_text(table(), encoding="utf-8")
    assert main(["fit", "t.csv", "--target", "y", "--drop", "z", *WORDS, "--save", "r.npz"]) == 0
    assert main(["fit", str(here / "t.csv"), "--target", "y", "--drop", "z", *WORDS, "--save", "absolute.npz"]) == 0
    Path("elsewhere").mkdir()
    os.chdir("elsewhere")
    capsys.readouterr()
    assert main(["explain", "../r.npz"]) == 2
    assert f"the table 't.csv', which is not in {Path.cwd()}: say the command in the folder where it is" in capsys.readouterr().err
    assert main(["explain", "../absolute.npz"]) == 0
    assert main(["predict", "../r.npz", "../t.csv"]) == 0
    (here / "t.csv").unlink()
    capsys.readouterr()
    assert main(["check", "../absolute.npz"]) == 2
    assert "is no longer there" in capsys.readouterr().err


# -- what predict takes from the run, and what it is told --------------------------------------------------------------


def test_another_table_may_be_written_in_another_way(here: Path) -> None:
    Path("t.csv").write_text(table(), encoding="utf-8")
    run = Fit("t.csv", target=("y",), drop=("z",), **QUICK).run()
    expected = predict(run, Path("t.csv")).outputs
    for name, text, asked in (
        ("semicolons", table().replace(",", ";"), {}),
        ("decimal commas", table().replace(",", ";").replace(".", ","), {}),
        ("blanks", table().replace(",", " "), {}),
        ("UTF-16", table(), {"encoding": "utf-16-be"}),
        ("comments", "# new\n" + table(), {}),
        ("an odd separator", table().replace(",", "^"), None),
    ):
        content = text.encode("utf-16-be" if name == "UTF-16" else "utf-8")
        Path("n.csv").write_bytes(b"sep=^\n" + content if asked is None else content)
        assert np.array_equal(predict(run, Path("n.csv"), asked).outputs, expected), name
    Path("n.csv").write_text("b,a\n1,?\n2,0.5\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"row 2, column 'a' is '\?'.*or say --missing drop"):
        predict(run, Path("n.csv"))
    assert predict(run, Path("n.csv"), {"missing": "drop"}).answered.tolist() == [False, True]


def test_what_the_run_has_seen_decides_what_a_table_does_not_tell(here: Path) -> None:
    rows = "".join(f"{k},5;{'AB'[k % 2]}\n" for k in range(6))
    Path("t.csv").write_text(f"x;label\n{rows}", encoding="utf-8")
    run = Fit("t.csv", target=("label",), **QUICK).run()
    assert run.settings["reading"]["decimal"] == "comma"
    Path("n.csv").write_text("x;label\n1,234;A\n", encoding="utf-8")  # 1234 or 1.234?
    assert predict(run, Path("n.csv")).table.numbers(["x"], predict(run, Path("n.csv")).numbering).tolist() == [[1.234]]
    Path("n.csv").write_text("x;label\n1,234;A\n", encoding="utf-8")
    assert np.isfinite(predict(run, Path("n.csv")).outputs).all()


def test_predictions_are_written_in_the_way_of_their_table(here: Path) -> None:
    for separator, mark in ((",", "."), (";", ","), ("\t", "."), ("|", ","), (";", ".")):
        text = table().replace(",", separator).replace(".", mark)
        Path("t.csv").write_text(text, encoding="utf-8")
        run = Fit("t.csv", target=("y",), drop=("z",), **QUICK).run()
        answer, out = predict(run, Path("t.csv")), io.StringIO()
        answer.write(out)
        head, *lines = out.getvalue().splitlines()
        assert head.split(separator) == ["a", "b", "y", "z", "predicted y", "probability A", "probability B"]
        assert [line.split(separator)[:4] for line in lines] == [line.split(separator) for line in text.splitlines()[1:]]
        Path("again.csv").write_text(out.getvalue(), encoding="utf-8")
        assert np.array_equal(predict(run, Path("again.csv")).outputs, answer.outputs)
        last = read_table("again.csv").numbers(["probability A", "probability B"])
        assert np.allclose(last, answer.outputs, rtol=1e-9)


def test_columns_without_a_header_are_told_by_their_number(here: Path) -> None:
    rows = [f"{k},{k % 3},{'AB'[k % 2]},{k * k}" for k in range(8)]
    Path("t.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run = Fit("t.csv", target=("3",), drop=("2",), header="no", **QUICK).run()
    whole = predict(run, Path("t.csv"))
    for columns in ((0, 1, 3), (0, 3)):  # without the target; without the dropped one, too
        Path("n.csv").write_text("".join(",".join(row.split(",")[j] for j in columns) + "\n" for row in rows), encoding="utf-8")
        assert np.array_equal(predict(run, Path("n.csv")).outputs, whole.outputs)


def test_the_run_knows_whether_there_is_a_header(here: Path) -> None:
    Path("t.csv").write_text("".join(f"{k},{k % 3},{k % 2}\n" for k in range(8)), encoding="utf-8")
    run = Fit("t.csv", target=("3",), task="classification", **QUICK).run()
    assert (run.settings["fields"]["header"], run.settings["reading"]["header"]) == ("auto", "no")
    Path("n.csv").write_text("1,2,spoilt\n3,4,1\n", encoding="utf-8")  # which looks like half a header
    answer = predict(run, Path("n.csv"))
    assert answer.table.rows == (1, 2)
    assert answer.score() is not None
    Path("t.csv").write_text("x,y,label\n" + "".join(f"{k},{k % 3},{'AB'[k % 2]}\n" for k in range(8)), encoding="utf-8")
    run = Fit("t.csv", target=("label",), **QUICK).run()
    Path("n.csv").write_text("x,y,1999\n1,2,5\n", encoding="utf-8")
    assert predict(run, Path("n.csv")).table.rows == (2,)


def test_inputs_too_far_to_be_standardised_are_refused(here: Path) -> None:
    Path("t.csv").write_text(table(scale=1e-200), encoding="utf-8")
    run = Fit("t.csv", target=("y",), drop=("z",), **QUICK).run()
    Path("n.csv").write_text("a,b\n0,0\n1e200,1\n", encoding="utf-8")
    with pytest.raises(ValueError, match="row 3, column 'a' is too far from the numbers that the network was fitted to"):
        predict(run, Path("n.csv"))


@pytest.mark.parametrize(
    "lie", [None, 5, [], "auto", {"header": 5}, {"separator": ["comma"]}, {"encoding": {}}, {"decimal": "x" * 9999}]
)
@pytest.mark.parametrize("place", ["reading", "fields"])
def test_a_run_that_tells_nonsense_of_its_table_is_refused(place: str, lie: Any, here: Path) -> None:
    Path("t.csv").write_text(table(), encoding="utf-8")
    run = Fit("t.csv", target=("y",), drop=("z",), **QUICK).run()
    if place == "fields" and isinstance(lie, dict):
        lie = run.settings["fields"] | lie
    elif place == "fields":
        lie = run.settings["fields"] | {"missing": lie}
    with pytest.raises(ValueError) as error:
        predict(dataclasses.replace(run, settings=run.settings | {place: lie}), Path("t.csv"))
    assert len(str(error.value)) < 300


# -- units -------------------------------------------------------------------------------------------------------------

SCALES = [2.0**k for k in (-1000, -565, -60, 0, 60, 531, 1000)]  # powers of 2, so that all is exact


def test_standardised_numbers_do_not_depend_on_units() -> None:
    x = np.random.default_rng(0).standard_normal((40, 3)) * [1.0, 300.0, 1e-5] + [0.0, 7.0, 1.0]
    weight = np.random.default_rng(1).uniform(0.5, 2.0, 40)
    for w in (None, weight):
        plain_scale = standardisation(x, w)
        for scale in SCALES:
            scaled = standardisation(x * scale, w)
            assert np.array_equal(scaled.apply(x * scale), plain_scale.apply(x))
            assert np.array_equal(scaled.undo(plain_scale.apply(x)), plain_scale.undo(plain_scale.apply(x)) * scale)
    extremes = np.array([[1.7e308], [-1.7e308]])
    assert standardisation(extremes).apply(extremes).tolist() == [[1.0], [-1.0]]
    far = np.array([[1.7e308], [-1.6e308], [-1.6e308], [-1.6e308]])  # farther apart than the largest float
    assert standardisation(far).apply(far)[:, 0] == pytest.approx([3**0.5, *[-(3**-0.5)] * 3])
    tiny = np.array([[5e-324], [1e-323], [0.0]])
    assert np.isfinite(standardisation(tiny).apply(tiny)).all()


@pytest.mark.parametrize(
    ("column", "deviation"),
    [
        (np.zeros(5), 1.0),
        (np.full(1001, 0.1), 1.0),
        (np.full(5, 1e300), 1.0),
        (np.array([0.3, 0.1 + 0.2, 0.3]), 1.0),
        (np.array([1.0, 1.0 + 1e-9]), 5e-10),
        (np.array([1e-300, 3e-300]), 1e-300),
    ],
)
def test_constant_columns_have_deviation_1(column: np.ndarray, deviation: float) -> None:
    assert standardisation(column[:, None]).deviation[0] == pytest.approx(deviation, rel=1e-6)


def test_a_weight_of_2_is_two_rows() -> None:
    x, weight = np.random.default_rng(0).standard_normal((5, 2)), np.array([1.0, 2.0, 1.0, 3.0, 1.0])
    one, other = standardisation(x, weight), standardisation(np.repeat(x, weight.astype(int), axis=0))
    assert np.allclose(one.mean, other.mean, rtol=1e-13, atol=1e-15)
    assert np.allclose(one.deviation, other.deviation, rtol=1e-13)
    assert np.array_equal(unscaled(x).apply(x), x)


@pytest.mark.parametrize("scale", [1e160, 1e-170, 1e300, 1e-300])
def test_fits_do_not_depend_on_units(scale: float, here: Path) -> None:
    found = []
    for factor in (1.0, scale):
        Path("t.csv").write_text(table(40, factor), encoding="utf-8")
        settings: dict[str, Any] = {"epochs": 30, "engine": "reference", "network": "3", "held_out": 0.25}
        labels = Fit("t.csv", target=("y",), drop=("z",), method="lbfgs", **settings).run()
        numbers = Fit("t.csv", target=("z",), drop=("y",), method="lm", **settings).run()
        score = predict(numbers, Path("t.csv")).score()
        assert score is not None
        assert score.rmse is not None
        found.append(
            (predict(labels, Path("t.csv")).outputs, predict(numbers, Path("t.csv")).outputs / factor, score.rmse / factor)
        )
        assert score.r2 == pytest.approx(1.0, abs=1e-2)
    for one, other in zip(*found, strict=True):
        assert np.allclose(one, other, rtol=1e-3, atol=1e-3)


def test_errors_of_any_size_are_measured() -> None:
    from netbp.experiments.preparation import Columns

    columns, truth = Columns(("y",), (), ("y",), ()), np.array([[1.0], [2.0], [4.0]])
    for scale in SCALES:
        score = score_of(columns, truth * scale * 1.25, truth * scale)
        assert score.rmse is not None
        assert score.r2 is not None
        assert score.rmse[0] / scale == pytest.approx(0.25 * 7**0.5)
        assert score.r2[0] == pytest.approx(1 - 0.0625 * 21 / (14 / 3))


# -- many columns, rows, classes ---------------------------------------------------------------------------------------


class Counting(str):
    """A name that counts how often it is compared."""

    compared = 0
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Counting.compared += 1
        return str.__eq__(self, other)


def test_the_work_grows_with_the_columns_and_not_with_their_square() -> None:
    n, N = 600, 6
    names = tuple(Counting(f"c{j}") for j in range(n))
    cells = (*(tuple(f"{(j * i) % 7}.5" for i in range(N)) for j in range(n - 1)), ("A", "B") * (N // 2))
    wide = Table("t", names, cells, tuple(range(N)), Reading("yes"))
    Counting.compared = 0
    ready = prepare(wide, (f"c{n - 1}",), tuple(f"c{j}" for j in range(0, n, 5)), "auto", None, 0.0, True, np.random.default_rng(0))
    assert len(ready.columns.inputs) == n - n // 5 - 1
    assert Counting.compared <= 20 * n  # a search among all names for each would be n^2/2, 15 times as many


@pytest.mark.parametrize(("columns", "rows"), [(2000, 4), (2, 4000), (33, 10)])
def test_wide_and_long_tables_are_fitted_and_predicted(columns: int, rows: int, here: Path) -> None:
    x = np.round(np.random.default_rng(0).standard_normal((rows, columns)), 3)
    names = [f"gene {j}" for j in range(columns)]
    lines = ["\t".join([*map(repr, row), "AB"[k % 2]]) for k, row in enumerate(x.tolist())]
    Path("t.tsv").write_text("\n".join(["\t".join([*names, "y"]), *lines]) + "\n", encoding="utf-8")
    fit = Fit("t.tsv", target=("y",), **QUICK)
    fit.run(save="r.npz")
    assert np.array_equal(fit.cells.numbers(names), x)
    answer = predict(Run.load("r.npz"), Path("t.tsv"))  # from its file, where long lists are kept as they are
    assert answer.columns.inputs == tuple(names)
    assert answer.answered.all()


def test_long_lists_of_names_stay_in_the_settings_and_long_arrays_do_not() -> None:
    names = [f"c{j}" for j in range(1000)]
    assert plain(names) == plain(tuple(names)) == names
    assert set(plain(np.arange(1000.0))) == {"shape", "sha256"}
    assert json.loads(json.dumps(plain({"names": names})))["names"] == names


def test_many_classes_print_the_worst_pairs_and_the_rest_goes_to_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    K = 120
    rows = "".join(f"{k + 0.1 * i},class {k:03d}\n" for k in range(K) for i in range(2))
    Path("t.csv").write_text(f"x,y\n{rows}", encoding="utf-8")
    assert main(["fit", "t.csv", "--target", "y", *WORDS, "--save", "r.npz", "--confusion", "c.csv"]) == 0
    out = capsys.readouterr().out
    assert len(out) < 4000
    assert "the 10 most frequent confusions of" in out
    assert "wrote c.csv: 120 classes" in out
    counts = Path("c.csv").read_text(encoding="utf-8").splitlines()
    assert len(counts) == 2 * K + 3
    assert main(["predict", "r.npz", "t.csv", "--out", "o.csv", "--confusion", "c.txt"]) == 0
    assert Path("c.txt").read_text(encoding="utf-8").count("class 119") == 2
    assert main(["predict", "r.npz", "t.csv", "--confusion", "c.png"]) == 2
    Path("n.csv").write_text("x\n1\n", encoding="utf-8")
    assert main(["predict", "r.npz", "n.csv", "--out", "o.csv", "--confusion", "c.txt"]) == 2


def test_pairs_are_sorted_and_the_right_ones_left_out() -> None:
    from netbp.experiments.preparation import Columns

    classes = tuple(f"c{k}" for k in range(12))
    counts = np.diag(np.full(12, 50))
    counts[3, 4], counts[0, 11], counts[5, 5] = 7, 9, 60
    score = Score(Columns(("y",), (), ("y",), classes), int(counts.sum()), confusion=counts)
    assert score.table().splitlines()[0] == "the 2 most frequent confusions; the whole matrix by --confusion FILE"
    assert [line.split() for line in score.table().splitlines()[2:]] == [["c0", "c11", "9"], ["c3", "c4", "7"]]
    assert score._replace(confusion=np.diag(np.full(12, 1))).table() == "no class is taken for another"
    few = Score(Columns(("y",), (), ("y",), ("a" * 500, "b")), 3, confusion=np.array([[1, 1], [0, 1]]))
    assert max(map(len, few.table().splitlines())) < 80


# -- runs of an earlier version ----------------------------------------------------------------------------------------


def test_runs_of_an_earlier_version_predict_and_are_explained(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(OLD, "old.npz")
    Path("old.csv").write_text(OLD_TABLE, encoding="utf-8")
    assert "reading" not in Run.load("old.npz").settings
    assert main(["predict", "old.npz", "old.csv"]) == 0
    out, told = capsys.readouterr()
    assert told == "6 of 6 right, 100.0 %\n"  # there 1, 1.0 and 01 were one label
    probability = [float(line.split(",")[-1]) for line in out.splitlines()[1:]]
    assert probability == pytest.approx([0.3319366617, 0.37110948, 0.6355152299, 0.7639855531, 0.2315284728, 0.6659146559])
    for command in ("explain", "check", "describe"):
        assert main([command, "old.npz"]) == 0
    Path("old.csv").write_text(OLD_TABLE.replace("0.25", "0.26"), encoding="utf-8")
    assert main(["explain", "old.npz"]) == 2
    assert "is not what it was" in capsys.readouterr().err


def test_labels_of_mat_files_are_names(here: Path) -> None:
    from scipy.io import savemat

    large = np.array([[9007199254740992, 9007199254740993] * 2], dtype=np.int64)
    savemat("d.mat", {"x": np.arange(4.0)[None], "y": large})
    assert Fit("d.mat", **QUICK).prepared.columns.classes == ("9007199254740992", "9007199254740993")
    assert np.asarray(nb.data.read_mat("d.mat").y).dtype == float
    savemat("d.mat", {"x": np.arange(4.0)[None], "y": np.array([[1.0, 2.0, 1.0, 2.0]])})
    fit = Fit("d.mat", **QUICK)
    assert fit.prepared.columns.classes == ("1", "2")
    assert fit.prepared.reading.header == "yes"
    Path("d.csv").write_text("y,x1\n1,0\n2,1\n", encoding="utf-8")  # the same columns in a file of another kind
    assert np.array_equal(predict(fit.run(), Path("d.csv")).outputs, predict(fit.run(), Path("d.mat")).outputs[:2])
    score = predict(fit.run(), Path("d.mat")).score()
    assert score is not None
    assert score.unknown == 0
