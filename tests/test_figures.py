"""Figures: what is drawn is what was computed; saving is deterministic and leaves the user's settings alone."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest

import netbp as nb
from netbp.engines.reference import Reference
from netbp.figures import (
    count_in_category,
    draw_activation,
    draw_costs,
    draw_decay,
    draw_network,
    draw_points,
    draw_region,
    encoded,
    house_style,
    new_figure,
    save,
)
from netbp.figures.plane import categories, grid_outputs, margin
from netbp.run import Series

NETWORK = nb.Network.dense(2, 2, 3, 2)
PROBLEM = nb.Problem(NETWORK, nb.quadratic, nb.data.ten_points(), engine=Reference())


def axes():
    with house_style():
        return new_figure()[1]


def run_with(steps, values):
    return SimpleNamespace(series={"cost": Series(np.asarray(steps), np.asarray(values))})


def test_figure_8_shades_the_reference_number_of_grid_points(reference_run):
    assert count_in_category(PROBLEM, reference_run["trained"]) == 134_972


def test_shaded_region_is_where_f1_exceeds_f2(reference_run):
    ax = axes()
    p = np.array(reference_run["trained"])
    draw_region(ax, PROBLEM, p, points=101)
    shaded = ax.collections[0].get_paths()
    rng = np.random.default_rng(1)
    points = rng.random((400, 2))
    F = PROBLEM.predict(p, points)
    clear = np.abs(F[:, 0] - F[:, 1]) > 0.2  # the contour is linear between grid points 0.01 apart
    assert clear.sum() > 100
    inside = sum(path.contains_points(points[clear]).astype(int) for path in shaded) > 0
    assert (inside == (F[clear, 0] > F[clear, 1])).all()


def test_points_are_drawn_where_they_are_with_circles_for_a_and_crosses_for_b():
    ax = axes()
    draw_points(ax, nb.data.eleven_points())
    circles, crosses = ax.lines
    assert circles.get_marker() == "o"
    assert crosses.get_marker() == "x"
    np.testing.assert_array_equal(circles.get_xydata(), np.asarray(nb.data.ten_points().x)[:5])
    assert [0.3, 0.7] in crosses.get_xydata().tolist()
    assert [t.get_text() for t in ax.get_xticklabels()] == ["0", "1"] == [t.get_text() for t in ax.get_yticklabels()]


def test_grid_rows_are_the_second_coordinate():
    x1, x2, F = grid_outputs(PROBLEM, np.arange(23) / 10, 5, (0.0, 1.0, 2.0, 3.0))
    np.testing.assert_array_equal(F[1, 3], PROBLEM.predict(np.arange(23) / 10, [x1[3], x2[1]]))
    assert (x2[0], x2[-1]) == (2.0, 3.0)


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_margin_is_positive_exactly_in_the_category_that_classify_names(outputs):
    network = nb.Network.dense(2, 4, outputs)
    y = np.zeros((3, outputs))
    problem = nb.Problem(network, nb.quadratic, nb.Data(np.eye(3)[:, :2], y), engine=Reference())
    _, _, F = grid_outputs(problem, network.draw(3), 21)
    labels = categories(F.reshape(-1, outputs)).reshape(21, 21)
    for category in range(max(2, outputs)):
        np.testing.assert_array_equal(margin(F, category) > 0, labels == category)
    draw_region(axes(), problem, network.draw(3), 21)


def test_a_network_that_says_the_same_everywhere_is_drawn_without_a_boundary():
    ax = axes()
    draw_region(ax, PROBLEM, np.zeros(23), points=11)  # F_1 = F_2 everywhere: no region
    assert not ax.collections
    p = np.zeros(23)
    p[-2] = 1.0  # F_1 > F_2 everywhere: all grey
    draw_region(ax, PROBLEM, p, points=11)
    assert len(ax.collections) == 1


def test_costs_of_a_million_steps_are_drawn_at_1_10001_and_so_on():
    ax = axes()
    steps = np.arange(1, 1_000_001)
    draw_costs(ax, run_with(steps, 1.0 / steps), factor=20.0)
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 1_000_000, 10_000))
    np.testing.assert_array_equal(line.get_ydata(), 20.0 * (1.0 / np.arange(1, 1_000_000, 10_000)))
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_yscale()) == ("Iteration Number", "Value of cost function", "log")


@pytest.mark.parametrize("n", [1, 2, 99, 150])
def test_short_runs_are_drawn_whole_or_nearly(n):
    ax = axes()
    draw_costs(ax, run_with(np.arange(1, n + 1), np.ones(n)))
    assert len(ax.lines[0].get_xdata()) >= min(n, 100)


def test_costs_that_were_not_recorded_are_asked_for():
    with pytest.raises(ValueError, match="record=1"):
        draw_costs(axes(), SimpleNamespace(series={}))


def test_lower_curve_of_figure_2_is_the_sigmoid_scaled_and_shifted():
    ax = axes()
    draw_activation(ax, weight=3.0, shift=5.0)
    x, y = ax.lines[-1].get_data()
    np.testing.assert_allclose(y, 1 / (1 + np.exp(-3 * (x - 5))), rtol=4e-15)  # a few roundings of 3(x - 5), up to 45
    assert ax.get_ylabel() == r"$\sigma(3(x - 5))$"


@pytest.mark.parametrize("sizes", [(2, 2, 3, 2), (4, 3, 4, 5, 2), (1, 1), (3, 10, 1)])
def test_every_neuron_is_a_circle_and_every_weight_an_arrow(sizes):
    ax = axes()
    draw_network(ax, nb.Network.dense(*sizes))
    assert len(ax.patches) == sum(sizes)
    arrows = [text for text in ax.texts if hasattr(text, "arrow_patch")]
    assert len(arrows) == sum(m * n for m, n in zip(sizes, sizes[1:], strict=False))
    names = [text.get_text() for text in ax.texts if not hasattr(text, "arrow_patch")]
    assert names[0] == "Layer 1\n(Input layer)"
    assert names[-1] == f"Layer {len(sizes)}\n(Output layer)"


def test_wide_layers_are_shortened_but_the_highlighted_weight_is_shown():
    ax = axes()
    draw_network(ax, nb.Network.dense(784, 30, 10), highlight=(15, 400, 2))
    assert len(ax.patches) == (9 + 2 * 3) + (9 + 2 * 3) + 10  # neurons, and three dots for each gap
    assert any("w_{15,400}^{[2]}" in text.get_text() for text in ax.texts)
    assert any("784 inputs" in text.get_text() for text in ax.texts)


def test_weights_show_their_sign_and_size():
    ax = axes()
    p = np.zeros(23)
    p[:4] = [1.0, -2.0, 4.0, 0.0]  # W[2] column by column
    draw_network(ax, NETWORK, p)
    first = ax.lines[:4]  # from neuron 1 to 1 and 2, then from neuron 2
    widths = [line.get_linewidth() for line in first]
    assert widths[2] > widths[1] > widths[0] > widths[3]
    assert first[1].get_color() != first[0].get_color() == first[2].get_color()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["positive, up to 4", "negative, down to -2"]


@pytest.mark.parametrize(
    ("highlight", "message"), [((4, 3, 9), "layers 2 to 4"), ((4, 1, 2), "2 by 2"), ((1, 0, 3), "3 by 2"), ((0, 1, 3), "3 by 2")]
)
def test_a_weight_that_is_not_there_is_refused(highlight, message):
    with pytest.raises(ValueError, match=message):
        draw_network(axes(), NETWORK, highlight=highlight)


def test_regions_need_two_inputs_and_points_two_columns():
    network = nb.Network.dense(3, 2)
    problem = nb.Problem(network, nb.quadratic, nb.Data(np.ones((1, 3)), np.ones((1, 2))), engine=Reference())
    with pytest.raises(ValueError, match="2 inputs"):
        draw_region(axes(), problem, np.zeros(8))
    with pytest.raises(ValueError, match="2 columns"):
        draw_points(axes(), problem.data)
    with pytest.raises(ValueError, match="at least 2 points"):
        draw_region(axes(), PROBLEM, np.zeros(23), points=1)


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_the_same_drawing_gives_the_same_bytes(kind):
    def drawn():
        with house_style():
            figure, ax = new_figure()
            draw_network(ax, NETWORK, highlight=(3, 1, 3))
        return encoded(figure, kind)

    content = drawn()
    assert content == drawn()
    assert content[:4] in (b"\x89PNG", b"%PDF", b"<?xm")
    if kind == "pdf":
        assert b"/FontFile2" in content  # TrueType, embedded


def test_settings_of_the_user_neither_change_nor_matter():
    with house_style():
        figure, ax = new_figure()
        draw_points(ax, nb.data.ten_points())
    plain = encoded(figure, "svg")
    with mpl.rc_context({"font.size": 33, "svg.fonttype": "none", "axes.linewidth": 7}):
        before = dict(mpl.rcParams)
        with house_style():
            figure, ax = new_figure()
            draw_points(ax, nb.data.ten_points())
        assert encoded(figure, "svg") == plain
        assert dict(mpl.rcParams) == before


def test_saving_follows_the_ending_and_refuses_unknown_ones(tmp_path):
    with house_style():
        figure, ax = new_figure()
        draw_points(ax, nb.data.ten_points())
    assert save(figure, tmp_path / "points.PDF").read_bytes().startswith(b"%PDF")
    with pytest.raises(ValueError, match="png, pdf, svg"):
        save(figure, tmp_path / "points.gif")
    assert [path.name for path in tmp_path.iterdir()] == ["points.PDF"]


def test_the_decay_is_compared_with_a_linear_rate():
    ax = axes()
    steps = np.arange(1000, 10_001, 100)
    values = 3.0 * steps**-2.0
    draw_decay(ax, steps, values, [(2000, 3000, -2.0), (9000, 10_000, -2.0)])
    computed, linear = ax.lines[:2]
    np.testing.assert_array_equal(computed.get_ydata(), values)
    x, y = linear.get_data()
    at = dict(zip(x, y, strict=True))
    # Through the first window's ends; afterwards below a power of the step. exp and log round a few times.
    assert (at[2000], at[3000]) == pytest.approx((values[10], values[20]), rel=1e-13)
    assert (y[x > 3000] < 3.0 * x[x > 3000] ** -2.0).all()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


@pytest.mark.parametrize(
    ("values", "labels"),
    [([4.0, 1e-3], {"10⁻²", "10⁰"}), ([5.3, 4.9], {"5", "5.1"}), ([300.0, 20.0], {"$\\mathdefault{10^{2}}$"})],
    ids=["decades", "narrow", "one power of ten"],
)
def test_costs_of_any_range_have_labels(values, labels):
    ax = axes()
    draw_costs(ax, run_with([1, 1000], values))
    with house_style():
        assert labels <= {text.get_text() for text in ax.get_yticklabels(which="both")}


def test_many_steps_share_a_power_of_ten():
    ax = axes()
    draw_costs(ax, run_with([1, 10**6], [1.0, 0.5]))
    encoded(ax.figure, "svg")
    assert ax.xaxis.get_offset_text().get_text() == "× 10⁶"
