"""What a fitted network says of a table, and how right it is."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import numpy as np

from netbp.data.table import Table, listed, number
from netbp.experiments.preparation import Columns, Scale, open_table
from netbp.experiments.settings import rebuilt
from netbp.frames import Library, frame
from netbp.network import Network
from netbp.problem import Problem
from netbp.types import Indices, Matrix, Vector

if TYPE_CHECKING:
    from netbp.run import Run


class Predictions(NamedTuple):
    """What a network says of a table's rows.

    columns: what the network was fitted to. outputs: (N, n_L), probabilities or other outputs for categories, values in
    their own units for numbers. predicted: (N,), the numbers of the categories, or none. truth: the targets' cells in the order of
    `columns.targets`, or none where the table lacks them.
    """

    table: Table
    columns: Columns
    outputs: Matrix
    predicted: Indices | None
    truth: tuple[tuple[str, ...], ...]
    probabilities: bool

    def score(self) -> Score | None:
        """How right the predictions are, or None where the truth is not known for every row."""
        if not self.truth or not all(all(cells) for cells in self.truth):
            return None
        if self.predicted is None:
            return score_of(self.columns, self.outputs, self.table.numbers(self.columns.targets))
        places = {name: k for k, name in enumerate(self.columns.classes)}
        codes = np.array([places.get(label_of(cell, self.columns.classes), -1) for cell in self.truth[0]])
        return Score(
            self.columns, len(codes), confusion=confusion(self.predicted, codes, len(places)), unknown=int((codes < 0).sum())
        )

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each of the table's: the predicted category or numbers in their own units; of categories each probability."""
        names, _ = self._added()
        values = list(self.outputs.T)
        said = [] if self.predicted is None else [[self.columns.classes[k] for k in self.predicted]]
        return frame(dict(zip(names, [*said, *values], strict=True)), library)

    def write(self, file: TextIO) -> None:
        """The table with its predictions as CSV: per category its probability, or `output` where outputs are not probabilities."""
        names, columns = self._added()
        kept = [j for j, name in enumerate(self.table.names) if name not in names]
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*(self.table.names[j] for j in kept), *names])
        writer.writerows(zip(*(self.table.columns[j] for j in kept), *columns, strict=True))

    def _added(self) -> tuple[list[str], list[list[str]]]:
        values = [[f"{value:.10g}" for value in column] for column in self.outputs.T]
        if self.predicted is None:
            return [f"predicted {name}" for name in self.columns.targets], values
        word = "probability" if self.probabilities else "output"
        said = [self.columns.classes[k] for k in self.predicted]
        names = [f"predicted {self.columns.targets[0]}", *(f"{word} {name}" for name in self.columns.classes)]
        return names, [said, *values]


class Score(NamedTuple):
    """How right predictions are.

    For categories: confusion, (classes, classes), predicted by true; unknown: how many labels the network was never shown. For
    numbers: rmse and r2, (targets,), in their own units.
    """

    columns: Columns
    points: int
    confusion: Indices | None = None
    unknown: int = 0
    rmse: Vector | None = None
    r2: Vector | None = None

    @property
    def accuracy(self) -> float:
        """The share that is right."""
        assert self.confusion is not None
        return float(np.trace(self.confusion)) / self.points

    def __str__(self) -> str:
        if self.confusion is None:
            assert self.rmse is not None
            assert self.r2 is not None
            lines = zip(self.columns.targets, self.rmse, self.r2, strict=True)
            return "; ".join(f"{name}: RMSE {rmse:.4g}, R^2 {r2:.4f}" for name, rmse, r2 in lines)
        right = int(np.trace(self.confusion))
        strange = f" ({self.unknown} with labels that the network does not know)" if self.unknown else ""
        return f"{right} of {self.points} right, {100 * self.accuracy:.1f} %{strange}"

    def table(self) -> str:
        """The confusion counts, rows predicted, columns true, as in figure 13."""
        assert self.confusion is not None
        width = max(7, *(len(name) for name in self.columns.classes)) + 2
        lines = ["predicted \\ true".ljust(18) + "".join(name.rjust(width) for name in self.columns.classes)]
        for name, counts in zip(self.columns.classes, self.confusion, strict=True):
            lines.append(name.ljust(18) + "".join(str(count).rjust(width) for count in counts))
        return "\n".join(lines)


