"""Confusion matrices: the paper's two, digit for digit, and the laws of any other."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from netbp.confusion import TINTS, Cell, Confusion, kind, percentage

PAPER = json.loads((Path(__file__).parent / "data" / "confusion.json").read_text())
SLIPS = {(13, 1): "86.9", (14, 0): "84.7", (14, 8): "91.5"}
"""Part of figure, column: what the counts say where the transcribed text has a wrong digit (docs/errata.md, item 4)."""


def paper(figure: int) -> Confusion:
    return Confusion(np.array(PAPER[str(figure)]["counts"]), tuple(PAPER["classes"]))


@pytest.mark.parametrize(("figure", "right", "accuracy"), [(13, 8_013, "80.1%"), (14, 8_107, "81.1%")])
def test_the_papers_matrices_have_its_totals(figure, right, accuracy):
    confusion = paper(figure)
    assert (confusion.right, confusion.total) == (right, 10_000)
    assert confusion.accuracy == right / 10_000
    assert confusion.cells[10][10].above == accuracy
    assert (confusion.counts.sum(axis=0) == 1_000).all()


@pytest.mark.parametrize("figure", [13, 14])
def test_every_percentage_that_the_paper_prints_comes_out(figure):
    confusion, printed = paper(figure), PAPER[str(figure)]
    cells = [[cell.below for cell in row[:10]] for row in confusion.cells[:10]]
    assert cells == [[f"{value}%" for value in row] for row in printed["percentages"]]
    assert [list(row[10]) for row in confusion.cells[:10]] == [[f"{right}%", f"{wrong}%"] for right, wrong in printed["rows"]]
    columns = [[SLIPS.get((figure, j), right), wrong] for j, (right, wrong) in enumerate(printed["columns"])]
    assert [list(cell) for cell in confusion.cells[10]] == [[f"{right}%", f"{wrong}%"] for right, wrong in columns]


def test_each_slip_of_the_transcription_contradicts_the_number_below_it():
    for (figure, column), right in SLIPS.items():
        printed, wrong = (float(value) for value in PAPER[str(figure)]["columns"][column])
        assert printed + wrong != pytest.approx(100.0)
        assert float(right) + wrong == pytest.approx(100.0)


def test_dropout_gives_five_larger_diagonal_entries_and_not_nine():
    change = np.diagonal(paper(14).counts) - np.diagonal(paper(13).counts)
    assert [int((np.sign(change) == sign).sum()) for sign in (1, 0, -1)] == [5, 1, 4]


@pytest.mark.parametrize(("n", "shown"), [(905, "9.0%"), (25, "0.3%"), (45, "0.4%"), (5, "0.1%"), (0, "0.0%"), (10_000, "100.0%")])
def test_percentages_round_as_the_paper_does(n, shown):
    assert percentage(n, 10_000) == shown


def random_outputs(K: int, N: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(K)
    return np.round(rng.standard_normal((N, K)), 1), rng.integers(0, K, N)  # rounded, so that some outputs are equal


@pytest.mark.parametrize("K", [2, 3, 10])
def test_rows_are_predictions_columns_truths_and_ranks_agree_with_them(K):
    outputs, true = random_outputs(K)
    names = tuple(f"class {k}" for k in range(K))
    confusion = Confusion.ranked(outputs, true, names)
    predicted = outputs.argmax(axis=1)
    for i in range(K):
        for j in range(K):
            assert confusion.counts[i, j] == np.count_nonzero((predicted == i) & (true == j))
    np.testing.assert_array_equal(confusion.counts, Confusion.counted(predicted, true, names).counts)
    assert confusion.top(1) == confusion.accuracy == np.mean(predicted == true)
    assert confusion.top(K) == 1.0
    assert all(confusion.top(k) <= confusion.top(k + 1) for k in range(1, K))
    order = np.argsort(-outputs, axis=1, kind="stable")
    assert confusion.top(2) == np.mean((order[:, :2] == true[:, None]).any(axis=1))
    np.testing.assert_allclose(confusion.recall, [np.mean(predicted[true == k] == k) for k in range(K)])
    np.testing.assert_allclose(confusion.precision, [np.mean(true[predicted == k] == k) for k in range(K)])


def test_a_class_that_never_is_predicted_has_no_precision():
    confusion = Confusion.counted([0, 0, 0], [0, 0, 1], ("a", "b"))
    assert np.isnan(confusion.precision[1])
    assert confusion.cells[1][2] == Cell("–", "–")
    assert confusion.csv().splitlines()[3] == "b,count,0,0,"
    empty = Confusion.ranked(np.empty((0, 2)), np.empty(0, int), ("a", "b"))
    assert np.isnan([empty.accuracy, empty.top(1), *empty.recall]).all()
    assert "–" in empty.text()


def test_text_csv_and_latex_say_the_same():
    confusion = paper(13)
    parts = [part for row in confusion.cells for cell in row for part in cell]
    lines = confusion.text().splitlines()
    assert "Target Class" in lines[0]
    assert lines[1].split() == ["Output", "Class", *PAPER["classes"], "all"]
    numbers = [word for line in lines[2:] for word in line.split() if word[0].isdigit()]
    rows = [[cell[part] for cell in row] for row in confusion.cells for part in (0, 1)]
    assert numbers == [number for row in rows for number in row]
    assert len({len(line) for line in lines[1:]}) == 1
    table = list(csv.reader(StringIO(confusion.csv())))
    assert table[0] == ["Output Class", "", *PAPER["classes"], "all"]
    assert [row[2:] for row in table[1:]] == [[number.removesuffix("%") for number in row] for row in rows]
    latex = confusion.latex()
    for part in set(parts):
        assert part.replace("%", r"\%") in latex
    assert latex.count(r"\cellcolor{confusionright}") == 2 * 10
    assert latex.count("{") == latex.count("}")


def test_names_are_escaped_for_latex_and_quoted_in_csv():
    confusion = Confusion.counted([0, 1], [0, 1], ("50% & more_", "a, b"))
    assert r"50\% \& more\_" in confusion.latex()
    assert '"a, b",count' in confusion.csv()
    assert Confusion.counted([0], [0], ("all",)).csv().splitlines()[1] == "all,count,1,100.0"


def luminance(tint: str) -> float:
    parts = [int(tint[k : k + 2], 16) / 255 for k in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_black_letters_are_legible_on_every_tint():
    assert {kind(i, j, 2) for i in range(3) for j in range(3)} == set(TINTS)
    for tint in TINTS.values():
        assert (luminance(tint) + 0.05) / 0.05 > 12  # WCAG asks for 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [0], ("a", "b")), "2 predictions for 1 points"),
        (([0, 2], [0, 1], ("a", "b")), "0 to 1, but they are int64 of shape .2,., from 0 to 2"),
        (([0.0], [0], ("a", "b")), "predicted classes must be one whole number"),
        (([[0]], [0], ("a", "b")), "shape .1, 1."),
        (([0], [-1], ("a", "b")), "true classes"),
    ],
)
def test_wrong_classes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Confusion.counted(*arguments)


def test_wrong_counts_outputs_and_top_k_are_refused():
    with pytest.raises(ValueError, match="2 by 2 whole numbers"):
        Confusion(np.ones((2, 3), int), ("a", "b"))
    with pytest.raises(ValueError, match="outputs of shape"):
        Confusion.ranked(np.ones((2, 3)), [0, 1], ("a", "b"))
    with pytest.raises(ValueError, match=r"use Confusion\.ranked"):
        paper(13).top(5)
    with pytest.raises(ValueError, match="k can be 1 to 2"):
        Confusion.ranked(np.eye(2), [0, 1], ("a", "b")).top(3)
