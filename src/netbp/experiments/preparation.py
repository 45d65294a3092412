"""From a table to a problem's data: which columns are what, missing values, the held-out part, the standardisation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from netbp.data.categories import labels, one_hot
from netbp.data.dialect import UNTOLD, Numbering, Reading, number
from netbp.data.mat import mat_table
from netbp.data.table import Remedies, Table, flag_value, read_table
from netbp.experiments.standardisation import Scale, standardisation, unscaled
from netbp.messages import counted, listed, shown
from netbp.provenance import digest
from netbp.types import Data, Indices

Task = Literal["auto", "classification", "regression"]
Missing = Literal["refuse", "drop", "keep"]
MOST_CLASSES = 20
"""Whole numbers that take at most so many values are categories where nobody says otherwise."""


class Columns(NamedTuple):
    """What a table's columns mean.

    columns: all their names. inputs, targets: names. classes: the categories' names in the order of the outputs, or none for
    a regression.
    """

    columns: tuple[str, ...]
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def outputs(self) -> int:
        """The number of outputs that a network needs."""
        return len(self.classes) or len(self.targets)


class Prepared(NamedTuple):
    """A table made ready.

    train, held_out: standardised points. x, y: how they were standardised. rows: the held-out points' places in `table`, counted
    from 0. table: the rows that count. reading: how the file is written, its numbers, too. digest: the SHA-256 of inputs and
    targets in their own units, and of their names. notes: what was left out, and what is worth knowing, in words.
    """

    columns: Columns
    train: Data
    held_out: Data | None
    x: Scale
    y: Scale
    rows: Indices
    table: Table
    reading: Reading
    digest: str
    notes: tuple[str, ...]


def open_table(path: Path, reading: Reading = UNTOLD, prior: Reading | None = None, targets: bool = True) -> Table:
    """A CSV file, or a .mat file's points and targets, as a table; targets: whether a .mat file must have some."""
    if path.suffix.lower() == ".mat":
        return mat_table(path, targets)
    return read_table(path, **reading._asdict(), prior=prior)


def prepare(
    table: Table,
    target: tuple[str, ...],
    drop: tuple[str, ...],
    task: Task,
    outputs: int | None,
    held_out: float,
    standard: bool,
    rng: Any,
    missing: Missing = "refuse",
) -> Prepared:
    """Split the columns into inputs and targets, the rows into a training and a held-out part, and standardise both.

    outputs: how many outputs the network was given, where that is known: it tells numbers from categories. held_out: the share of
    the rows that is held out, of each category alike. standard: whether to standardise, by mean and deviation of the training part;
    the targets of a regression too. rng: a numpy.random.Generator, for the split. missing: whether rows with missing values are
    refused or dropped; "keep" takes what stands for them in the target for a label.
    Raises ValueError for everything that `netbp.data.table` refuses and for columns that do not exist or do not suffice.
    """
    target, drop = called(table, target), called(table, drop)
    inputs = _inputs(table, target, drop)
    how = table.numbering((*inputs, *target))
    table, notes = complete(table, inputs, target, how, missing)
    if _classifies(table, target, task, outputs, how):
        codes, classes = labels(table, target[0])
        y = one_hot(codes, len(classes))
        notes += _alike(classes)
    else:
        codes, classes = np.zeros(len(table.rows), dtype=np.int64), ()
        y = table.numbers(target, how, Remedies(text="correct it, or, for labels, say --task classification"))
    x = table.numbers(inputs, how, _text_columns(table, inputs, how))
    notes += _counters(table, inputs)
    columns = Columns(table.names, inputs, target, classes)
    told = digest(x, y, np.frombuffer("\0".join((*inputs, *target, *classes)).encode("utf-8", "surrogatepass"), dtype=np.uint8))
    rows = held_out_rows(codes, held_out, rng)
    trained = np.setdiff1d(np.arange(len(x)), rows)
    x_scale = standardisation(x[trained]) if standard else unscaled(x)
    y_scale = standardisation(y[trained]) if standard and not classes else unscaled(y)
    x, y = x_scale.apply(x), y_scale.apply(y)
    held = Data(x[rows], y[rows]) if len(rows) else None
    reading = table.reading._replace(decimal="comma" if how.decimal == "," else "point")
    return Prepared(columns, Data(x[trained], y[trained]), held, x_scale, y_scale, rows, table, reading, told, table.notes + notes)


