"""Results that are tables, as data frames of pandas or of polars, whichever the user has.

Every such result has the method `frame(library="pandas")`; its docstring names the columns, one row for what, and the units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np

Library = Literal["pandas", "polars"]


def frame(columns: Mapping[str, Any], library: Library = "pandas") -> Any:
    """The columns, all of one length, as a pandas.DataFrame or a polars.DataFrame.

    Raises ValueError for another library, and ImportError, with the remedy, where it is not installed.
    """
    if library not in get_args(Library):
        raise ValueError(f"a table becomes a frame of {' or '.join(get_args(Library))}, but {library!r} was asked for")
    try:
        module: Any = import_module(library)
    except ImportError:
        raise ImportError(
            f"a table as a frame of {library} needs {library}, which is not installed: pip install {library}, or print the table"
        ) from None
    return module.DataFrame({name: _alike(column) for name, column in columns.items()})


def fields_of(rows: Iterable[Any], names: Sequence[str]) -> dict[str, list[Any]]:
    """The attributes `names` of each row, as columns."""
    rows = list(rows)
    return {name: [getattr(row, name) for row in rows] for name in names}


def _alike(column: Any) -> Any:
    """The column with numbers of one type, since polars takes no list in which whole numbers and others are mixed."""
    if isinstance(column, np.ndarray):
        return column
    values = list(column)
    numbers = [value for value in values if value is not None]
    whole = all(isinstance(value, int | np.integer) for value in numbers)
    if numbers and not whole and all(isinstance(value, Real) for value in numbers):
        return [None if value is None else float(value) for value in values]
    return values
