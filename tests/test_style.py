"""Laws of the style and of figure functions: one file of settings, colours that stay apart, and drawings on the given axes only."""

from __future__ import annotations

import importlib
import inspect
import itertools
import pkgutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

import netbp as nb
import netbp.figures
from netbp.analysis.calibration import calibration
from netbp.analysis.random_labels import random_labels
from netbp.analysis.saturated import saturation_along
from netbp.analysis.stability import twin_runs
from netbp.figures import draw_points, encoded, house_style, new_figure
from netbp.figures.style import BLUE, GREEN, INK, OCHRE, RED, STYLE, VIOLET, letters
from patience import SECONDS

PACKAGE = Path(nb.__file__).parent

# -- the style -----------------------------------------------------------------------------------------------------


@pytest.fixture
def settings() -> Any:
    with mpl.rc_context():
        mpl.rcdefaults()
        yield mpl.rcParams


def test_matplotlib_finds_the_style_by_its_name(settings: Any) -> None:
    plt.style.use("netbp.style")
    assert {key: settings[key] for key in STYLE} == dict(STYLE)
    assert settings["axes.labelsize"] == 17


def test_the_style_in_matplotlib_and_the_context_are_the_same_settings(settings: Any) -> None:
    plt.style.use("netbp.style")
    used = dict(settings)
    mpl.rcdefaults()
    before = dict(settings)
    with nb.style():
        assert dict(settings) == used
    assert dict(settings) == before


@pytest.mark.parametrize("size", ["slide", "column"])
def test_sizes_are_added_to_the_style(size: Any, settings: Any) -> None:
    plt.style.use(["netbp.style", f"netbp.{size}"])
    used = dict(settings)
    mpl.rcdefaults()
    with nb.style(size):
        assert dict(settings) == used
        figure, ax = new_figure()
        assert tuple(figure.get_size_inches()) == tuple(used["figure.figsize"])
        assert letters(14) == used["font.size"]
    assert used["axes.prop_cycle"] == STYLE["axes.prop_cycle"]
    assert (used["font.size"] > 14) == (size == "slide")


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(ValueError, match="slide, column, but 'poster'"), nb.style("poster"):  # type: ignore[arg-type]
        pass


def test_a_figure_is_saved_in_the_size_it_was_drawn_in() -> None:
    with nb.style("column"):
        figure, ax = new_figure()
        draw_points(ax, nb.data.ten_points())
    inside_size = encoded(figure, "svg")
    with nb.style("column"):
        again, ax = new_figure()
        draw_points(ax, nb.data.ten_points())
        assert encoded(again, "svg") == inside_size
    assert b"matplotlib" in inside_size.lower()
    with house_style():
        plain, ax = new_figure()
        draw_points(ax, nb.data.ten_points())
    assert encoded(plain, "svg") != inside_size


def test_the_files_lie_in_the_package() -> None:
    assert sorted(path.name for path in PACKAGE.glob("*.mplstyle")) == ["column.mplstyle", "slide.mplstyle", "style.mplstyle"]


def test_no_figure_has_colours_or_letters_of_its_own_beside_the_style() -> None:
    """The cycle's colours are written in the style only; letters are sized by the style in force."""
    cycle = [colour.lower() for colour in (BLUE, RED, GREEN, OCHRE, VIOLET, INK)]
    for path in (PACKAGE / "figures").glob("*.py"):
        text = path.read_text().lower()
        assert not [colour for colour in cycle if colour in text], path.name
        assert not [word for word in ("fontsize=1", "fontsize=2", "labelsize=1") if word in text], path.name


