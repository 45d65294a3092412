"""What section 7 prints and claims, beside ours: from the two runs on CIFAR-10 that a report keeps."""

from __future__ import annotations

from typing import Any

import numpy as np

from netbp.convolution import convolution_matrix
from netbp.experiments import from_settings
from netbp.layers import Conv, Dense, Dropout, Pool
from netbp.network import Network
from netbp.report.numbers import Number, same, within
from netbp.report.printed import printed
from netbp.report.results import Results

EPSILON = 0.02
"""A validation objective within so much of its lowest, relatively, has not risen again."""

BLOCKS = (
    ("16 × 16 × 32", "5 × 5 × 3 × 32"),
    ("8 × 8 × 32", "5 × 5 × 32 × 32"),
    ("4 × 4 × 64", "5 × 5 × 32 × 64"),
    ("1 × 1 × 64", "4 × 4 × 64 × 64"),
    ("1 × 1 × 10", "10 × 64"),
)
"""Each block's output, and its weights, as section 7.4 prints them."""


def section_7(results: Results) -> list[Number]:
    """All comparisons of section 7, in the paper's order."""
    found = results.json("section-7")
    without, dropout = found["cifar"], found["cifar-dropout"]
    return [
        *matrices(),
        *factor(),
        *architecture(from_settings(results.run("cifar").settings).network()),
        *settings(results, without, dropout),
        *curves(without, dropout),
        *success(without, dropout),
    ]


def said(what: str, paper: str, ours: str, allowed: str, passed: Any) -> Number:
    """A claim in words."""
    return Number(7, "said", what, paper, ours, allowed, bool(passed))


def matrices() -> list[Number]:
    """(29) and (30), entry by entry."""
    a, b, c, d = 1.0, 2.0, 3.0, 4.0
    difference = np.eye(5, 6) - np.eye(5, 6, 1)
    strided = np.zeros((4, 10))
    for k in range(4):
        strided[k, 2 * k : 2 * k + 4] = a, b, c, d
    out = []
    for what, paper, ours in (
        ("(29): the matrix of the filter [1, −1]", difference, convolution_matrix([1, -1], 6)),
        ("(30): the matrix of [a, b, c, d] with stride 2", strided, convolution_matrix([a, b, c, d], 10, stride=2)),
    ):
        shape = " × ".join(str(n) for n in paper.shape)
        equal = ours.shape == paper.shape and (ours.toarray() == paper).all()
        out.append(said(what, shape, " × ".join(str(n) for n in ours.shape), "equal, every entry", equal))
    return out


def factor() -> list[Number]:
    """Section 7.2: the factor that keeps the mean of the next layer's weighted input is 1 - p, for both scalings.

    The mean in training is taken over all 2^10 masks of ten neurons, each with its probability.
    """
    rng, p = np.random.default_rng(0), 0.35
    a, w, b = np.maximum(rng.standard_normal(10), 0.0), rng.standard_normal(10), 0.1
    kept = np.arange(2**10)[:, None] >> np.arange(10) & 1
    probability = np.prod(np.where(kept, 1.0 - p, p), axis=1)
    worst = 0.0
    for in_training, in_evaluation in ((1.0 / (1.0 - p), 1.0), (1.0, 1.0 - p)):
        mean = probability @ (in_training * (kept @ (w * a)) + b)
        evaluated = in_evaluation * (w @ a) + b
        worst = max(worst, abs(mean - evaluated) / abs(evaluated))
    return [within(7, "dropout with factor 1 − p: the mean of the next weighted input, over all masks", worst, 1e-12)]


def architecture(network: Network) -> list[Number]:
    """The five blocks: outputs and weights, as the paper writes them, height × width × channels."""
    ends = [l for l, layer in enumerate(network.layers) if layer.size][1:]
    out = [same(7, "values of one image, 32 × 32 × 3", 3_072, network.sizes[0])]
    blocks = zip(BLOCKS, network.weighted, [*ends, len(network.layers)], strict=False)
    for block, ((paper_out, paper_W), layer, end) in enumerate(blocks, start=1):
        shape = network.layers[end - 1].output
        sizes = (*shape[1:], shape[0]) if len(shape) > 1 else (1, 1, *shape)
        W = layer.weight_shape
        weights = (*W[2:], W[1], W[0]) if isinstance(layer, Conv) else W
        ours = [" × ".join(str(n) for n in values) for values in (sizes, weights)]
        out.append(same(7, f"block {block}: output", paper_out, ours[0]))
        out.append(same(7, f"block {block}: weights", paper_W, ours[1]))
    kinds = [layer.kind for layer in network.layers if isinstance(layer, Pool)]
    out.append(same(7, "pooling in blocks 1 to 3", "max, average, average", ", ".join(kinds)))
    out.append(same(7, "fully connected layers", 1, sum(isinstance(layer, Dense) for layer in network.layers)))
    return out