def predict(run: Run, path: Path) -> Predictions:
    """Apply a run of `Fit` to a table, with the run's own standardisation and its best parameters.

    Raises ValueError when the run is not of a fit, when a column that the network needs is missing, and for all that
    `netbp.data.table` refuses in those columns; the target's columns need not be there.
    """
    columns, network = fitted(run)
    table = _table(path, columns)
    missing = [name for name in columns.inputs if name not in table.names]
    if missing:
        raise ValueError(
            f"{table.source} lacks the column{'s' * (len(missing) > 1)} {listed(missing)} that the network was fitted to: "
            f"it has {listed(table.names)}"
        )
    x_scale, y_scale = scales(run)
    problem = _problem(run, network)
    outputs = y_scale.undo(problem.predict(best_of(run), x_scale.apply(table.numbers(columns.inputs))))
    predicted = np.asarray(outputs.argmax(axis=1)) if columns.classes else None
    known = all(name in table.names for name in columns.targets)
    truth = tuple(table.column(name) for name in columns.targets) if known else ()
    return Predictions(table, columns, outputs, predicted, truth, run.settings["problem"]["cost"] == "softmax_log_loss")


def fitted(run: Run) -> tuple[Columns, Network]:
    """What a run of `Fit` was fitted to, and its network. Raises ValueError for another run."""
    if run.settings.get("experiment") != "fit" or "columns" not in run.settings:
        raise ValueError(
            f"the run is not of a fit but of {run.settings.get('experiment') or 'a program'}: predict needs a run of `netbp fit`"
        )
    told = {name: tuple(values) for name, values in run.settings["columns"].items()}
    return Columns(**told), network_of_run(run.settings)


def network_of_run(settings: Mapping[str, Any]) -> Network:
    """The network that a run trained, from its settings. Raises ValueError when its activations are not netbp's own."""
    from netbp import activations
    from netbp.experiments.settings import ActivationName, chosen
    from netbp.written import layer_written

    described = settings["problem"]["network"]
    sigmas = [chosen(activations, ActivationName, name, "activation") for name in described["activations"]]
    if "layers" in described:
        return Network.chain(tuple(described["input"]), *map(layer_written, described["layers"]))
    return Network.dense(*described["sizes"], activation=sigmas)


def best_of(run: Run) -> Vector:
    """The parameters that count: those with the lowest held-out cost, or without held-out points the last."""
    return run.p if run.best is None else run.best.p


def problem_of(run: Run) -> Problem:
    """The problem that a saved run was trained on, made anew by its experiment. Raises ValueError where none of ours made it."""
    from netbp.experiments import from_settings
    from netbp.experiments.table import Fit

    settings = run.settings
    experiment: Any = rebuilt(Fit, settings["fields"]) if settings.get("experiment") == "fit" else from_settings(settings)
    problem: Problem = experiment.problem()
    return problem


def scales(run: Run) -> tuple[Scale, Scale]:
    """The standardisation of inputs and targets that a run of `Fit` keeps."""
    x, y = (Scale(run.arrays[f"{name}_mean"], run.arrays[f"{name}_deviation"]) for name in ("x", "y"))
    return x, y


def confusion(predicted: Indices, truth: Indices, classes: int) -> Indices:
    """How often each category was predicted, (classes, classes), rows predicted, columns true; truth -1 counts nowhere."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (predicted[truth >= 0], truth[truth >= 0]), 1)
    return counts


def score_of(columns: Columns, outputs: Matrix, truth: Matrix) -> Score:
    """How right outputs are, both in the targets' own units: (N, targets), or probabilities and one-hot targets (N, classes)."""
    if columns.classes:
        table = confusion(outputs.argmax(axis=1), truth.argmax(axis=1), len(columns.classes))
        return Score(columns, len(truth), confusion=table)
    squares = ((outputs - truth) ** 2).sum(axis=0)
    spread = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # a target without spread has no R^2: NaN or -infinity says so
        r2 = 1.0 - squares / spread
    return Score(columns, len(truth), rmse=np.sqrt(squares / len(truth)), r2=r2)


def label_of(cell: str, classes: tuple[str, ...]) -> str:
    """The cell as a category's name: 1.0 is the label 1 where the labels are numbers."""
    value = number(cell)
    return cell if cell in classes or value is None else f"{value:.17g}"


def _table(path: Path, columns: Columns) -> Table:
    """The table; where neither file has a header, a table without the target has the inputs in their order."""
    if path.suffix.lower() == ".mat":
        try:
            return open_table(path)
        except ValueError:
            return open_table(path, targets=False)  # no targets: they are not needed
    table = open_table(path)
    numbered = all(name.isdecimal() for name in columns.columns) and all(name.isdecimal() for name in table.names)
    return table._replace(names=columns.inputs) if numbered and len(table.names) == len(columns.inputs) else table


def _problem(run: Run, network: Network) -> Problem:
    """The cost of the run, on a point that stands in for the data, which are not needed to predict."""
    from netbp.experiments.settings import cost_of
    from netbp.types import Data

    point = Data(np.zeros((1, network.sizes[0])), np.zeros((1, network.sizes[-1])))
    return Problem(network, cost_of(run.settings["problem"]["cost"]), point)
