"""What a fitted network says of a table, and how right it is."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, get_args

import numpy as np

from netbp.data.dialect import SEPARATORS, Numbering, Reading
from netbp.data.table import Remedies, Table
from netbp.experiments.loaded import best_of, fitted, one_way, scales
from netbp.experiments.preparation import Columns, Missing, open_table
from netbp.experiments.scores import Score, confusion, score_of
from netbp.experiments.settings import told_of
from netbp.frames import Library, frame
from netbp.messages import counted, listed, shown
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Array, Indices, Matrix

if TYPE_CHECKING:
    from netbp.run import Run


class Predictions(NamedTuple):
    """What a network says of a table's rows.

    columns: what the network was fitted to. outputs: (N, n_L), probabilities or other outputs for categories, values in
    their own units for numbers; NaN for rows with missing inputs. predicted: (N,), the numbers of the categories, -1 for such rows,
    or none. truth: the targets' cells in the order of `columns.targets`, or none where the table lacks them. known: (N,), for which
    rows these are there. numbering: how the table's numbers are written. old: whether labels that are numbers are one for all ways
    of writing a number, as they were in runs of earlier versions.
    """

    table: Table
    columns: Columns
    outputs: Matrix
    predicted: Indices | None
    truth: tuple[tuple[str, ...], ...]
    probabilities: bool
    known: Array
    numbering: Numbering
    old: bool = False

    @property
    def answered(self) -> Array:
        """For which rows there is a prediction, (N,)."""
        return np.asarray(np.isfinite(self.outputs).all(axis=1))

    def score(self) -> Score | None:
        """How right the predictions are, over the rows whose truth is known, or None where it is of none."""
        rows = np.flatnonzero(self.known & self.answered) if self.truth else np.empty(0, dtype=np.int64)
        if not len(rows):
            return None
        untold = len(self.outputs) - len(rows)
        if self.predicted is None:
            truth = [[self.numbering.number(cells[i]) for i in rows] for cells in self.truth]
            return score_of(self.columns, self.outputs[rows], np.array(truth, dtype=float).T)._replace(untold=untold)
        places = {name: k for k, name in enumerate(self.columns.classes)}
        codes = np.array([places.get(self._label(self.truth[0][i]), -1) for i in rows])
        counts = confusion(self.predicted[rows], codes, len(places))
        return Score(self.columns, len(codes), confusion=counts, unknown=int((codes < 0).sum()), untold=untold)

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each of the table's: the predicted category or numbers in their own units; of categories each probability."""
        names, _ = self._added()
        values = list(self.outputs.T)
        said = [] if self.predicted is None else [self._said(None)]
        return frame(dict(zip(names, [*said, *values], strict=True)), library)

    def write(self, file: TextIO) -> None:
        """The table with its predictions as CSV: per category its probability, or `output` where outputs are not probabilities.

        Separator and decimal mark are the table's own, commas where it has blanks. Rows with missing inputs have empty cells there.
        """
        names, columns = self._added()
        kept = [j for j, name in enumerate(self.table.names) if name not in set(names)]
        separator = SEPARATORS.get(self.table.reading.separator, ",").replace(" ", ",")
        writer = csv.writer(file, delimiter=separator, lineterminator="\n")
        writer.writerow([*(self.table.names[j] for j in kept), *names])
        writer.writerows(zip(*(self.table.columns[j] for j in kept), *columns, strict=True))

    def _added(self) -> tuple[list[str], list[list[Any]]]:
        mark = self.numbering.decimal
        values = [
            ["" if np.isnan(value) else f"{value:.10g}".replace(".", mark) for value in column]
            for column in self.outputs.T.tolist()
        ]
        if self.predicted is None:
            return [f"predicted {name}" for name in self.columns.targets], values
        word = "probability" if self.probabilities else "output"
        names = [f"predicted {self.columns.targets[0]}", *(f"{word} {name}" for name in self.columns.classes)]
        return names, [self._said(""), *values]

    def _said(self, nothing: Any) -> list[Any]:
        assert self.predicted is not None
        return [nothing if k < 0 else self.columns.classes[k] for k in self.predicted.tolist()]

    def _label(self, cell: str) -> str:
        return one_way(cell) if self.old else cell