def settings(results: Results, without: dict[str, Any], dropout: dict[str, Any]) -> list[Number]:
    """What was trained on what, and how."""
    problem = results.run("cifar").settings["problem"]
    fields = without["settings"]
    out = [
        same(7, "training images", 50_000, problem["points"]),
        same(7, "test images", 10_000, without["total"]),
        same(7, "images in a mini-batch, m", 100, fields["batch"]),
        same(7, "learning rates η", "0.05, 0.005, 0.0005", listed(fields["rates"])),
        same(7, "for how many epochs each", "30, 10, 5", listed(fields["rate_epochs"])),
        same(7, "epochs, without and with dropout", "45; 45", f"{without['epochs']}; {dropout['epochs']}"),
    ]
    network = from_settings(results.run("cifar-dropout").settings).network()
    rates = [layer.rate for layer in network.layers if isinstance(layer, Dropout)]
    return [*out, same(7, "dropout in blocks 1 to 4 (none in block 5)", "0.15, 0.15, 0.15, 0.35", listed(rates))]


def curves(without: dict[str, Any], dropout: dict[str, Any]) -> list[Number]:
    """What figures 11 and 12 show: overfitting without dropout, and the claims (a) and (b) with it."""
    plain, dropped = without["curves"], dropout["curves"]
    low = lowest(plain["held_out"])
    fall = plain["cost"][low] / plain["cost"][-1]
    rise = plain["held_out"][-1] / plain["held_out"][low]
    larger = dropped["top1"][-1] / plain["top1"][-1]
    similar = dropped["held_out_top1"][-1] / plain["held_out_top1"][-1]
    again = dropped["held_out"][-1] / min(dropped["held_out"])
    start = min(len(dropped["cost"]) - 1, len(dropped["cost"]) * 2 // 3)
    falls = [dropped[name][-1] / dropped[name][start - 1] for name in ("cost", "held_out")]
    return [
        said(
            "figure 11: from the epoch with the lowest validation objective to the last",
            "overfitting",
            f"training ÷ {fall:.2f}, validation × {rise:.2f}, from epoch {low + 1} on",
            "training falls by a fifth at least, validation does not fall",
            fall >= 1.25 and rise >= 1.0,
        ),
        said(
            "figure 12 against 11: training error at the end",
            "significantly larger",
            f"{percent(dropped['top1'][-1])} against {percent(plain['top1'][-1])}",
            "half as large again at least",
            larger >= 1.5,
        ),
        said(
            "figure 12 against 11: validation error at the end",
            "of a similar magnitude",
            f"{percent(dropped['held_out_top1'][-1])} against {percent(plain['held_out_top1'][-1])}",
            "within a quarter of each other",
            0.8 <= similar <= 1.25,
        ),
        said(
            "(a) with dropout: the validation objective against the training objective at the end",
            "below",
            f"{dropped['held_out'][-1]:.4f} against {dropped['cost'][-1]:.4f}",
            "below",
            dropped["held_out"][-1] < dropped["cost"][-1],
        ),
        said(
            "(b) with dropout: both objectives from two thirds of the epochs to the end",
            "in sync",
            f"training × {falls[0]:.2f}, validation × {falls[1]:.2f}; last validation {again:.3f} × its lowest",
            f"both fall, and validation ends within {EPSILON:.0%} of its lowest".replace("%", "\N{NO-BREAK SPACE}%"),
            max(falls) < 1.0 and again <= 1.0 + EPSILON,
        ),
    ]


def success(without: dict[str, Any], dropout: dict[str, Any]) -> list[Number]:
    """The overall success rates of figures 13 and 14."""
    out = []
    for figure, found in ((13, without), (14, dropout)):
        paper = printed(figure)
        ours = 100.0 * found["right"] / found["total"]
        least = round(100.0 * paper.accuracy, 1)
        words = f"{ours:.2f} % ({found['right']:,} of {found['total']:,})"
        out.append(
            said(
                f"figure {figure}: test images put into the right category",
                f"{least} %",
                words,
                "at least as many, to one decimal",
                round(ours, 1) >= least,
            )
        )
    gain = dropout["right"] / dropout["total"] - without["right"] / without["total"]
    words = f"{100.0 * gain:+.2f} points".replace("-", "−")
    return [*out, said("dropout improves the overall success rate", "80.1 % to 81.1 %", words, "it rises", gain > 0.0)]


def lowest(values: list[float]) -> int:
    """Where the smallest value stands."""
    return int(np.argmin(values))


def listed(values: Any) -> str:
    """0.05, 0.005."""
    return ", ".join(f"{value:g}" for value in values)


def percent(share: float) -> str:
    """19.1 %."""
    return f"{100.0 * share:.1f} %"