def called(table: Table, given: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that are meant: a,b is one column where the table has one of that name, and none called a.

    Raises ValueError for a name that the table does not have.
    """
    spaced = {name.replace(", ", ","): name for name in table.names if "," in name}
    most = max((name.count(",") + 1 for name in spaced), default=0)
    found: list[str] = []
    at = 0
    while at < len(given):
        parts = range(min(most, len(given) - at), 0, -1) if given[at] not in table.places else ()
        joined = ((k, ",".join(given[at : at + k]).replace(", ", ",")) for k in parts)
        k, name = next(((k, spaced[name]) for k, name in joined if name in spaced), (1, given[at]))
        if name not in table.places:
            table.column(name)  # raises
        found.append(name)
        at += k
    return tuple(found)


def complete(
    table: Table, inputs: Sequence[str], target: Sequence[str], how: Numbering, missing: Missing
) -> tuple[Table, tuple[str, ...]]:
    """The rows without missing values in these columns, and what was dropped, in words. Raises ValueError where some may not be."""
    gaps = {name: table.gaps(name, how) for name in (*inputs, *target)}
    if missing == "keep":
        gaps |= {name: np.array([i for i in gaps[name] if not table.column(name)[i]], dtype=np.int64) for name in target}
    gaps = {name: places for name, places in gaps.items() if len(places)}
    if not gaps:
        return table, ()
    out = np.unique(np.concatenate(list(gaps.values())))
    if missing != "drop":
        at = out[0]
        name = next(name for name, places in gaps.items() if at in places)
        raise ValueError(_gap(table, name, int(at), gaps[name], len(out), name in target))
    if len(out) == len(table.rows):
        raise ValueError(f"{table.source}: every row has a missing value, in {_where(gaps)}: leave such columns out with --drop")
    note = f"{counted(len(out), 'row')} with missing values dropped ({_where(gaps)})"
    return table.kept(np.setdiff1d(np.arange(len(table.rows)), out)), (note,)


def _gap(table: Table, name: str, at: int, places: Indices, rows: int, is_target: bool) -> str:
    cell = table.column(name)[at]
    what = f"is {shown(cell)}, which stands for a missing value" if cell else "is empty"
    place = table.place(table.rows[at], name)
    if len(places) == len(table.rows):
        return f"{place} {what}, as the whole column is: leave it out with --drop {flag_value(name)}"
    remedy = f"fill it in or delete the row, or leave out the {counted(rows, 'row')} with missing values by --missing drop"
    if 4 * len(places) > len(table.rows) and not is_target:
        remedy += f", or the column by --drop {flag_value(name)}"
    if is_target and cell:
        remedy += ", or, if it is a label, say --missing keep"
    return f"{place} {what}: {remedy}"


def _where(gaps: dict[str, Indices]) -> str:
    most = sorted(gaps, key=lambda name: -len(gaps[name]))
    told = ", ".join(f"{len(gaps[name]):,} in {shown(name)}" for name in most[:5])
    return told + (f" and {counted(len(most) - 5, 'further column')}" if len(most) > 5 else "")


def _alike(classes: tuple[str, ...]) -> tuple[str, ...]:
    """A note of labels that are one number written in several ways."""
    seen: dict[float, str] = {}
    for name in classes:
        value = number(name)
        if value is None:
            return ()
        if value in seen:
            return (f"the labels {shown(seen[value])} and {shown(name)} are two, for labels are names, not numbers",)
        seen[value] = name
    return ()


def _counters(table: Table, inputs: Sequence[str]) -> tuple[str, ...]:
    """A note of inputs that only count the rows."""
    steps = np.arange(len(table.rows))
    for name in inputs:
        values = table.values(name)
        if len(steps) > 2 and values is not None and values[0] in (0.0, 1.0) and (values == steps + values[0]).all():
            return (f"the column {shown(name)} counts the rows: --drop {flag_value(name)} leaves it out",)
    return ()


def held_out_rows(codes: Indices, share: float, rng: Any) -> Indices:
    """The rows to hold out, sorted: of each category its share, rounded, but never its last row."""
    if not 0.0 <= share < 1.0:
        raise ValueError(f"the held-out share must be at least 0 and below 1, but it is {share!r}: say --held-out 0.2, for example")
    order = np.argsort(codes, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    rows = []
    for one in members:
        mixed = rng.permutation(one)
        rows.append(mixed[: min(round(share * len(mixed)), len(mixed) - 1)])
    out = np.sort(np.concatenate(rows))
    if share > 0.0 and not len(out):
        few = f"{counted(len(codes), 'row')} {'is' if len(codes) == 1 else 'are'} too few"
        raise ValueError(f"{few} to hold out a share of {share:g} of them: say --held-out 0, or give more rows")
    return out


def _inputs(table: Table, target: tuple[str, ...], drop: tuple[str, ...]) -> tuple[str, ...]:
    if not target:
        raise ValueError(f"which column of {table.source} is the target? Say --target; the columns are {listed(table.names)}")
    for name in target:
        table.column(name)
    if twice := next((name for name in target if target.count(name) > 1 or name in drop), None):
        raise ValueError(f"the target {shown(twice)} is named twice, or also dropped: name each column once")
    left = {*target, *drop, *table.aside}
    inputs = tuple(name for name in table.names if name not in left)
    if not inputs:
        raise ValueError(f"{table.source} has no column besides the target {listed(target)}: a network needs at least one input")
    for name in table.nameless:
        if name not in left:
            remedy = f"write one in the header, or leave it out with --drop {flag_value(name)}"
            raise ValueError(f"{table.source}, row 1: {name} has no name: {remedy}")
    for name, places in table.places.items():
        if len(places) > 1 and name not in left:
            raise ValueError(
                f"{table.source}, row 1: the name {shown(name)} stands for columns {' and '.join(str(j + 1) for j in places[:5])}: "
                f"give each column its own name, or leave them out with --drop {flag_value(name)}"
            )
    return inputs


def _text_columns(table: Table, inputs: Sequence[str], how: Numbering) -> Remedies:
    """What to do about an input that is no number: of columns that hold text, all are named."""
    drop = [n for n in inputs if table.values(n, how) is None and all(how.number(cell) is None for cell in table.column(n))]
    if not drop:
        return Remedies(text="correct it, or leave the column out with --drop")
    them = "the column" if len(drop) == 1 else f"the {counted(len(drop), 'column')} of text"
    names = flag_value(*drop) if len(drop) <= 20 else "and their names"
    return Remedies(text=f"leave {them} out with --drop {names}, for inputs must be numbers")


def _classifies(table: Table, target: tuple[str, ...], task: Task, outputs: int | None, how: Numbering) -> bool:
    if task == "classification" and len(target) > 1:
        raise ValueError(f"a classification has one column of labels, but {len(target)} targets were named: {listed(target)}")
    if task != "auto" or len(target) > 1:
        return task == "classification"
    values, names = table.values(target[0], how), set(table.column(target[0]))
    if values is None:
        return _mostly_text(table, target[0], how)
    finite = values[np.isfinite(values)]
    few = len(names) <= min(MOST_CLASSES, len(table.rows) // 2) and bool((finite == np.round(finite)).all())
    return few if outputs is None or outputs not in (1, len(names)) else outputs == len(names)


def _mostly_text(table: Table, name: str, how: Numbering) -> bool:
    """Whether a column that is not all numbers holds labels; where nearly all cells are numbers, the others are mistakes."""
    cells = table.column(name)
    numbers = [how.number(cell) is not None for cell in cells]
    if 2 * sum(numbers) > len(cells) and len(set(cells)) > MOST_CLASSES:
        table.numbers([name], how)  # refuses the first that is no number
    return True
