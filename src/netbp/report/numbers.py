"""Each number that the paper prints beside ours, read from the files of a report, with the tolerance and the verdict."""

from __future__ import annotations

from typing import Any, NamedTuple

from netbp.experiments import FIGURES
from netbp.experiments.settings import network_of
from netbp.network import Network
from netbp.report.results import Results

REFERENCE_COSTS = {
    0: 5.32881696990138,
    1: 5.32431031504514,
    10: 5.29368084387954,
    100: 5.1169224518665,
    1_000: 4.98551007566451,
    10_000: 4.76870600040045,
    20_000: 2.939787084234,
    50_000: 2.58072371363422,
    100_000: 2.30693206943568,
    200_000: 0.0129711351157732,
    300_000: 0.00484571355648695,
    400_000: 0.00282910276289794,
    500_000: 0.00196291012852032,
    600_000: 0.00149151547969974,
    700_000: 0.00118959463488583,
    800_000: 0.000988303703267818,
    900_000: 0.00084164965577037,
    1_000_000: 0.000730353650528239,
}
"""Listing 6.1's monitored cost after so many steps, as MATLAB's arithmetic and random stream give it: not in the paper."""

REFERENCE_GRID = 134_972
"""Points of the 501 x 501 grid with F_1 > F_2 in figure 8: not in the paper."""

FIRM = 1e-11
"""About 13 digits of the costs are firm; a relative difference up to this passes."""


class Number(NamedTuple):
    """One comparison. section: of the paper. kind: "printed", "said" (in words, or shown by a figure) or "reference".

    what: what is compared. paper, ours: as text. allowed: what passes, in words. passed: the verdict.
    """

    section: int
    kind: str
    what: str
    paper: str
    ours: str
    allowed: str
    passed: bool


def compared(results: Results) -> list[Number]:
    """All comparisons, in the paper's order."""
    return [
        *section_2(results),
        *section_3(),
        *section_4(results),
        *section_5(results),
        *section_6(results),
        *reference_values(results),
    ]


def same(section: int, what: str, paper: Any, ours: Any, kind: str = "printed") -> Number:
    """A number that must be equal."""
    shown = [f"{value:,}" if isinstance(value, int) else str(value) for value in (paper, ours)]
    return Number(section, kind, what, shown[0], shown[1], "equal", bool(paper == ours))


def rounded(section: int, what: str, paper: str, ours: float) -> Number:
    """A number that must agree with the paper's printed digits: within half a unit of the last."""
    digits, _, exponent = paper.partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return Number(
        section,
        "printed",
        what,
        paper,
        f"{ours:.6g}" if ours >= 0.01 else f"{ours:.5e}",
        "the printed digits",
        abs(ours - float(paper)) <= 0.5 * unit,
    )


def within(section: int, what: str, ours: float, limit: float, paper: str = "equal") -> Number:
    """A relative difference that rounding alone may cause."""
    return Number(section, "said", what, paper, f"{ours:.1e}" if ours else "0", f"at most {limit:.0e}", ours <= limit)


def shapes(network: Network) -> list[tuple[str, str, str]]:
    """(layer, shape of W, length of b) for layers 2, ..., L, as text."""
    return [(f"[{l}]", f"{layer.outputs} × {layer.inputs}", f"{layer.biases}") for l, layer in enumerate(network.layers, start=2)]


def shape_numbers(section: int, figure: int, network: Network, paper: list[tuple[str, str]]) -> list[Number]:
    """The shapes of the weights and biases that the paper prints for a network."""
    out = []
    for (l, W, b), (paper_W, paper_b) in zip(shapes(network), paper, strict=True):
        out.append(same(section, f"figure {figure}: shape of W{l} and length of b{l}", f"{paper_W}; {paper_b}", f"{W}; {b}"))
    return out


def section_2(results: Results) -> list[Number]:
    """The example: ten points, 23 parameters, the fits of figures 4 and 5."""
    described = results.run("figure-4").settings["problem"]
    network = Network.dense(*described["network"]["sizes"])
    regions = results.json("evidence")["regions"]
    slope = results.json("evidence")["gradient"]["sigmoid_slope"]
    out = [
        within(2, "σ′ = σ(1 − σ), (2), against the complex step on [−10, 10]", slope, 1e-15),
        same(2, "data points", 10, described["points"]),
        same(2, "layers of figure 3", 4, len(network.sizes)),
        *shape_numbers(2, 3, network, [("2 × 2", "2"), ("3 × 2", "3"), ("2 × 3", "2")]),
        same(2, "parameters of F", 23, described["network"]["parameters"]),
    ]
    for n in (4, 5):
        fit = regions[f"figure-{n}"]
        out.append(same(2, f"figure {n}: points on the right side", fit["points"], fit["right"], "said"))
    return out


