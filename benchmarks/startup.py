"""Starting up: the import, one figure and the whole paper as processes.

Claims: `import netbp` takes at most 0.04 s more than `import numpy`; `netbp figure 7`, computed anew, at most 1 s more than
a process that imports numba and matplotlib and saves an empty picture, both with warm caches; `netbp paper` under 60 s the
first time (no compiled kernel on disk) and under 15 s later.

    python -m benchmarks.startup [--rounds 9]

Method: whole processes of this interpreter, timed from outside, in turn; differences are medians of the differences of the
rounds. The first `netbp paper` gets an empty NUMBA_CACHE_DIR, the later ones (3 of them) the same directory; each works in
a new folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.pairing import Contender, Report, Target, Timed, arguments, in_turn

EMPTY = "import numba, matplotlib; matplotlib.use('Agg'); import matplotlib.pyplot as plt; plt.figure().savefig('empty.png')"


def process(folder: Path, *words: str, **environment: str) -> None:
    """Run this interpreter with these words in the folder. Raises SystemExit with its last words when it fails."""
    command = [sys.executable, *words]
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")


def contender(name: str, folder: Path, *words: str) -> Contender:
    return Contender(name, lambda: process(folder, *words))


def more(timed: Sequence[Timed]) -> float:
    """How many seconds the second took more than the first."""
    return median(b - a for a, b in zip(timed[0].seconds, timed[1].seconds, strict=True))


def main() -> None:
    options = arguments(__doc__)
    rounds = max(options.rounds, 9)
    report = Report("startup", "Starting up", (__doc__ or "").strip())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        imports = [contender(f"import {package}", folder, "-c", f"import {package}") for package in ("numpy", "netbp")]
        timed = in_turn(imports, 2 * rounds + 1)
        report.timings("Imports, whole processes", timed)
        report.targets.append(Target("seconds of import netbp beyond import numpy", more(timed), 0.04))

        figure = ("-m", "netbp", "figure", "7", "--out", "figure7.png")
        pictures = [
            contender("numba, matplotlib, an empty picture", folder, "-c", EMPTY),
            contender("netbp figure 7", folder, *figure),
        ]
        timed = in_turn(pictures, rounds)
        report.timings("One figure, whole processes, warm caches", timed)
        report.targets.append(Target("seconds of netbp figure 7 beyond an empty picture", more(timed), 1.0))
        paper(report, folder)
    report.write()


def paper(report: Report, folder: Path) -> None:
    """The whole paper, first with no compiled kernel on disk."""
    cache = folder / "cache"
    cache.mkdir()

    def run() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as anew:
            process(Path(anew), "-m", "netbp", "paper", NUMBA_CACHE_DIR=str(cache))

    first = in_turn([Contender("netbp paper, the first time", run, warm=False)], 1)
    later = in_turn([Contender("netbp paper, later", run, warm=False)], 3)
    report.timings("The whole paper, first time", first)
    report.timings("The whole paper, later", later)
    report.targets += [
        Target("seconds of netbp paper, the first time", first[0].median, 60.0),
        Target("seconds of netbp paper, later", later[0].median, 15.0),
    ]


if __name__ == "__main__":
    main()
