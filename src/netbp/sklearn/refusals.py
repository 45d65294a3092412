"""What the estimators refuse, by row and column: cells that are no finite numbers, ragged rows, labels that cannot be learnt.

scikit-learn's own checks run first; where they refuse, the cell that they mean is looked for. Rows and columns count from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from netbp.plain import KINDS, of_another_kind
from netbp.types import Array, Indices, Vector


def checked(estimator: Any, X: Any, y: Any = "no_validation", **settings: Any) -> Any:
    """X as float64, or (X, y), as scikit-learn's `validate_data` gives it, which also sets or compares the number of features.

    Raises ValueError or TypeError as it does, naming row and column where a cell is at fault.
    """
    given = {} if isinstance(y, str) else {"y": y}
    for values, name, labels in ((X, "X", False), *((y, "y", not settings.get("y_numeric")) for y in given.values())):
        refuse_silent(values, name, labels)
    try:
        return validate_data(estimator, X, **given, dtype=np.float64, **settings)
    except (ValueError, TypeError) as error:
        told = located(X, "X") or (located(y, "y") if given else None)
        if told is None:
            raise
        raise type(error)(told) from error


def refuse_silent(values: Any, name: str, labels: bool = False) -> None:
    """Raises ValueError for what scikit-learn would convert in silence: masked arrays, tensors, and dates or text as numbers."""
    told = of_another_kind(values) if isinstance(values, np.ndarray | list | tuple) or hasattr(values, "detach") else None
    kind = getattr(getattr(values, "dtype", None), "kind", "f")
    if not told and not labels and kind in "SUMm":
        told = f"an array of {KINDS.get(kind, 'text: give astype(float) of it')}"
    if told:
        raise ValueError(f"Input {name} must be an array of numbers, but it is {told}")


def located(values: Any, name: str) -> str | None:
    """What is wrong with the first cell that is no finite number, in words, or None where there is none."""
    if values is None or hasattr(values, "toarray") or isinstance(values, str):
        return None
    rows = list(values.to_numpy(dtype=object) if hasattr(values, "to_numpy") else values) if hasattr(values, "__len__") else []
    if ragged := _ragged(rows, name):
        return ragged
    columns = list(getattr(values, "columns", ()))
    labels = name == "y" and any(isinstance(cell, str) for cell in rows)  # labels may be text
    for i, row in enumerate(rows):
        cells = row if np.ndim(row) == 1 else [row]
        for j, cell in enumerate(cells):
            wrong = None if labels else _complaint(cell)
            if wrong:
                column = f", column {j}" if np.ndim(row) == 1 else ""
                called = f" ({columns[j]!r})" if j < len(columns) and column else ""
                return f"Input {name} contains {wrong} in row {i}{column}{called}: fill it in or leave the row out"
    return None


def check_labels(classes: Array, codes: Indices, weight: Vector | None) -> None:
    """Raises ValueError when there is only one class, or a label that is seen once where no weights say how much it counts.

    codes: (N,), each point's place among the classes. Points of weight 0 do not count.
    """
    counting = codes if weight is None else codes[weight > 0.0]
    counts = np.bincount(counting, minlength=len(classes))
    if (counts > 0).sum() < 2:
        raise ValueError(
            f"the labels have only one class, {shown(classes[counting[0]])}: a classifier needs at least 2"
            + ("" if weight is None else " with a weight above 0")
        )
    if weight is None and (counts == 1).any():
        k = int(np.flatnonzero(counts == 1)[0])
        raise ValueError(
            f"the label {shown(classes[k])} is seen once only, in row {int(np.flatnonzero(codes == k)[0])} (counted from 0): give "
            "more points of its class, join it with another, or leave the row out"
        )


def _ragged(rows: Sequence[Any], name: str) -> str | None:
    if not any(isinstance(row, list | tuple) for row in rows):
        return None
    lengths = [len(row) if isinstance(row, list | tuple | np.ndarray) else -1 for row in rows]
    for i, length in enumerate(lengths):
        if length != lengths[0]:
            return f"Input {name} is ragged: row {i} has {_cells(length)}, but row 0 has {_cells(lengths[0])}: each needs as many"
    return None


def _cells(length: int) -> str:
    return "no cells but a single value" if length < 0 else f"{length} cell{'s' * (length != 1)}"


def _complaint(cell: Any) -> str | None:
    if np.ndim(cell) or isinstance(cell, complex | np.complexfloating | dict):
        return None
    try:
        value = float(cell)
    except (TypeError, ValueError):
        missing = cell is None or type(cell).__name__ in ("NAType", "NaTType")
        return "NaN (a missing cell)" if missing else f"{shown(cell)}, which is not a number,"
    if np.isnan(value):
        return "NaN (a missing cell)"
    return None if np.isfinite(value) else "infinity"


def shown(value: Any) -> str:
    """The value as Python writes it, shortened."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 40 else f"{text[:37]}..."