# Machado, Oliveira & Fernandes, IEEE TVCG 15, 2009: what is seen of linear RGB without one kind of cone.
SIGHT = {
    "all cones": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colour: str) -> np.ndarray:
    c = np.array(mpl.colors.to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of linear RGB."""
    xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]) @ rgb
    t = xyz / np.array([0.95047, 1.0, 1.08883])
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
def test_the_cycle_stays_apart_for_the_colour_blind(sight: str) -> None:
    seen = [lab(np.clip(np.asarray(SIGHT[sight]) @ linear(colour), 0, 1)) for colour in (BLUE, RED, GREEN, OCHRE, VIOLET, INK)]
    # Distances of 2 are just seen side by side; 20 is apart at a glance, in thin lines, too.
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) > 20


def test_the_cycle_stands_out_from_a_white_page() -> None:
    for colour in (BLUE, RED, GREEN, OCHRE, VIOLET, INK):
        luminance = np.array([0.2126, 0.7152, 0.0722]) @ linear(colour)
        assert 1.05 / (luminance + 0.05) >= 3.0  # WCAG 2.1, 1.4.11, for graphical objects


# -- figure functions ----------------------------------------------------------------------------------------------


def figure_functions() -> dict[str, Callable[..., Any]]:
    """draw_... of netbp.figures, and of its modules for analysis."""
    modules = [netbp.figures]
    modules += [
        importlib.import_module(f"netbp.figures.{module.name}")
        for module in pkgutil.iter_modules(netbp.figures.__path__)
        if module.name.startswith("analysis_")
    ]
    found: dict[str, Callable[..., Any]] = {}
    for module in modules:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("draw_") and (module is netbp.figures or function.__module__ == module.__name__):
                found[name if name not in found else f"{module.__name__.rpartition('.')[2]}.{name}"] = function
    return found


FUNCTIONS = figure_functions()
NETWORK = nb.Network.dense(2, 2, 3, 2)
PROBLEM = nb.Problem(NETWORK, nb.quadratic, nb.data.ten_points())
P = NETWORK.draw(nb.MatlabRandom(5000))
LM = nb.LevenbergMarquardt()
RATES = [0.5, 0.25]


@cache
def run() -> nb.Run:
    return nb.train(PROBLEM, nb.StochasticGradient(rate=0.5), steps=3000, start=P, rng=1, record=1)


@cache
def trained() -> nb.Run:
    """A run by epochs, with the curves of figure 11."""
    curves = {name: nb.Series(np.arange(1, 4), np.array([0.9, 0.5, 0.3])) for name in ("cost", "top1", "top5")}
    curves |= {"held_out": curves["cost"], "held_out_top1": curves["top1"], "held_out_top5": curves["top5"]}
    return nb.Run(nb.State(P), 1.0, 0.3, curves)


@cache
def agreement() -> nb.Agreement:
    from netbp.engines.compiled import Compiled
    from netbp.engines.reference import Reference

    return nb.agreement(PROBLEM, P, steps=100, slow_steps=20, engines=[Reference(), Compiled()])


@cache
def compared() -> nb.Comparison:
    return nb.compare(PROBLEM, {"LM": LM, "L-BFGS": nb.LBFGS()}, 3, budget=200)


def affine() -> nb.LinearOrders:
    x = np.random.default_rng(0).standard_normal((6, 2))
    problem = nb.Problem(nb.Network.dense(2, 1, activation=nb.identity), nb.quadratic, nb.Data(x, x[:, :1] - 0.3))
    return nb.linear_orders(problem, np.zeros(3), 1.0, [0.1, 0.05])


def images() -> Any:
    return np.random.default_rng(0).random((2, 4, 4, 3))


@cache
def labels() -> Any:
    held_out = nb.Problem(NETWORK, nb.quadratic, nb.data.ten_points(), held_out=nb.data.eleven_points())
    return random_labels(held_out, nb.StochasticGradient(), 20, 10)


@cache
def flat() -> Any:
    return saturation_along(PROBLEM, nb.StochasticGradient(), [0, 10, 20], P)


def curve(vary: str) -> nb.GeneralisationCurve:
    family = nb.Family("ten", 2, held_out=9)
    return nb.generalisation_curve(nb.varied(family, vary), [5, 9], LM, 2, vary=vary)


# By function: how many axes it takes, and what besides.
CASES: dict[str, tuple[Any, Callable[[], tuple[Any, ...]]]] = {
    "draw_activation": (1, tuple),
    "draw_architecture": (1, lambda: (nb.Network.chain((1, 8, 8), nb.Conv(2, 3), nb.Pool(2), nb.Dense(2)),)),
    "draw_atlas": (1, lambda: (nb.atlas(PROBLEM, LM, starts=40, workers=1),)),
    "draw_bands": (1, lambda: (nb.cost_bands(PROBLEM, P, 0.05, [1.0, 2.0], M=8),)),
    "draw_comparison": (1, lambda: (compared(),)),
    "draw_confusion": (1, lambda: (nb.Confusion.counted([0, 1, 1, 2], [0, 1, 2, 2], "abc"),)),
    "draw_connection": (1, lambda: (nb.connect(PROBLEM, P, -P, steps=20, n=11),)),
    "draw_convergence": (3, lambda: (nb.convergence(run()),)),
    "draw_convolution_matrix": (2, lambda: ([1.0, -1.0], 6)),
    "draw_costs": (1, lambda: (run(),)),
    "draw_curvature_path": (2, lambda: (nb.curvature_along(PROBLEM, nb.SteepestDescent(), [0, 5], P),)),
    "draw_decay": (1, lambda: (np.arange(1000, 10_001, 100), np.arange(1000, 10_001, 100) ** -2.0, [(2000, 3000, -2.0)])),
    "draw_density": (1, lambda: (nb.spectral_density(nb.hessian(PROBLEM, P), 3, 4),)),
    "draw_dropout": ((2, 2), lambda: ([1.0, 2.0], [0.5, -0.2], 0.1, 0.5)),
    "draw_end_costs": (1, lambda: (nb.atlas(PROBLEM, LM, starts=40, workers=1),)),
    "analysis_generalisation.draw_filters": (1, tuple),
    "draw_double_descent": (1, lambda: (nb.double_descent(6, 9, (2, 9), replicates=3),)),
    "draw_ends": (1, lambda: (nb.sampled_spectrum(PROBLEM, P, 5, 10),)),
    "draw_fit_times": (1, lambda: (labels(),)),
    "draw_fits": (1, lambda: (labels(),)),
    "draw_generalisation": (1, lambda: (curve("points"),)),
    "draw_margins": (1, lambda: (labels(),)),
    "draw_reliability_diagram": (1, lambda: ([calibration(nb.softmax_log_loss.predict(PROBLEM.data.x), PROBLEM.data.y, 2)],)),
    "draw_saturation": (1, lambda: ([flat()], 2)),
    "draw_saturation_costs": (1, lambda: ([flat()],)),
    "draw_stopping_risks": (1, lambda: (nb.early_stopping(np.eye(3), 1.0, 0.5, [1.0, 2.0]),)),
    "draw_twins": (1, lambda: (twin_runs(PROBLEM, nb.data.eleven_points(), 0.5, [5, 10, 20], 5),)),
    "draw_unseen": (1, lambda: (labels(),)),
    "draw_unsureness": (1, lambda: (np.arange(3.0), np.arange(2.0), np.ones((2, 3)))),
    "draw_width_sweep": (1, lambda: (curve("width"),)),
    "draw_wrong_by_entropy": (1, lambda: ([("ten", np.full((40, 2), 0.5), np.eye(2)[np.arange(40) % 2])],)),
    "draw_error_bounds": (1, lambda: (nb.error_bound(NETWORK, P, PROBLEM.data.x, PROBLEM.data.y).confirmed(120),)),
    "draw_escapes": (1, lambda: (nb.escape_times(PROBLEM, run().p, 0.5 * run().final_cost, [(0.5, 1), (0.5, 2)], 200.0, M=5),)),
    "draw_feature_maps": (2, lambda: (images()[0], [("values", np.arange(4.0))])),
    "draw_filters": (1, lambda: (np.random.default_rng(0).standard_normal((2, 3, 4, 4)),)),
    "draw_flow": (1, lambda: (nb.gradient_flow(PROBLEM, P, 20.0),)),
    "draw_loglog": (1, lambda: (nb.convergence(run()),)),
    "draw_misclassified": (2, lambda: (images(), [0, 1], [1, 0], "ab")),
    "draw_network": (1, lambda: (NETWORK, P)),
    "draw_orders": (1, lambda: (affine(),)),
    "draw_partings": (1, lambda: (agreement().partings,)),
    "draw_points": (1, lambda: (nb.data.ten_points(),)),
    "draw_profile": (1, lambda: (compared().profile(),)),
    "draw_rate_range": (1, lambda: (nb.rate_range_test(PROBLEM, start=P, steps=100),)),
    "draw_ratios": (1, lambda: (nb.convergence(run()),)),
    "draw_region": (1, lambda: (PROBLEM, P, 21)),
    "draw_reliability": (1, lambda: (nb.reliability({"ten": PROBLEM}, {"LM": (LM, None, 5)}, [0.5, 1], workers=1),)),
    "draw_semilog": (1, lambda: (nb.convergence(run()),)),
    "draw_slice": (1, lambda: (nb.slice_plane(PROBLEM, P, np.eye(23)[:2], n=5),)),
    "draw_spectra": (1, lambda: (nb.curvature(PROBLEM, P).spectra[:2],)),
    "draw_time_steps": (1, lambda: (nb.trust_steps(PROBLEM, P, steps=5),)),
    "draw_training": (3, lambda: (trained(), 1.0)),
    "draw_weak_errors": (1, lambda: (nb.weak_errors(PROBLEM, P, 1.0, RATES, M=20),)),
}


def test_every_figure_function_has_a_case_here() -> None:
    assert sorted(set(FUNCTIONS) - set(CASES)) == [], "add a case to CASES for each of these"
    assert sorted(set(CASES) - set(FUNCTIONS)) == []


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_figure_function_takes_axes_first_and_says_what_it_draws(name: str) -> None:
    first = next(iter(inspect.signature(FUNCTIONS[name]).parameters.values()))
    count = CASES.get(name, (1,))[0]
    assert first.name == ("ax" if count == 1 else "axes")
    assert first.default is inspect.Parameter.empty
    assert inspect.getdoc(FUNCTIONS[name])


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) & set(CASES)))
def test_a_figure_function_draws_on_the_given_axes_and_makes_no_figure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    count, arguments = CASES[name]
    given = arguments()
    shape = count if isinstance(count, tuple) else (1, count)
    with house_style():
        figure, axes = new_figure(*shape, size=(7 * shape[1], 5 * shape[0]))
    made: list[Figure] = []
    plain = Figure.__init__
    monkeypatch.setattr(Figure, "__init__", lambda self, *a, **k: (made.append(self), plain(self, *a, **k))[1])
    before = dict(mpl.rcParams)
    with house_style():
        FUNCTIONS[name](axes, *given)
        figure.draw_without_rendering()
    assert made == []
    assert plt.get_fignums() == []
    assert dict(mpl.rcParams) == before
    for ax in np.atleast_1d(axes).ravel():
        assert ax.has_data() or ax.patches or ax.texts, f"{name} left an axis empty"
    further = set(figure.axes) - set(np.atleast_1d(axes).ravel())
    assert all(ax.get_label() == "<colorbar>" or ax in ax.figure.axes for ax in further)


class Seen:
    """The style's lock, which notes of every thread whether it came in at once."""

    def __init__(self, lock: Any) -> None:
        self.lock, self.at_once, self.tried = lock, [], threading.Event()

    def __enter__(self) -> None:
        self.at_once.append(self.lock.acquire(blocking=False))
        self.tried.set()
        if not self.at_once[-1]:
            self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


def test_a_style_is_not_changed_by_another_thread_s(monkeypatch: pytest.MonkeyPatch) -> None:
    module, sizes = importlib.import_module("netbp.figures.style"), []
    seen = Seen(module._one_at_a_time)

    def other() -> None:
        with nb.style():
            sizes.append(mpl.rcParams["font.size"])

    with nb.style("slide"):
        size = mpl.rcParams["font.size"]
        monkeypatch.setattr(module, "_one_at_a_time", seen)
        thread = threading.Thread(target=other)
        thread.start()
        assert seen.tried.wait(SECONDS)
        assert (seen.at_once, sizes) == ([False], [])
        assert mpl.rcParams["font.size"] == size
    thread.join(SECONDS)
    assert sizes == [14]


def test_figures_of_several_threads_are_those_of_one() -> None:
    def figure(size: Any) -> bytes:
        with nb.style(size):
            made, ax = new_figure()
            ax.plot([0.0, 1.0], [0.0, 1.0])
        return encoded(made, "svg")

    sizes = [None, "slide", "column"] * 3
    alone = {size: figure(size) for size in set(sizes)}
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(figure, sizes)) == [alone[size] for size in sizes]
