"""Tables of one's own: what is read, what is refused and where, and what `Fit` makes of it."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import numpy as np
import pytest

from netbp.data.categories import labels, one_hot
from netbp.data.dialect import number
from netbp.data.table import read_table
from netbp.experiments.loaded import best_of
from netbp.experiments.prediction import predict
from netbp.experiments.preparation import Columns, held_out_rows, prepare
from netbp.experiments.scores import confusion, score_of
from netbp.experiments.standardisation import standardisation
from netbp.experiments.table import Fit
from netbp.run import Run

GOOD = "x1,x2,label\n0,0,A\n0,1,A\n1,0,B\n1,1,B\n"


def written(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# -- refusals: file -> words that the message must have ---------------------------------------------------------------

LABELS, NUMBERS = ("label",), ("y",)
REFUSED = {
    "missing cell": (GOOD.replace("0,1,A", ",1,A"), LABELS, ["row 3", "'x1'", "empty"]),
    "missing last cell": (GOOD.replace("0,1,A", "0,1,"), LABELS, ["row 3", "'label'", "empty"]),
    "missing number": ("x,y\n1,2\n2,\n3,4\n5,6\n", NUMBERS, ["row 3", "'y'", "empty"]),
    "blank row": (GOOD.replace("0,1,A", ",,"), LABELS, ["row 3", "empty"]),
    "non-numeric": (GOOD.replace("0,1,A", "0,one,A"), LABELS, ["row 3", "'x2'", "'one'", "not a number"]),
    "grouped digits": (GOOD.replace("0,1,A", "1_000,1,A"), LABELS, ["row 3", "'x1'", "'1_000'"]),
    "column of text": (
        "name,x,label\nann,0,A\nbob,1,A\ncyd,2,B\ndan,3,B\n",
        LABELS,
        ["row 2", "'name'", "'ann'", "leave the column out"],
    ),
    "NaN": (GOOD.replace("0,1,A", "nan,1,A"), LABELS, ["row 3", "'x1'", "'nan'", "missing", "--missing drop"]),
    "infinity": (GOOD.replace("1,1,B", "1,-inf,B"), LABELS, ["row 5", "'x2'", "'-inf'", "finite"]),
    "overflow": (GOOD.replace("1,1,B", "1,1e999,B"), LABELS, ["row 5", "'x2'", "finite"]),
    "NaN as target": ("x,y\n1,2.5\n2,nan\n3,4\n", NUMBERS, ["row 3", "'y'", "missing"]),
    "NaN as label": (GOOD.replace("0,1,A", "0,1,NaN"), LABELS, ["row 3", "'label'", "missing", "--missing keep"]),
    "too few cells": (GOOD.replace("0,1,A", "0,1"), LABELS, ["row 3", "2 cells", "row 1 has 3"]),
    "too many cells": (GOOD.replace("1,1,B", "1,1,B,"), LABELS, ["row 5", "4 cells"]),
    "label seen once": (GOOD + "2,2,C\n", LABELS, ["row 6", "'label'", "'C'", "once"]),
    "one class": (GOOD.replace("B", "A"), LABELS, ["'label'", "one class", "'A'"]),
    "empty file": ("", LABELS, ["empty"]),
    "only blank lines": ("\n\n \n", LABELS, ["empty"]),
    "no rows": ("x1,x2,label\n", LABELS, ["no rows"]),
    "duplicate names": (GOOD.replace("x2", "x1"), LABELS, ["row 1", "'x1'", "columns 1 and 2"]),
    "nameless column": (GOOD.replace("x2", ""), LABELS, ["row 1", "column 2"]),
    "unknown target": (GOOD, ("labels",), ["no column 'labels'", "'x1', 'x2', 'label'"]),
    "no target": (GOOD, (), ["--target", "'x1', 'x2', 'label'"]),
    "target named twice": (GOOD, ("label", "label"), ["'label'", "twice"]),
    "target only": ("label\nA\nA\nB\nB\n", LABELS, ["no column besides"]),
    "several labels": (GOOD, ("label", "x1"), ["row 2", "'label'", "'A'"]),
    "half a header": ("x1,1,label\n0,0,A\n", LABELS, ["row 1", "--header"]),
    "binary": (b"\x00\x01\x02", LABELS, ["binary"]),
    "spreadsheet": (b"PK\x03\x04...", LABELS, [".xlsx", "CSV"]),
    "gzip": (b"\x1f\x8b\x08", LABELS, ["gzip"]),
    "Latin-1": (GOOD.replace("x2", "gr\xf6\xdfe").encode("latin-1"), LABELS, ["UTF-8", "line 1", "0xf6"]),
    "open quote": (GOOD.replace("0,1,A", '0,1,"A'), LABELS, ["row 3", "quotation"]),
    "too few to hold out": (GOOD, LABELS, ["4 rows", "--held-out 0"]),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused_with_row_and_column(fault: str, tmp_path: Path) -> None:
    content, target, words = REFUSED[fault]
    fit = Fit(written(tmp_path, content), target=target, held_out=0.1 if fault.startswith("too few to") else 0.0)
    with pytest.raises((ValueError, OSError)) as error:
        fit.problem()
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    if fault not in ("no target", "target named twice", "too few to hold out", "half a header"):
        assert "t.csv" in message


def test_the_good_table_is_accepted(tmp_path: Path) -> None:
    assert Fit(written(tmp_path, GOOD), target=LABELS, held_out=0.0).problem().N == 4


@pytest.mark.skipif(os.name != "posix", reason="pipes and devices")
def test_pipes_and_devices_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    for path, what in ((tmp_path / "t.csv", "a pipe"), (Path("/dev/zero"), "a device"), (Path("/dev/null"), "a device")):
        with pytest.raises(OSError, match=f"is {what}: give the name of a regular file"):
            read_table(path)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="folder"):
        read_table(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv")


SETTINGS_REFUSED = {
    "rate": {"rate": 0.0},
    "rate NaN": {"rate": float("nan")},
    "batch": {"batch": 0},
    "epochs": {"epochs": 0},
    "patience": {"patience": -1},
    "held-out": {"held_out": 1.0},
    "penalty": {"penalty": -1.0},
    "network inputs": {"network": "3-8-2"},
    "network outputs": {"network": "2-8-3"},
    "network text": {"network": "2-x-2"},
    "width": {"network": "0"},
    "method": {"method": "magic"},
    "lm with log loss": {"method": "lm", "cost": "softmax_log_loss"},
    "log loss of numbers": {"task": "regression", "target": ("x2",), "drop": ("label",), "cost": "softmax_log_loss"},
    "numbers of text": {"task": "regression"},
    "two columns of labels": {"task": "classification", "target": ("label", "x1")},
    "unknown column dropped": {"drop": ("x3",)},
    "target dropped": {"drop": ("label",)},
}


@pytest.mark.parametrize("fault", SETTINGS_REFUSED)
def test_settings_that_do_not_fit_are_refused(fault: str, tmp_path: Path) -> None:
    settings = {"target": LABELS, "held_out": 0.0} | SETTINGS_REFUSED[fault]
    with pytest.raises(ValueError):
        Fit(written(tmp_path, GOOD), **settings).problem()


# -- what is read ------------------------------------------------------------------------------------------------------

CELLS = [["x 1", "x;2", "la,bel"], ["1.5", "-2e3", "A, the first"], ["0.25", "7", 'B "quoted"'], ["3", "1e-300", "line\nbreak"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_every_dialect_gives_the_same_cells(delimiter: str, ending: str, mark: str, quoting: int, tmp_path: Path) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=ending, quoting=quoting).writerows(CELLS)
    table = read_table(written(tmp_path, mark + text.getvalue()))
    assert [list(table.names), *map(list, zip(*table.columns, strict=True))] == CELLS
    assert table.rows == (2, 3, 4)
    assert table.numbers(["x;2"])[:, 0].tolist() == [-2e3, 7.0, 1e-300]


def test_numbers_are_read_to_the_last_bit(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((50, 2)) * 10.0 ** np.arange(-150, 150, 6)[:50, None]
    rows = "\n".join(f"{a!r},{b!r}" for a, b in values.tolist())
    assert np.array_equal(read_table(written(tmp_path, f"a,b\n{rows}\n")).numbers(["a", "b"]), values)


def test_empty_lines_count_as_rows_and_blank_ends_do_not_matter(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "a,b\n1,2\n\n3,4\n,,\n\n".replace(",,", ",")))
    assert table.rows == (2, 4)
    assert table.columns == (("1", "3"), ("2", "4"))


def test_columns_are_numbered_without_a_header(tmp_path: Path) -> None:
    path = written(tmp_path, "1,2,0\n3,4,1\n")
    assert read_table(path).names == ("1", "2", "3")
    assert read_table(path, "yes").names == ("1", "2", "0")
    assert read_table(written(tmp_path, "a,1\nb,2\n"), "no").rows == (1, 2)


@pytest.mark.parametrize(("cell", "value"), [("1", 1.0), (" 1e3", 1e3), ("1_0", None), ("0x1", None), ("", None), ("1,5", None)])
def test_what_counts_as_a_number(cell: str, value: float | None) -> None:
    assert number(cell) == value


def test_labels_that_are_numbers_are_ordered_and_named_as_numbers(tmp_path: Path) -> None:
    table = read_table(written(tmp_path, "x,y\n0,10\n0,9\n0,10\n0,9\n"))
    codes, classes = labels(table, "y")
    assert classes == ("9", "10")
    assert codes.tolist() == [1, 0, 1, 0]
    assert one_hot(codes, 2).tolist() == [[0, 1], [1, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("column", "settings", "classes"),
    [
        (["a", "b"], {}, 2),
        (["0", "1"], {}, 2),
        (["0", "1"], {"network": "1-3-1"}, 0),
        (["0", "1"], {"task": "regression"}, 0),
        (["0", "1.5"], {}, 0),
        (["0", "1.5"], {"network": "1-3-2"}, 2),
        (["0", "1.5"], {"task": "classification"}, 2),
    ],
)
def test_numbers_or_categories(column: list[str], settings: dict[str, str], classes: int, tmp_path: Path) -> None:
    rows = "".join(f"{k},{cell}\n" for k, cell in enumerate(column * 3))
    fit = Fit(written(tmp_path, f"x,y\n{rows}"), target=("y",), **settings)
    assert len(fit.prepared.columns.classes) == classes
    assert fit.problem().network.sizes[-1] == fit.prepared.columns.outputs


@pytest.mark.parametrize(
    ("given", "sizes"),
    [("8", (2, 8, 2)), ("8-4", (2, 8, 4, 2)), ("2-2", (2, 2)), ("2-5-2", (2, 5, 2)), ("2-3-4-5-2", (2, 3, 4, 5, 2))],
)
def test_widths_in_full_or_of_the_hidden_layers(given: str, sizes: tuple[int, ...], tmp_path: Path) -> None:
    assert Fit(written(tmp_path, GOOD), target=LABELS, held_out=0.0, network=given).sizes == sizes


# -- splitting and scaling ---------------------------------------------------------------------------------------------


def test_the_split_is_stratified_and_repeatable() -> None:
    codes = np.repeat([0, 1, 2], [100, 50, 2])
    rows = held_out_rows(codes, 0.2, np.random.default_rng(3))
    assert np.bincount(codes[rows], minlength=3).tolist() == [20, 10, 0]
    assert len(set(rows.tolist())) == len(rows)
    assert np.array_equal(rows, held_out_rows(codes, 0.2, np.random.default_rng(3)))
    assert not np.array_equal(rows, held_out_rows(codes, 0.2, np.random.default_rng(4)))
    most = held_out_rows(codes, 0.999, np.random.default_rng(3))
    assert np.bincount(codes[np.setdiff1d(np.arange(152), most)]).min() == 1


def test_scaling_comes_from_the_training_part_and_can_be_undone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 2)) * [3.0, 1e-6] + [100.0, 5.0]
    lines = "".join(f"{a!r},{b!r},0.1,{k % 2}\n" for k, (a, b) in enumerate(x.tolist()))
    table = read_table(written(tmp_path, f"a,b,c,y\n{lines}"))
    ready = prepare(table, ("y",), (), "classification", None, 0.25, True, np.random.default_rng(1))
    train = np.asarray(ready.train.x)
    # Sums of 30 numbers of size up to mean/deviation, 5e6 in column b: rounding of that size times eps.
    assert np.abs(train.mean(axis=0)).max() < 30 * 5e6 * np.finfo(float).eps
    assert np.allclose(train[:, :2].std(axis=0), 1.0, rtol=1e-9)
    assert ready.x.deviation[2] == 1.0
    assert ready.held_out is not None
    assert np.allclose(ready.x.undo(np.asarray(ready.held_out.x)), table.numbers("abc")[ready.rows], rtol=4 * np.finfo(float).eps)
    kept = np.setdiff1d(np.arange(40), ready.rows)
    assert np.array_equal(ready.x.mean, table.numbers("abc")[kept].mean(axis=0))


def test_a_column_that_is_constant_up_to_rounding_has_deviation_1() -> None:
    assert standardisation(np.full((7, 1), 0.1)).deviation.tolist() == [1.0]
    assert standardisation(np.array([[1.0], [1.0 + 1e-9]])).deviation[0] < 1e-8


# -- fitting and predicting --------------------------------------------------------------------------------------------


def categories(folder: Path, separator: str = ",") -> Path:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60, 2)) * [1.0, 1000.0]
    lines = [separator.join((f"{a!r}", f"{b!r}", "up" if a + b / 1000 > 0 else "down")) for a, b in x.tolist()]
    return written(folder, separator.join(("a", "b", "way")) + "\n" + "\n".join(lines) + "\n", "ways.csv")


@pytest.mark.parametrize("method", ["sgd", "adam", "lm", "descent", "lbfgs", "newton-cg", "trust-region"])
@pytest.mark.parametrize("cost", ["auto", "quadratic"])
def test_fits_classify_a_separable_table(method: str, cost: str, tmp_path: Path) -> None:
    path = categories(tmp_path)
    fit = Fit(path, target=("way",), method=method, cost=cost, rate=0.5 if method in ("sgd", "descent") else 0.01, epochs=200)
    fit.run(save=tmp_path / "run.npz")
    predictions = predict(Run.load(tmp_path / "run.npz"), path)
    score = predictions.score()
    assert score is not None
    assert score.accuracy >= 0.9
    assert score.confusion is not None
    assert score.confusion.sum() == 60
    if predictions.probabilities:
        assert np.allclose(predictions.outputs.sum(axis=1), 1.0, rtol=8 * np.finfo(float).eps)


def test_regression_predicts_in_the_targets_own_units(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((80, 2))
    y = np.column_stack([1e6 + 1e5 * (x[:, 0] - x[:, 1]), 1e-3 * x[:, 0]])
    lines = "\n".join(",".join(map(repr, row)) for row in np.hstack([x, y]).tolist())
    path = written(tmp_path, f"a,b,price,size\n{lines}\n")
    fit = Fit(path, target=("price", "size"), method="lm", network="2-4-2", epochs=60)
    predictions = predict(fit.run(), path)
    score = predictions.score()
    assert score is not None
    assert score.r2 is not None
    assert score.r2.min() > 0.99
    assert np.allclose(predictions.outputs[:, 0], y[:, 0], rtol=0.02)


def test_the_best_held_out_parameters_are_kept_and_stop_the_training(tmp_path: Path) -> None:
    fit = Fit(categories(tmp_path), target=("way",), held_out=0.5, network="20", rate=0.1, patience=3, epochs=2000)
    run = fit.run()
    assert run.status == "stopped"
    assert run.best is not None
    assert np.array_equal(best_of(run), run.best.p)
    held = run.series["held_out"]
    assert fit.problem().held_out_value(best_of(run)) == held.values.min()
    assert held.steps[-1] - run.best.step == 3 * -(-fit.problem().N // 16)


def test_a_fit_resumes_bit_for_bit(tmp_path: Path) -> None:
    settings = {"target": ("way",), "patience": 0}
    path = categories(tmp_path)
    Fit(path, epochs=3, **settings).run(save=tmp_path / "half.npz")
    on = Fit(path, epochs=7, **settings).run(resume=tmp_path / "half.npz")
    whole = Fit(path, epochs=7, **settings).run()
    assert np.array_equal(on.p, whole.p)
    assert np.array_equal(on.costs, whole.costs)


def test_prediction_needs_the_inputs_and_nothing_else(tmp_path: Path) -> None:
    run = Fit(categories(tmp_path), target=("way",), epochs=2).run()
    full = predict(run, tmp_path / "ways.csv")
    bare = read_table(tmp_path / "ways.csv")
    rows = "\n".join(f"x;{b};{a}" for a, b in zip(bare.column("a"), bare.column("b"), strict=True))
    without = predict(run, written(tmp_path, f"other;b;a\n{rows}\n", "bare.csv"))
    assert np.array_equal(without.outputs, full.outputs)
    assert without.score() is None
    with pytest.raises(ValueError, match="lacks the column 'b'"):
        predict(run, written(tmp_path, "a\n1\n2\n", "short.csv"))


def test_predictions_are_written_as_a_table_that_can_be_read_again(tmp_path: Path) -> None:
    run = Fit(categories(tmp_path), target=("way",), epochs=2).run()
    predictions, text = predict(run, tmp_path / "ways.csv"), io.StringIO()
    predictions.write(text)
    again = predict(run, written(tmp_path, text.getvalue(), "again.csv"))
    assert again.table.names == ("a", "b", "way", "predicted way", "probability down", "probability up")
    assert np.array_equal(again.outputs, predictions.outputs)
    second = io.StringIO()
    again.write(second)
    assert second.getvalue() == text.getvalue()


def test_headerless_tables_are_matched_by_order(tmp_path: Path) -> None:
    path = written(tmp_path, "0.1,0,5.1\n0.2,0,5.2\n0.3,1,5.3\n0.4,1,5.5\n")
    run = Fit(path, target=("2",), task="classification", held_out=0.0, epochs=2).run()
    with_target, without = predict(run, path), predict(run, written(tmp_path, "0.1,5.1\n0.2,5.2\n", "new.csv"))
    assert np.array_equal(with_target.outputs[:2], without.outputs)


def test_labels_never_shown_count_as_wrong(tmp_path: Path) -> None:
    run = Fit(categories(tmp_path), target=("way",), epochs=50).run()
    score = predict(run, written(tmp_path, "a,b,way\n9,0,up\n9,0,sideways\n", "new.csv")).score()
    assert score is not None
    assert (score.accuracy, score.unknown) == (0.5, 1)
    assert "1 with labels" in str(score)


def test_scores_by_hand() -> None:
    assert confusion(np.array([0, 1, 1]), np.array([0, 0, -1]), 2).tolist() == [[1, 0], [1, 0]]
    columns = Columns(("x", "y"), ("x",), ("y",), ())
    score = score_of(columns, np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [6.0]]))
    assert score.rmse is not None
    assert score.r2 is not None
    assert score.rmse[0] == pytest.approx(3**0.5)
    assert score.r2[0] == pytest.approx(1 - 9 / 14)
