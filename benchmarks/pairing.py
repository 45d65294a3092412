"""Timing in turn, A B A B ..., so that a clock that wanders wanders for all alike: medians, spreads, machine, versions."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

FOLDER = Path(__file__).parent
PACKAGES = ("numpy", "numba", "scipy", "scikit-learn", "torch", "jax", "starlette", "uvicorn")


@dataclass(frozen=True)
class Contender:
    """Something to time: `run` is called once a round; its seconds are multiplied by `scale`, or are what it returns, if it does.

    `warm` asks for one call beforehand that is not counted (compilation, caches).
    """

    name: str
    run: Callable[[], float | None]
    scale: float = 1.0
    warm: bool = True


@dataclass(frozen=True)
class Timed:
    """The seconds of each round."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)

    def over(self, other: Timed) -> float:
        """How many times the other's seconds: the median of the ratios of each round."""
        return median(a / b for a, b in zip(self.seconds, other.seconds, strict=True))


@dataclass(frozen=True)
class Target:
    """A claim: `measured` is to be at most, or at least, `limit`."""

    claim: str
    measured: float
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit


@dataclass(frozen=True)
class Table:
    """A table of text, its first row the header."""

    caption: str
    rows: list[list[str]]


@dataclass
class Report:
    """What one benchmark found; `write` prints it and appends it to results/<name>.jsonl."""

    name: str
    title: str
    method: str
    tables: list[Table] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    figures: list[str] = field(default_factory=list)

    def timings(self, caption: str, timed: Sequence[Timed], unit: float = 1.0, unit_name: str = "s") -> None:
        """Add a table of timings: median, least and most, and the ratio to the first."""
        rows = [["", f"median, {unit_name}", "least - most", "n", f"times {timed[0].name}"]]
        for t in timed:
            low, high = min(t.seconds) / unit, max(t.seconds) / unit
            rows.append(
                [t.name, three(t.median / unit), f"{three(low)} - {three(high)}", str(len(t.seconds)), three(t.over(timed[0]))]
            )
            self.seconds[f"{caption}: {t.name}"] = list(t.seconds)
        self.tables.append(Table(caption, rows))

    def write(self) -> None:
        """Print the tables and append everything as one JSON line."""
        record = asdict(self) | {"when": datetime.now(UTC).isoformat(timespec="seconds"), **surroundings()}
        record["targets"] = [asdict(target) | {"met": target.met} for target in self.targets]
        (FOLDER / "results").mkdir(exist_ok=True)
        with open(FOLDER / "results" / f"{self.name}.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(markdown(record))


def in_turn(contenders: Sequence[Contender], rounds: int) -> list[Timed]:
    """Time the contenders one after the other, `rounds` times over."""
    for contender in contenders:
        if contender.warm:
            contender.run()
    seconds: list[list[float]] = [[] for _ in contenders]
    for _ in range(rounds):
        for contender, times in zip(contenders, seconds, strict=True):
            start = perf_counter()
            own = contender.run()
            took = perf_counter() - start
            times.append((took if own is None else own) * contender.scale)
    return [Timed(contender.name, tuple(times)) for contender, times in zip(contenders, seconds, strict=True)]


def arguments(doc: str | None, **extra: Any) -> argparse.Namespace:
    """The command line all benchmarks share: --rounds, and one flag per keyword with its default."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender is timed")
    for name, default in extra.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default)
    return parser.parse_args()


def three(value: float) -> str:
    """A number to three significant digits, without an exponent."""
    digits = f"{value:.3g}"
    return f"{float(digits):,.0f}" if "e" in digits else digits


def markdown(record: dict[str, Any]) -> str:
    """One benchmark's section of RESULTS.md."""
    parts = [f"## {record['title']}", record["method"]]
    for table in record["tables"]:
        header, *rows = table["rows"]
        lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
        parts.append(f"{table['caption']}:\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines))
    parts += [f"![{Path(name).stem}]({name})" for name in record["figures"]]
    if record["targets"]:
        lines = ["| target | limit | measured | met |", "|---|---:|---:|---|"]
        for t in record["targets"]:
            sign = ">=" if t["at_least"] else "<="
            lines.append(
                f"| {t['claim']} | {sign} {three(t['limit'])} | {three(t['measured'])} | {'yes' if t['met'] else '**no**'} |"
            )
        parts.append("\n".join(lines))
    parts += record["notes"]
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items())
    parts.append(
        f"*{record['when']}; {record['machine']}; {versions}; load before the run {record['load']:.1f}; commit {record['commit']}.*"
    )
    return "\n\n".join(parts) + "\n"


def surroundings() -> dict[str, Any]:
    """The machine, the versions, the commit and the load when the run began."""
    return {"machine": machine(), "versions": versions(), "commit": commit(), "load": LOAD}


def machine() -> str:
    """The processor and how many cores of it there are."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        known = {line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in lines if ":" in line}
        model = (
            f"{known['model name']} (family {known['cpu family']}, model {known['model']}), {known['cpu MHz'].split('.')[0]} MHz"
        )
        model += ", AVX-512" if "avx512f" in known["flags"] else ""
    except (OSError, KeyError):
        pass
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {platform.system()}"


def versions() -> dict[str, str]:
    """Python, the packages, and the compilers that are here."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    for program in ("gcc", "octave-cli"):
        if shutil.which(program):
            out = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
            found[program] = out.splitlines()[0].split()[-1]
    return found


def commit() -> str:
    """The commit that ran, and whether the sources differed from it."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", str(FOLDER), *words], capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--", "../src", "*.py", "*.c", "*.m")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + (", with changes" if changed else "")


LOAD = os.getloadavg()[0]
