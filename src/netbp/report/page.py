"""The page: one HTML file with the pictures in it, made from the files of a report and nothing else."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from netbp.report.results import Results
from netbp.report.section7 import diagonals, rows

SECTIONS = {
    2: "Example of an artificial neural network",
    3: "The general set-up",
    4: "Stochastic gradient",
    5: "Back propagation",
    6: "Full MATLAB example",
}
IN_SECTION = {2: (1, 2, 3, 4, 5), 3: (6,), 4: (), 5: (), 6: (7, 8, 9), 7: (10, 11, 12, 13, 14, 15)}
SECTION_7 = "Image classification example"
MORE = ("filters", "maps", "convolution", "dropout")
POWER = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]?)0*(\d+)(?!\w)")
WEIGHT = re.compile(r"\b(w)_(\d+)\^\[(\d+)\]")
LAYER = re.compile(r"\b([Wbδ])\[(\d+)\]")


class Html(str):
    """Text that is HTML already, which Jinja2 does not escape again."""

    def __html__(self) -> str:
        return self


def rendered(folder: Path) -> str:
    """The page as text, from the JSON files and pictures below `folder`."""
    results = Results(folder)
    environment = Environment(
        loader=PackageLoader("netbp"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "typeset": typeset,
        "count": count,
        "share": share,
        "short": short,
        "seconds": seconds,
        "setting": setting,
    }
    numbers = results.json("numbers")
    drawn, seven = results.json("figures"), None
    if (folder / "data" / "section-7.json").is_file():
        seven, drawn = results.json("section-7"), drawn | results.json("figures-7")
    return environment.get_template("report.html.j2").render(
        sections=SECTIONS if seven is None else SECTIONS | {7: SECTION_7},
        seven=seven,
        classes=[] if seven is None else rows(seven),
        changes=None if seven is None else diagonals(seven),
        pictures={} if seven is None else {name: embedded(folder, name) for name in MORE},
        in_section=IN_SECTION,
        figures={int(n): entry | {"picture": embedded(folder, f"figure-{n}")} for n, entry in drawn.items()},
        printed=[n for n in numbers if n["kind"] != "reference"],
        reference=[n for n in numbers if n["kind"] == "reference"],
        passed=sum(n["passed"] for n in numbers),
        compared=len(numbers),
        decay=embedded(folder, "decay"),
        evidence=results.json("evidence"),
        fits=[results.json(f"fits-{points}-{kind}") for points in ("ten", "eleven") for kind in ("norms", "components")],
        machine=results.json("machine"),
        style=Html(environment.get_template("report.css").render()),
    )


@cache
def _picture(path: Path, changed: int) -> str:
    return "data:image/svg+xml;base64," + b64encode(path.read_bytes()).decode("ascii")


def embedded(folder: Path, name: str) -> str:
    """The picture figures/NAME.svg as a data address, so that the page needs no other file."""
    path = folder / "figures" / f"{name}.svg"
    return _picture(path, path.stat().st_mtime_ns)


def typeset(text: Any) -> Html:
    """Text with 7.3e-4 written as 7.3 × 10⁻⁴, w_43^[3] with its indices and W[2] with its layer above."""

    def power(m: re.Match[str]) -> str:
        factor = "" if m[1] == "1" else f"{m[1]}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}"
        return f"{factor}10<sup>{'−' if m[2] == '-' else ''}{m[3]}</sup>"

    html = POWER.sub(power, str(escape(text)))
    html = WEIGHT.sub(r"<i>\1</i><sub>\2</sub><sup>[\3]</sup>", html)
    return Html(LAYER.sub(r"<i>\1</i><sup>[\2]</sup>", html))


def short(value: float) -> Html:
    """A number with three significant digits."""
    return typeset(f"{value:.3g}".replace("-", "−") if abs(value) >= 1e-3 else f"{value:.2e}")


def count(value: int) -> str:
    """1,000,000."""
    return f"{value:,}"


def share(value: float) -> str:
    """61.2 %."""
    return f"{100.0 * value:.1f}\N{NO-BREAK SPACE}%"


def seconds(value: float) -> str:
    """0.26 s, 12 ms, or 27.0 min."""
    if value >= 120.0:
        return f"{value / 60.0:.1f} min"
    return f"{value:.2f} s" if value >= 0.1 else f"{1000.0 * value:.0f} ms"


def setting(value: Any) -> str:
    """A setting's value, as one would type it."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}" if value >= 100_000 else str(value)
    return "–" if value in (None, "") else f"{value:g}" if isinstance(value, float) else str(value)
