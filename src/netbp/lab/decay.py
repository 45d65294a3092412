"""How fast a run converges, in a sentence and in numbers to draw."""

from __future__ import annotations

from typing import Any

import numpy as np

from netbp.analysis.decay import ALGEBRAIC, GROWING, LEAST, LINEAR, STALLED, SUPERLINEAR, UNDECIDED
from netbp.lab.frames import number
from netbp.streaming import Series
from netbp.types import Indices, Vector

RECORDS = 50_000  # looked at, at most
SENTENCES = {
    LINEAR: "Linear convergence: in steps {first:,} to {last:,} the cost falls by the factor {factor} every {every} steps.",
    ALGEBRAIC: "Algebraic decay: in steps {first:,} to {last:,} the cost falls like t to the power −{exponent}.",
    SUPERLINEAR: "Faster than linear: in steps {first:,} to {last:,} the cost falls ever faster.",
    STALLED: "In steps {first:,} to {last:,} the cost neither falls nor grows by more than it fluctuates.",
    GROWING: "In steps {first:,} to {last:,} the cost grows.",
    UNDECIDED: "In steps {first:,} to {last:,} the costs do not tell whether they fall linearly, algebraically or not at all.",
}


def decay_of(steps: Indices, costs: Vector) -> dict[str, Any]:
    """The decay in the second half of the steps, with 95 % intervals, and the plateaus; "none" with the reason where there is none.

    curve: [step, cost] of the fitted law, to be drawn.
    """
    from netbp.analysis.convergence import convergence

    stride = max(1, -(-len(costs) // RECORDS))
    try:
        if len(costs) < 2 * LEAST:
            raise ValueError(f"{len(costs)} costs are recorded: a rate needs {2 * LEAST} at least")
        with np.errstate(all="ignore"):
            found = convergence(Series(steps[stride - 1 :: stride], costs[stride - 1 :: stride]))
    except ValueError as error:
        return {"decay": "none", "kind": "none", "sentence": f"No rate yet: {error}.", "plateaus": [], "curve": []}
    d = found.decay
    fits = d.exponent if d.kind == ALGEBRAIC and d.exponent is not None else d.rate
    at = np.geomspace(max(found.first, 1), max(found.last, 1), 200)
    drawn = d.curve(at) if d.kind in (LINEAR, ALGEBRAIC, SUPERLINEAR) else np.empty(0)
    return {
        "decay": d.kind if d.kind in (LINEAR, ALGEBRAIC) else "none",
        "kind": d.kind,
        ("exponent" if d.kind == ALGEBRAIC else "rate"): number(fits.value),
        "interval": [number(fits.low), number(fits.high)],
        "slope": number(d.slope.value),
        "from": found.first,
        "to": found.last,
        "level": number(float(found.costs[-1])),
        "plateaus": [{"start": at.start, "end": at.end, "level": at.level} for at in found.plateaus],
        "curve": [[float(t), float(c)] for t, c in zip(at[: len(drawn)], drawn, strict=True) if np.isfinite(c)],
        "sentence": _sentence(found.first, found.last, d),
    }


def _sentence(first: int, last: int, d: Any) -> str:
    every = 10.0 ** max(0.0, np.floor(np.log10(1.0 / d.rate.value))) if d.kind == LINEAR and d.rate.value > 0.0 else 1.0
    return SENTENCES[d.kind].format(
        first=first,
        last=last,
        every=f"{every:,.0f}",
        factor=f"{np.exp(d.rate.value * every):.3g}" if d.kind == LINEAR else "",
        exponent="" if d.exponent is None else f"{d.exponent.value:.2f} ({d.exponent.low:.2f} to {d.exponent.high:.2f})",
    )
