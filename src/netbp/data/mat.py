"""MATLAB's .mat files: points and targets in, a run's parameters and costs out."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from netbp.data import mat_reader
from netbp.data.dialect import Reading
from netbp.data.mat_reader import Foreign
from netbp.data.table import Table
from netbp.files import named, write_atomically
from netbp.messages import listed
from netbp.network import Network
from netbp.types import Array, Data, Matrix

Points = Literal["auto", "columns", "rows"]


class Recorded(Protocol):
    """What `write_mat` needs of a run."""

    @property
    def p(self) -> Any: ...  # noqa: D102
    @property
    def costs(self) -> Any: ...  # noqa: D102
    @property
    def series(self) -> Mapping[str, Any]: ...  # noqa: D102


def read_mat(path: str | Path, x: str = "x", y: str | None = "y", points: Points = "auto") -> Data:
    """Read points and targets from a .mat file (versions 4 to 7): Data with one point per row, x (N, n_1) and y (N, n_L).

    x: the name of the variable with the inputs, or of vectors that are numbered: without a variable `x`, the vectors x1, x2, ... of
    Listing 6.1 are its components. y: the name of the targets; None reads none. points: whether points are the variables'
    "columns", as in the listing (y is 2 by 10 there), or their "rows". "auto" takes the axis that x and y have in common;
    where both fit, the longer one, and columns where they are equally long; where only the shorter axis of both fits, it asks.

    The file is parsed in a process of its own, whose memory and time are bounded by the file's size. Raises ValueError when it is
    not a .mat file or a damaged one, lacks a variable, or holds one that is not real, finite numbers or does not fit; OSError when
    it cannot be read.
    """
    inputs, targets = _points(Path(path), x, y, points)
    return Data(inputs.astype(float), None if targets is None else targets.astype(float))


def _points(path: Path, x: str, y: str | None, points: Points) -> tuple[Array, Array | None]:
    """What `read_mat` reads, whole numbers as they are: those beyond 2^53 are no floats."""
    variables = mat_reader.variables(path, x, y)
    if x in variables:
        inputs = _matrix(variables, x, path)
    else:
        inputs = _numbered(variables, x, path)
        if points == "rows":
            inputs = inputs.T
    if y is None:
        rows = points == "rows" or (points == "auto" and x in variables and inputs.shape[0] > inputs.shape[1])
        return np.ascontiguousarray(inputs if rows else inputs.T), None
    targets = _matrix(variables, y, path)
    if _columns(inputs.shape, targets.shape, points, path, x, y):
        inputs, targets = inputs.T, targets.T
    return np.ascontiguousarray(inputs), np.ascontiguousarray(targets)


def mat_table(path: str | Path, targets: bool = True) -> Table:
    """A .mat file's points x and targets y as a table, to fit and to predict like a CSV file.

    The columns are x1, ..., x<n_1> and y, or y1, ..., y<n_L>; targets as in (5), one 1 among zeros, become one column y with the
    category's number, from 1 as MATLAB counts. Whole numbers are written without a point. targets: whether to ask for y. Raises as
    `read_mat` does.
    """
    x, y = _points(Path(path), "x", "y" if targets else None, "auto")
    columns = {f"x{j}": x[:, j - 1] for j in range(1, x.shape[1] + 1)}
    if y is not None:
        if y.shape[1] > 1 and bool(np.isin(y, (0.0, 1.0)).all()) and bool((y.sum(axis=1) == 1.0).all()):
            y = y.argmax(axis=1)[:, None] + 1
        columns |= {"y" if y.shape[1] == 1 else f"y{j}": y[:, j - 1] for j in range(1, y.shape[1] + 1)}
    cells = tuple(tuple(map(_cell, column.tolist())) for column in columns.values())
    return Table(Path(path).name, tuple(columns), cells, tuple(range(1, len(x) + 1)), Reading("yes", "comma", "point"))


def _cell(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 2.0**63 else repr(value)


def write_mat(run: Recorded, path: str | Path, network: Network) -> None:
    """Write a run's parameters and costs for MATLAB: W2, b2, ..., p and savecost with savestep, all columns as MATLAB has them.

    savecost, (n, 1): the recorded costs, named as Listing 6.1 names them; savestep, (n, 1): the steps after which they were
    recorded. Raises ValueError when the run trained an ensemble or another network; NotWrittenError when it cannot be written.
    """
    from scipy.io import savemat

    p = np.asarray(run.p)
    if p.ndim != 1:
        raise ValueError(f"a .mat file holds the parameters of one network, but the run trained {len(p)}")
    variables: dict[str, Array] = {}
    for l, (W, b) in enumerate(network.views(p), start=2):
        variables |= {f"W{l}": W, f"b{l}": b}
    variables |= {"p": p, "savecost": np.asarray(run.costs)}
    if "cost" in run.series:
        variables["savestep"] = np.asarray(run.series["cost"].steps, dtype=float)
    content = io.BytesIO()
    savemat(content, variables, oned_as="column")
    write_atomically(path, content.getvalue())


def _matrix(variables: Mapping[str, Array | Foreign], name: str, path: Path) -> Matrix:
    if name not in variables:
        raise ValueError(f"{path.name} has no variable {name!r}: it holds {listed(list(variables)) or 'none'}")
    value = variables[name]
    if isinstance(value, Foreign) or value.size == 0:
        kind, size = (value.kind if isinstance(value, Foreign) else value.dtype.name), " by ".join(map(str, value.shape))
        what = "of complex numbers" if kind == "complex" else f"of class {kind} and size {size}"
        raise ValueError(f"{path.name}: variable {name!r} is {what}, but a matrix of real numbers is needed")
    array = value if value.dtype.kind in "iu" else value.astype(float)
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        i, j = bad[0] + 1
        raise ValueError(f"{path.name}: {name}({i},{j}) is {array[i - 1, j - 1]}: correct it or leave the point out")
    return array


def _numbered(variables: Mapping[str, Array | Foreign], name: str, path: Path) -> Matrix:
    """x1, x2, ... as the rows of one matrix."""
    vectors: list[Matrix] = []
    while f"{name}{len(vectors) + 1}" in variables:
        vectors.append(_matrix(variables, f"{name}{len(vectors) + 1}", path))
    if not vectors:
        raise ValueError(
            f"{path.name} has neither a variable {name!r} nor {name}1, {name}2, ...: it holds {named(listed(list(variables)))}"
        )
    for j, vector in enumerate(vectors, start=1):
        if 1 not in vector.shape or vector.size != vectors[0].size:
            raise ValueError(
                f"{path.name}: {name}1 has size {vectors[0].shape} and {name}{j} {vector.shape}: they must be vectors of one length"
            )
    return np.stack([vector.ravel() for vector in vectors])


def _columns(x: tuple[int, ...], y: tuple[int, ...], points: Points, path: Path, x_name: str, y_name: str) -> bool:
    """Whether the points are the columns."""
    fits = {"columns": x[1] == y[1], "rows": x[0] == y[0]}
    if points != "auto":
        if not fits[points]:
            raise ValueError(f"{path.name}: {x_name} is {x} and {y_name} is {y}, so they have different numbers of {points}")
        return points == "columns"
    if not any(fits.values()):
        raise ValueError(
            f"{path.name}: {x_name} is {x[0]} by {x[1]} and {y_name} is {y[0]} by {y[1]}: neither their columns nor their rows "
            "can be the same points"
        )
    if all(fits.values()):
        return x[1] >= x[0]
    common = 1 if fits["columns"] else 0
    if x[common] < x[1 - common] and y[common] < y[1 - common]:
        raise ValueError(  # ten points in rows, one of them lost in x, look like this too
            f"{path.name}: {x_name} is {x[0]} by {x[1]} and {y_name} is {y[0]} by {y[1]}: are these {x[common]} points in "
            f"{'columns' if common else 'rows'}? Say so with points=, or give {x_name} and {y_name} the same number of points"
        )
    return fits["columns"]
