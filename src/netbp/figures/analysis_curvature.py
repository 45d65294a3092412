"""Pictures of curvature: spectra, spectral densities, and what happens along a path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netbp.figures.analysis_convergence import decades
from netbp.figures.style import BLUE, GREEN, INK, RED, letters

if TYPE_CHECKING:
    from netbp.analysis.curvature import Spectrum
    from netbp.analysis.density import SpectralDensity
    from netbp.analysis.path import Path
    from netbp.analysis.sampled import SampledSpectrum


def draw_spectra(ax: Any, spectra: list[Spectrum] | tuple[Spectrum, ...], smallest: float = 1e-13) -> None:
    """The sizes of all eigenvalues, largest first, on a logarithmic axis: the Hessian's, negative ones red, and Gauss-Newton's.

    smallest: of the largest eigenvalue, below which none is shown. Raises ValueError for a spectrum that is an estimate only.
    """
    if any(spectrum.values is None for spectrum in spectra):
        raise ValueError("a picture of all eigenvalues needs them all: call curvature(..., exact=True), or draw a spectral density")
    top = max(float(np.abs(spectrum.values).max()) for spectrum in spectra if spectrum.values is not None)
    for spectrum in spectra:
        assert spectrum.values is not None
        values = spectrum.values[np.argsort(-np.abs(spectrum.values))]
        rank = np.arange(1, len(values) + 1)
        for sign, words in ((1.0, "positive"), (-1.0, "negative")):
            own = (sign * values > 0) & (np.abs(values) > smallest * top)
            if not own.any() or (spectrum.matrix != "Hessian" and sign < 0):
                continue
            hessian = spectrum.matrix == "Hessian"
            ax.semilogy(
                rank[own],
                np.abs(values[own]),
                linestyle="none",
                marker=("o" if sign > 0 else "s") if hessian else "x",
                color=(BLUE if sign > 0 else RED) if hessian else INK,
                markerfacecolor="none" if not hessian else None,
                markersize=7,
                markeredgewidth=1.8,
                label=f"Hessian, {words}" if hessian else "Gauss-Newton",
            )
    most = max(len(spectrum.values) for spectrum in spectra if spectrum.values is not None)
    ax.set(xlabel="Number", ylabel="|Eigenvalue|", xlim=(0, most + 1), ylim=(0.3 * smallest * top, 4 * top))
    decades(ax.yaxis, 0.3 * smallest * top, 4 * top)
    ax.grid(True, axis="y", color=INK, alpha=0.15, linewidth=0.8)
    ax.legend(loc="lower left")


def draw_density(ax: Any, density: SpectralDensity, width: float | None = None) -> None:
    """The smoothed spectral density on a logarithmic axis, with two standard errors, down to the height of one eigenvalue.

    width: of smoothing; 0.5 % of the range if None.
    """
    low, high = float(density.nodes[density.weights > 0].min()), float(density.nodes[density.weights > 0].max())
    width = 0.005 * (high - low) or 1e-12 if width is None else width
    grid = np.linspace(low - 4 * width, high + 4 * width, 2401)
    curve, error = density.curve(grid, width)
    one = 1.0 / (density.size * width * np.sqrt(2.0 * np.pi))
    floor = 0.2 * one
    shown = np.where(curve > floor, curve, np.nan)
    ax.fill_between(grid, np.maximum(curve - 2 * error, floor), np.maximum(curve + 2 * error, floor), color=BLUE, alpha=0.25, lw=0)
    ax.semilogy(grid, shown, color=BLUE, linewidth=1.8, label="density ± 2 errors")
    ax.axhline(one, color=INK, linestyle=":", linewidth=1.4, label=f"one eigenvalue of {density.size:,}")
    ax.set(xlabel="Eigenvalue", ylabel="Density", xlim=(grid[0], grid[-1]), ylim=(floor, 3 * curve.max()))
    decades(ax.yaxis, floor, 3 * curve.max(), most=6)
    ax.grid(True, color=INK, alpha=0.15, linewidth=0.8)
    above(ax)


def above(ax: Any) -> None:
    """The legend above the axes, where it covers nothing."""
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)


def draw_ends(ax: Any, ends: SampledSpectrum) -> None:
    """Both ends of the spectrum as lines with their sample's two standard errors, and what they are on points not seen."""
    for k, at in enumerate((ends.lowest, ends.highest)):
        ax.axvspan(at.value - 2 * at.error, at.value + 2 * at.error, color=RED, alpha=0.15, lw=0)
        ax.axvline(at.value, color=RED, linewidth=1.8, label=None if k else f"ends on {ends.sample:,} points ± 2 errors")
        if ends.unseen:
            ax.axvline(at.others, color=INK, linestyle="--", linewidth=1.6, label=None if k else "the same vᵀHv on all points")
    low, high = ends.lowest.value - 2 * ends.lowest.error, ends.highest.value + 2 * ends.highest.error
    edge = 0.03 * (high - low)
    left, right = ax.get_xlim()
    ax.set_xlim(min(left, low - edge), max(right, high + edge))
    above(ax)


def draw_curvature_path(axes: Any, path: Path) -> None:
    """Along a path, on two axes: the extreme eigenvalues and the noise; and how the noise lies to the curvature."""
    upper, lower = axes
    steps = np.maximum(path.column("step"), 1)  # step 0 at the left end
    highest, lowest, bowl, noise = (path.column(name) for name in ("highest", "lowest", "gauss_newton", "noise"))
    upper.loglog(steps, highest, color=BLUE, marker="o", markersize=4, label="λ max of the Hessian")
    upper.loglog(steps, np.where(lowest < 0, -lowest, np.nan), color=RED, marker="s", markersize=4, label="−λ min of the Hessian")
    upper.loglog(steps, bowl, color=INK, linestyle="--", label="λ max of Gauss-Newton")
    shown = noise > 0
    if shown.any():
        upper.loglog(steps[shown], noise[shown], color=GREEN, linestyle="-.", label="trace of the noise Σ")
    values = np.concatenate([part[np.isfinite(part) & (part > 0)] for part in (highest, -lowest, bowl, noise)])
    upper.set(ylabel="Size", xlim=(steps[0], max(steps[-1], steps[0] + 1)), ylim=(0.3 * values.min(), 3 * values.max()))
    decades(upper.yaxis, 0.3 * values.min(), 3 * values.max(), most=6)
    upper.legend(loc="lower left", fontsize=letters(11))
    lower.semilogx(steps, path.column("with_hessian"), color=BLUE, marker="o", markersize=4, label="cos(Σ, Hessian)")
    lower.semilogx(steps, path.column("with_gauss_newton"), color=INK, linestyle="--", label="cos(Σ, Gauss-Newton)")
    lower.semilogx(steps, path.column("along_top"), color=GREEN, linestyle="-.", label="share of Σ along top eigenvector")
    lower.set(xlabel="Step", ylabel="Alignment", xlim=upper.get_xlim(), ylim=(-0.03, 1.05))
    lower.legend(loc="lower right", fontsize=letters(11))
    for ax in (upper, lower):
        decades(ax.xaxis, steps[0], max(steps[-1], steps[0] + 1))
        ax.grid(True, which="major", color=INK, alpha=0.15, linewidth=0.8)
