"""`netbp sweep stochastic --seed 0:10 --rate 0.01,0.05,0.1`: one experiment with many settings."""

from __future__ import annotations

import csv
import inspect
import io
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from cyclopts import Parameter

from netbp.cli.failures import FAILED
from netbp.cli.flags import SETTINGS, _float, _tuple, _without_none, flag, number_of, plain_number, shown, whole, with_flags
from netbp.cli.progress import Bar
from netbp.experiments.selection import Choice, select
from netbp.experiments.sweeps import FIT, NOTHING, Outcome, combinations, sweep
from netbp.files import check_writable, protected, write_atomically
from netbp.interrupts import terminated_as_by_ctrl_c
from netbp.messages import counted

TRUE, FALSE = ("yes", "true", "1"), ("no", "false", "0")
INTERRUPTED = 130
MOST = 10_000
"""Runs of one sweep: more are a slip of the pen."""


def sweep_command(name: str, cls: type) -> Callable[..., Any]:
    """The command that sweeps an experiment, whose flags are its fields, each with one value or several."""

    def run(
        *data: Path,
        out: Path | None = None,
        workers: int | None = None,
        scheduler: str | None = None,
        results: Path | None = None,
        **given: str,
    ) -> int:
        values = {field: values_of(field, text, hints[field]) for field, text in given.items()}
        fixed = {"table": data[0]} if data else {}
        folder = Path("sweeps") / "-".join([name, *(_stem(path) for path in data)])
        return run_sweep(name, values, out or folder, workers, scheduler, results, fixed)

    hints = get_type_hints(cls)
    own = [
        flag("out", Path | None, None, f"the folder of the runs; without it, sweeps/{name}"),
        flag("workers", int | None, None, "processes on this machine; without it, one for each core"),
        flag("scheduler", str | None, None, "the address of a Dask scheduler, tcp://host:port, whose workers compute"),
        flag("results", Path | None, None, "the CSV file of the results; without it, results.csv in the folder", name="--table"),
    ]
    taken = {"table", *(parameter.name for parameter in own)}
    example = f"{name} --seed 0:10" if name != FIT else "fit points.csv --target label --network 4,8,8-8 --seed 0:5"
    doc = f"{cls.__doc__}\n\nFlags take several values: 1,2,5, or 0:10 for 0 to 9. Example: `netbp sweep {example}`"
    parameters = [*(p for p in _flags(cls, hints) if p.name not in taken), *own]
    if name == FIT:
        told = Annotated[Path, Parameter(help="the table: CSV with a header row, or .mat with points x and targets y")]
        parameters.insert(0, inspect.Parameter("data", inspect.Parameter.POSITIONAL_ONLY, annotation=told))
    return with_flags(run, parameters, doc)