def section_3() -> list[Number]:
    """Figure 6: five layers and the shapes of their weights."""
    network = network_of(FIGURES[6].layers)
    out = [
        same(3, "figure 6: L", 5, len(network.sizes)),
        same(3, "figure 6: n₁, …, n₅", "4, 3, 4, 5, 2", ", ".join(map(str, network.sizes))),
    ]
    paper = [("3 × 4", "3"), ("4 × 3", "4"), ("5 × 4", "5"), ("2 × 5", "2")]
    return out + shape_numbers(3, 6, network, paper)


def section_4(results: Results) -> list[Number]:
    """One vector of 23 numbers; the gradient as the mean of single gradients."""
    found = results.json("evidence")["gradient"]
    return [
        same(4, "entries of p, all weights and biases", 23, len(results.run("figure-7").p)),
        within(4, "(14): the gradient is the mean of the points' gradients", found["mean_of_singles"], 1e-14),
    ]


def section_5(results: Results) -> list[Number]:
    """Back propagation gives the gradient."""
    found = results.json("evidence")["gradient"]
    second = found["slope"]
    return [
        within(5, "Lemma 1 against the complex step", found["complex_step"], 1e-12),
        Number(
            5, "said", "Taylor remainder of the gradient: observed order", "2", f"{second:.3f}", "± 0.05", abs(second - 2) < 0.05
        ),
        within(5, "δ[2] as the long product of D and Wᵀ", found["product"], 1e-13),
        within(5, "the gradient by the engine of the runs against (22)–(25) in NumPy", found["engines"], 1e-13),
    ]


def section_6(results: Results) -> list[Number]:
    """Listing 6.1: settings, first and last cost, the plateau, the slow decay and figures 8 and 9."""
    run, found = results.run("figure-7"), results.json("evidence")
    regions, decay, flat = found["regions"], found["decay"], found["plateau"]
    start, end = (results.squares("figure-7", cost) for cost in (run.initial_cost, run.final_cost))
    differ = regions["differ"]["4/8"]
    out = [
        same(6, "learning rate η", 0.05, run.settings["method"]["rate"]),
        same(6, "stochastic gradient steps, Niter", 1_000_000, run.step),
        same(6, "points that randi(10) chooses from", 10, run.settings["problem"]["points"]),
        rounded(6, "cost of the initial guess", "5.3", start),
        rounded(6, "cost after 1e6 steps", "7.3e-4", end),
        Number(
            6,
            "said",
            "a flat period: how the cost falls from step 20,000 to 100,000, then to 200,000",
            "plateau, then decay",
            f"÷ {flat['during']:.2f}, then ÷ {flat['after']:.0f}",
            "below 1.5, then above 10",
            flat["during"] < 1.5 and flat["after"] > 10.0,
        ),
        Number(
            6,
            "said",
            "second half: ratios of successive costs within 1e-6 of 1",
            "typically",
            f"{100 * decay['within_1e-6']:.1f} % of steps",
            "most steps",
            decay["within_1e-6"] > 0.5,
        ),
    ]
    for n in (8, 9):
        fit = regions[f"figure-{n}"]
        out.append(same(6, f"figure {n}: points on the right side", fit["points"], fit["right"], "said"))
    words = f"{100 * differ:.1f} % of the square"
    out.append(Number(6, "said", "figures 4 and 8 differ in", "slightly", words, "between 0 and 15 %", 0.0 < differ < 0.15))
    return out


def reference_values(results: Results) -> list[Number]:
    """Digits known from MATLAB's arithmetic and random stream, which the paper does not print."""
    run = results.run("figure-7")
    curve = run.series["cost"]
    out = []
    for step, reference in REFERENCE_COSTS.items():
        ours = results.squares("figure-7", run.initial_cost if step == 0 else float(curve.values[step - 1]))
        passed = abs(ours - reference) <= FIRM * reference
        out.append(
            Number(
                6,
                "reference",
                f"cost after step {step:,}",
                f"{reference:.15g}",
                f"{ours:.15g}",
                f"within {FIRM:.0e}, relatively",
                passed,
            )
        )
    grid = results.json("evidence")["regions"]["figure-8"]["category_a"]
    out.append(same(6, "grid points of 251,001 with F₁ > F₂ in figure 8", f"{REFERENCE_GRID:,}", f"{grid:,}", "reference"))
    equal = bool((results.run("figure-8").p == run.p).all())
    out.append(
        same(
            6,
            "figure 8's parameters, trained unmonitored, equal figure 7's",
            "all bits",
            "all bits" if equal else "not all",
            "reference",
        )
    )
    return out