def predict(run: Run, path: Path, asked: Mapping[str, Any] | None = None) -> Predictions:
    """Apply a run of `Fit` to a table, with the run's own standardisation and its best parameters.

    The table is read as the run's was: with the same settings, and the same names. asked: settings of the reading that shall be
    others, fields of `Reading` and `missing`. Rows with missing inputs are refused, or with `missing` "drop" not answered.

    Raises ValueError when the run is not of a fit, when a column that the network needs is missing, and for all that
    `netbp.data.table` refuses in those columns; the target's columns need not be there.
    """
    columns, network = fitted(run)
    told = {**told_of(run.settings)[1], **(asked or {})}
    found = Reading.told(run.settings["reading"]) if "reading" in run.settings else None
    table = _table(path, columns, told, found)
    lacking = [name for name in columns.inputs if name not in table.places]
    if lacking:
        what = "the column" if len(lacking) == 1 else f"the {counted(len(lacking), 'column')}"
        raise ValueError(
            f"{table.source} lacks {what} {listed(lacking)} that the network was fitted to: it has {listed(table.names)}"
        )
    there = columns.targets if all(len(table.places.get(name, ())) == 1 for name in columns.targets) else ()
    how = table.numbering((*columns.inputs, *there), "auto" if found is None else found.decimal)
    missing: Missing = told.get("missing", "refuse")
    if missing not in get_args(Missing):
        raise ValueError(f"missing can be {', '.join(get_args(Missing))}, but {shown(repr(missing))} was asked for")
    answered = _complete(table, columns.inputs, how, missing)
    x_scale, y_scale = scales(run, columns)
    problem = _problem(run, network)
    some = table.kept(np.flatnonzero(answered)) if not answered.all() else table
    x = x_scale.apply(some.numbers(columns.inputs, how, Remedies(text="correct it, for the network was fitted to this column")))
    if len(far := np.argwhere(~np.isfinite(x))):
        place = some.place(some.rows[far[0, 0]], columns.inputs[far[0, 1]])
        raise ValueError(f"{place} is too far from the numbers that the network was fitted to: correct it, or delete the row")
    outputs = np.full((len(table.rows), network.sizes[-1]), np.nan)
    if len(x):
        outputs[answered] = y_scale.undo(problem.predict(best_of(run), x))
    predicted = np.where(answered, outputs.argmax(axis=1), -1) if columns.classes else None
    truth = tuple(table.column(name) for name in there)
    known = _known(table, columns, how, missing) if truth else np.zeros(len(table.rows), dtype=bool)
    probable = run.settings["problem"]["cost"] == "softmax_log_loss"
    return Predictions(table, columns, outputs, predicted, truth, probable, known, how, found is None)


def _table(path: Path, columns: Columns, told: Mapping[str, Any], found: Reading | None) -> Table:
    """The table, named as the run's was; where that has no header, one without the targets has the other columns in their order."""
    if path.suffix.lower() == ".mat":
        try:
            return open_table(path)
        except ValueError:
            return open_table(path, targets=False)  # no targets: they are not needed
    reading = Reading.told(told)
    named = not all(name.isdecimal() for name in columns.columns) if found is None else found.header == "yes"
    if reading.header == "auto" and (found is not None or not named):
        reading = reading._replace(header="yes" if named else "no")
    table = open_table(path, reading, found)
    if named:
        return table
    for names in (columns.columns, tuple(name for name in columns.columns if name not in columns.targets), columns.inputs):
        if len(table.names) == len(names):
            return replace(table, names=names)
    return table


def _complete(table: Table, inputs: tuple[str, ...], how: Numbering, missing: Missing) -> Array:
    """For which rows no input is missing, (N,). Raises ValueError where some are and that was not asked for."""
    gaps = np.zeros(len(table.rows), dtype=bool)
    for name in inputs if missing == "drop" else ():
        gaps[table.gaps(name, how)] = True
    if missing != "drop":
        remedy = "fill it in or delete the row, or say --missing drop, which gives no answer for such rows"
        table.numbers(inputs, how, Remedies(remedy, "correct it, for the network was fitted to this column"))
    return ~gaps


def _known(table: Table, columns: Columns, how: Numbering, missing: Missing) -> Array:
    """For which rows the targets are there, (N,): numbers for a regression, labels that stand for no missing value."""
    known = np.ones(len(table.rows), dtype=bool)
    for name in columns.targets:
        cells = table.column(name)
        if not columns.classes:
            found = [how.number(cell) for cell in cells]
            known &= [value is not None and bool(np.isfinite(value)) for value in found]
        else:
            known[[i for i in table.gaps(name, how) if missing != "keep" or not cells[i]]] = False
    return known


def _problem(run: Run, network: Network) -> Problem:
    """The cost of the run, on a point that stands in for the data, which are not needed to predict."""
    from netbp.experiments.settings import cost_of
    from netbp.types import Data

    point = Data(np.zeros((1, network.sizes[0])), np.zeros((1, network.sizes[-1])))
    return Problem(network, cost_of(run.settings["problem"]["cost"]), point)