def _stem(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-") or "table"


def _flags(cls: type, hints: Mapping[str, Any]) -> list[inspect.Parameter]:
    from dataclasses import fields

    return [
        flag(field.name, str | None, None, f"{field.metadata.get('help', '')} (default: {shown(field.default)})", SETTINGS)
        for field in fields(cls)
        if field.init and field.metadata.get("flag") is not False
    ]


def values_of(field: str, text: str, hint: Any) -> list[Any]:
    """The values that `text` writes for a field of this type. Raises ValueError when it writes none, or one twice."""
    plain = _without_none(hint)
    several = ";" if get_origin(plain) is tuple else ","
    words = [word.strip() for word in text.split(several) if word.strip()]
    values = [value for word in words for value in _read(field, word, plain)]
    if plain_number(plain):
        values = [number_of(field, repr(value), plain) if value is not None else None for value in values]
    if not values or len({repr(value) for value in values}) != len(values):
        raise ValueError(f"--{field.replace('_', '-')} {text!r} has {'no value' if not values else 'a value twice'}")
    return values


def _read(field: str, word: str, kind: Any) -> list[Any]:
    if get_origin(kind) is tuple:
        from cyclopts import Token

        return [_tuple([Token(value=word)], get_args(kind))]
    if kind is bool:
        if word.lower() not in (*TRUE, *FALSE):
            raise ValueError(f"--{field.replace('_', '-')} can be yes or no, but {word!r} was asked for")
        return [word.lower() in TRUE]
    if kind is int:
        return _whole_numbers(word)
    if kind is float:
        return [_float(word)]
    return [None if word == "none" and NoneType in get_args(kind) else Path(word) if kind is Path else word]


def _whole_numbers(word: str) -> list[int]:
    """5, or 0:10 for 0, ..., 9, or 0:10:2."""
    parts = [whole(part) for part in word.split(":")]
    if len(parts) == 1:
        return parts
    if len(parts) > 3 or (len(parts) == 3 and parts[2] == 0):
        raise ValueError(f"{word!r} is no range: write first:end or first:end:step, as in 0:10")
    found = range(*parts)
    if found[MOST:]:
        raise ValueError(f"{word!r} is more than {counted(MOST, 'value')}: a sweep has no more runs")
    return list(found)


def run_sweep(
    name: str,
    values: Mapping[str, list[Any]],
    folder: Path,
    workers: int | None,
    scheduler: str | None,
    table: Path | None,
    fixed: Mapping[str, Any] = NOTHING,
) -> int:
    """Run all combinations, print the table and write it as CSV, and what was chosen; 1 when a run failed or diverged."""
    path = folder / "results.csv" if table is None else table
    if path.parent.is_dir():
        check_writable(path)
    if path.suffix.lower() == ".npz":
        raise ValueError(f"--table {path} would be taken for a run: let its name end in .csv")
    total = len(combinations(values))
    if total > MOST:
        raise ValueError(f"these are {total:,} runs, more than {MOST:,}: give fewer values")
    found: dict[int, Outcome] = {}
    stopped = False
    with Bar(f"sweep {name}", "runs") as progress, terminated_as_by_ctrl_c():
        try:
            for k, outcome in sweep(name, values, folder, workers, scheduler, fixed):
                found[k] = outcome
                if outcome.status == "interrupted":
                    stopped = True
                    break
                if progress is not None:
                    progress(len(found), total)
        except KeyboardInterrupt:
            stopped = True
    outcomes = [found[k] for k in sorted(found)]
    with protected(outcome.path for outcome in outcomes):
        write_atomically(path, as_csv(outcomes, list(values)).encode())
    print(as_table(outcomes, list(values)))
    if len(values.get("seed", ())) > 1 and not stopped:
        print(as_choice(select(outcomes)), end="")
    bad = [outcome for outcome in outcomes if outcome.status in ("failed", "diverged")]
    for outcome in bad:
        what = ", ".join(f"{field} {shown(value)}" for field, value in outcome.settings.items()) or "the run"
        print(f"netbp: {what} {outcome.status}: {outcome.message}", file=sys.stderr)
    new = sum(outcome.new for outcome in outcomes)
    print(f"{len(outcomes):,} of {counted(total, 'run')}, {new:,} of them computed now, in {folder}; the table is in {path}")
    if stopped:
        print("netbp: interrupted; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    return FAILED if bad else 0


RESULTS = ("status", "step", "cost", "held_out", "held_out_top1", "seconds")


def as_csv(outcomes: list[Outcome], names: list[str]) -> str:
    """The results as CSV, in full precision, with the message and the file of each run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*names, *RESULTS, "message", "file"])
    for one in outcomes:
        told = [getattr(one, name) for name in RESULTS]
        writer.writerow([*(shown(one.settings[n]) for n in names), *("" if v is None else v for v in told), one.message, one.path])
    return text.getvalue()


def as_table(outcomes: list[Outcome], names: list[str]) -> str:
    """The results for the terminal; columns without a value are left out."""
    results = [name for name in RESULTS if any(getattr(one, name) is not None for one in outcomes)]
    rows = [[*names, *results]]
    for one in outcomes:
        cells = [getattr(one, name) for name in results]
        told = ["-" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else f"{cell}" for cell in cells]
        rows.append([*(shown(one.settings[name]) for name in names), *told])
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)


def as_choice(found: Sequence[Choice]) -> str:
    """The settings over their seeds, and the two that are to be chosen; nothing where there is nothing to choose from."""
    if len(found) < 2:
        return ""
    names = [name for name in found[0].settings if len({repr(one.settings[name]) for one in found}) > 1]
    wrong = any(one.wrong is not None for one in found)
    rows = [[*names, "parameters", "runs", "held-out cost", *(["wrong (%)"] if wrong else []), "above the lowest", ""]]
    for one in found:
        share = [] if not wrong else ["-" if one.wrong is None else one.wrong.told(100.0)]
        mark = "lowest" if one.lowest else ""
        if one.simplest:
            mark = "lowest, and smallest within a standard error" if one.lowest else "smallest within a standard error"
        numbers = [f"{one.size:,}", str(one.runs), one.held_out.told(), *share, "" if one.lowest else one.behind.told()]
        rows.append([*(shown(one.settings[name]) for name in names), *numbers, mark])
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    lines = ["  ".join([*(c.rjust(w) for c, w in zip(row[:-1], widths, strict=False)), row[-1]]).rstrip() for row in rows]
    return "\n".join(["", "means over the seeds, ± their standard errors", *lines, "", ""])
