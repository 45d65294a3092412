"""Figures 10 to 15 and the other pictures of section 7: what is drawn is what was given, and legible."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import netbp as nb
from netbp.figures import (
    architecture_size,
    draw_architecture,
    draw_confusion,
    draw_convolution_matrix,
    draw_dropout,
    draw_feature_maps,
    draw_filters,
    draw_misclassified,
    draw_training,
    encoded,
    house_style,
    new_figure,
)
from netbp.figures.architecture import blocks_of
from netbp.figures.convolution import sampled_symbol
from netbp.figures.dropout import weighted_inputs
from netbp.figures.pictures import mosaic
from netbp.figures.training import steps_per_epoch
from netbp.run import Series

PAPER = json.loads((Path(__file__).parent / "data" / "confusion.json").read_text())
CLIPPED = ((0, 1), (0, 1))


def axes(rows=1, columns=1, **layout):
    with house_style():
        return new_figure(rows, columns, **layout)[1]


def cifar_network(rates=()):
    drop = [[nb.Dropout(rate)] for rate in rates] or [[]] * 4
    return nb.Network.chain(
        (3, 32, 32),
        *[nb.Conv(32, 5, pad=2), nb.Pool(3, 2, pad=CLIPPED), nb.relu, *drop[0]],
        *[nb.Conv(32, 5, pad=2), nb.relu, nb.Pool(3, 2, pad=CLIPPED, kind="average"), *drop[1]],
        *[nb.Conv(64, 5, pad=2), nb.relu, nb.Pool(3, 2, pad=CLIPPED, kind="average"), *drop[2]],
        *[nb.Conv(64, 4), nb.relu, *drop[3], nb.Dense(10)],
    )


NETWORKS = {
    "figure 10": cifar_network(),
    "dropout": cifar_network((0.15, 0.15, 0.15, 0.35)),
    "dense": nb.Network.dense(784, 30, 10),
    "signal": nb.Network.chain((1, 40), nb.Conv(4, 5, stride=2), nb.tanh, nb.Pool(2), nb.Flatten(), nb.Dense(3, nb.tanh)),
    "deep": nb.Network.chain((3, 8, 8), nb.Flip(), *[nb.Conv(4, 3, pad=1, activation=nb.leaky_relu)] * 13, nb.Dense(2)),
}


def written(ax):
    return [text.get_text() for text in ax.texts]


# -- figure 10 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_every_volume_of_a_network_is_drawn_and_named(network):
    ax = axes(size=architecture_size(network))
    draw_architecture(ax, network)
    text = "\n".join(written(ax))
    counted = [layer for layer in network.layers if layer.size or isinstance(layer, nb.Pool)]
    assert sum(len(block.volumes) for block in blocks_of(network)) == len(counted) + 1
    windows = sum(not isinstance(layer, nb.Dense) for layer in counted)
    assert windows <= len(ax.patches) - 3 * (len(counted) + 1) + 2  # three faces each; windows between rows are not drawn
    assert len(ax.patches) <= 3 * (len(counted) + 1) + windows
    for layer in network.layers:
        if layer.size:
            assert f"{layer.size:,} parameters" in text
        if isinstance(layer, nb.Dropout):
            assert f"dropout {layer.rate}" in text


def test_figure_10_has_the_papers_five_blocks_and_dimensions():
    ax = axes()
    draw_architecture(ax, NETWORKS["figure 10"])
    text = written(ax)
    assert [word for word in text if word.startswith("Block")] == [f"Block {k}" for k in range(1, 6)]
    shapes = ["32×32×3", "32×32×32", "16×16×32", "16×16×32", "8×8×32", "8×8×64", "4×4×64", "1×1×64", "10"]
    assert [word for word in text if "×" in word and "\n" not in word] + text[-3:-2] == shapes
    assert any("32 filters 5×5\n2,432 parameters\nmax pool 3×3\nstride 2\nReLU" in word for word in text)


@pytest.mark.parametrize("name", NETWORKS)
def test_words_stay_inside_and_neighbours_do_not_touch(name):
    network = NETWORKS[name]
    with house_style():
        figure, ax = new_figure(size=architecture_size(network), margins=(0, 0, 1, 1))
        draw_architecture(ax, network)
        figure.canvas.draw()
        boxes = [text.get_window_extent() for text in ax.texts]
    frame = figure.bbox
    for k, box in enumerate(boxes):
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1 + 1
        assert frame.y0 <= box.y0
        assert box.y1 <= frame.y1 + 1
        assert not any(box.overlaps(other) for other in boxes[k + 1 :]), written(ax)[k]


# -- figures 11 and 12 ---------------------------------------------------------------------------------------------------

CURVES = {
    "cost": [1.5, 1.0, 0.8],
    "held_out": [1.2, 1.1, 1.15],
    "top1": [0.5, 0.4, 0.3],
    "held_out_top1": [0.45, 0.42, 0.41],
    "top5": [0.1, 0.05, 0.02],
    "held_out_top5": [0.08, 0.06, 0.05],
}


def made_up_run(curves=CURVES, batch=100, points=50_000):
    steps = 500 * np.arange(1, 4)
    series = {name: Series(steps, np.array(values)) for name, values in curves.items()}
    return SimpleNamespace(series=series, settings={"problem": {"points": points}, "method": {"batch": batch}})


def test_training_is_circles_validation_crosses_epochs_below_and_errors_in_per_cent():
    panels = axes(1, 3)
    draw_training(panels, made_up_run())
    for ax, name, factor in zip(panels, ("cost", "top1", "top5"), (1.0, 100.0, 100.0), strict=True):
        training, validation = ax.lines
        assert (training.get_marker(), validation.get_marker()) == ("o", "x")
        assert ax.get_xlabel() == "epoch"
        np.testing.assert_array_equal(training.get_xdata(), [1, 2, 3])
        np.testing.assert_array_equal(training.get_ydata(), factor * np.array(CURVES[name]))
        held_out = "held_out" if name == "cost" else f"held_out_{name}"
        np.testing.assert_array_equal(validation.get_ydata(), factor * np.array(CURVES[held_out]))
    assert [ax.get_title() for ax in panels] == ["objective", "top-1 error, %", "top-5 error, %"]
    assert [text.get_text() for text in panels[0].get_legend().get_texts()] == ["training", "validation"]


def test_epochs_follow_from_the_settings_or_the_first_record():
    assert steps_per_epoch(made_up_run()) == 500
    assert steps_per_epoch(made_up_run(points=50_001)) == 501
    assert steps_per_epoch(made_up_run(points=None)) == 500
    with pytest.raises(ValueError, match="record=None"):
        steps_per_epoch(SimpleNamespace(series={}, settings={}))


def test_curves_that_were_not_recorded_are_asked_for():
    curves = {name: values for name, values in CURVES.items() if name != "held_out_top1"}
    with pytest.raises(ValueError, match=r"no record of 'held_out_top1'.*held-out data"):
        draw_training(axes(1, 3), made_up_run(curves))
    draw_training(axes(1, 2)[:1], made_up_run(curves))  # the first panel needs only the objective


# -- figures 13 and 14 ---------------------------------------------------------------------------------------------------


def test_figure_13_writes_every_count_and_percentage_into_its_cell():
    confusion = nb.Confusion(np.array(PAPER["13"]["counts"]), tuple(PAPER["classes"]))
    ax = axes()
    draw_confusion(ax, confusion)
    cells = {}
    for text in ax.texts:
        x, y = text.get_position()
        cells.setdefault((int(y), int(x)), []).append(text.get_text())
    assert len(cells) == len(ax.patches) == 121
    for i, row in enumerate(confusion.cells):
        for j, cell in enumerate(row):
            assert cells[i, j] == list(cell)
    tints = {(round(patch.xy[0][1]), round(patch.xy[0][0])): patch.get_facecolor() for patch in ax.patches}
    assert len({tints[k, k] for k in range(10)}) == 1
    assert tints[0, 0] != tints[0, 1] != tints[0, 10] != tints[10, 10]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Target Class", "Output Class")
    assert [label.get_text() for label in ax.get_xticklabels()] == [*PAPER["classes"], "all"]
    low, high = ax.get_ylim()
    assert low > high  # the first class on top


@pytest.mark.parametrize("K", [2, 16, 20, 100])
def test_confusions_of_any_number_of_classes_can_be_drawn(K):
    rng = np.random.default_rng(K)
    true = rng.integers(0, K, 500)
    with house_style():
        figure, ax = new_figure()
        draw_confusion(ax, nb.Confusion.counted(true, true, [f"class {k}" for k in range(K)]))
        figure.canvas.draw()
    assert bool(ax.texts) == (K <= 16)


# -- figure 15, filters, feature maps ------------------------------------------------------------------------------------


def test_misclassified_images_show_what_was_said_and_in_parentheses_what_is_true():
    rng = np.random.default_rng(0)
    panels = axes(2, 2)
    images = rng.integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    draw_misclassified(panels, images, [0, 1, 0], [1, 2, 2], ("cat", "dog", "frog"))
    assert [ax.get_title() for ax in panels.flat] == ["cat\n(dog)", "dog\n(frog)", "cat\n(frog)", ""]
    for ax, image in zip(panels.flat, images, strict=False):
        np.testing.assert_array_equal(ax.images[0].get_array(), image)
    assert not panels[1, 1].images
    with pytest.raises(ValueError, match="3 images need"):
        draw_misclassified(panels, images, [0, 1], [1, 2, 2], ("cat", "dog", "frog"))


def test_filters_are_scaled_one_by_one_around_grey_and_whitening_is_said():
    W = np.random.default_rng(1).standard_normal((8, 3, 5, 5)) * np.logspace(0, 3, 8)[:, None, None, None]
    ax = axes()
    draw_filters(ax, W, whitened=True)
    (image,) = ax.images
    shown = np.asarray(image.get_array())
    assert shown.shape == (2 * 6 - 1, 4 * 6 - 1, 3)
    np.testing.assert_allclose(shown[:5, :5], 0.5 + 0.5 * W[0].transpose(1, 2, 0) / np.abs(W[0]).max())
    assert "whitened" in ax.get_title()
    grey = axes()
    draw_filters(grey, W[:, :2])
    assert "16 filters" in grey.get_title()
    assert "whitened" not in grey.get_title()
    with pytest.raises(ValueError, match="filters, channels, height, width"):
        draw_filters(grey, W[0])


@pytest.mark.parametrize("n", [1, 2, 7, 32, 64])
def test_a_mosaic_holds_every_picture_once(n):
    pictures = np.arange(1, n + 1)[:, None, None, None] * np.ones((n, 3, 4, 1)) / 100.0
    whole = mosaic(pictures)
    for k in range(1, n + 1):
        assert np.count_nonzero(whole == k / 100.0) == 12


def test_feature_maps_become_mosaics_and_vectors_bars():
    rng = np.random.default_rng(2)
    panels = axes(1, 4)
    maps = [("block 1", rng.random((8, 6, 6))), ("block 2", rng.random((5, 1, 1))), ("outputs", np.array([1.0, -2.0]))]
    draw_feature_maps(panels, rng.random((6, 6, 1)), maps, ("cat", "dog"))
    assert [ax.get_title() for ax in panels] == ["the image", "block 1", "block 2", "outputs"]
    shown = np.asarray(panels[1].images[0].get_array())
    assert (shown.min(), shown.max()) == (0.0, 1.0)
    assert len(panels[2].patches) == 5
    assert [label.get_text() for label in panels[3].get_yticklabels()] == ["cat", "dog"]
    assert [bar.get_width() for bar in panels[3].patches] == [1.0, -2.0]
    draw_feature_maps(axes(1, 2), rng.random((6, 6, 3)), [("all alike", np.ones((2, 3, 3)))])
    with pytest.raises(ValueError, match="need 4 axes"):
        draw_feature_maps(panels[:2], rng.random((6, 6, 1)), maps)


# -- convolution and dropout ---------------------------------------------------------------------------------------------


def test_the_matrix_of_29_is_written_out_and_its_singular_values_lie_on_the_symbol():
    left, right = axes(1, 2)
    draw_convolution_matrix((left, right), [1, -1], 6)
    assert sorted(written(left)) == sorted(["1", "−1"] * 5)
    symbol, values = right.lines
    # D D^T is tridiagonal, 2 and -1, with the eigenvalues 4 sin^2(k pi/12); |1 - exp(i theta)| = 2 sin(theta/2). Some roundings.
    expected = 2 * np.sin(np.arange(5, 0, -1) * np.pi / 12)
    np.testing.assert_allclose(values.get_ydata(), expected, rtol=1e-14)
    np.testing.assert_allclose(symbol.get_ydata(), expected, rtol=1e-14)
    assert right.get_title() == "rank 5 of 5"


def test_with_a_stride_or_several_filters_there_are_singular_values_only():
    left, right = axes(1, 2)
    draw_convolution_matrix((left, right), [1.0, 2.0, 3.0, 4.0], 10, stride=2)
    assert len(right.lines) == 1
    assert len(written(left)) == 16
    left, right = axes(1, 2)
    draw_convolution_matrix((left, right), np.ones((2, 3, 3, 3)), (3, 5, 5))
    assert len(right.lines) == 1
    assert right.get_title() == "rank 9 of 18"  # both filters are the same
    assert not written(left)


def test_the_symbol_is_the_filters_fourier_series():
    kernel = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    n = 6
    theta, phi = np.meshgrid(np.arange(1, n) * np.pi / n, np.arange(-n + 1, n) * np.pi / n, indexing="ij")
    expected = np.sort(np.abs(4 - 2 * np.cos(theta) - 2 * np.cos(phi)).reshape(-1))[::-1]
    np.testing.assert_allclose(sampled_symbol(kernel, (n, n)), expected, atol=1e-13)  # a few eps of 8
    x = np.random.default_rng(0).standard_normal(3)
    full = np.abs(np.fft.fft(x, 12))[1:6]  # the frequencies k pi/6
    np.testing.assert_allclose(sampled_symbol(x, (6,)), np.sort(full)[::-1], rtol=1e-13)


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
@pytest.mark.parametrize("rate", [0.15, 0.5])
def test_dropout_keeps_the_mean_of_the_weighted_input_for_both_scalings(scaling, rate):
    rng = np.random.default_rng(3)
    a, w, b = rng.random(40), rng.standard_normal(40), 0.3
    z = weighted_inputs(a, w, b, rate, scaling, n=20_000)
    assert z.mean == pytest.approx(z.evaluation, rel=1e-13)
    assert abs(z.training.mean() - z.mean) < 4 * z.deviation / np.sqrt(20_000)
    assert z.training.std() == pytest.approx(z.deviation, rel=0.03)  # the standard error of a standard deviation is 0.5 %
    assert z.deviation > 0.1


def test_the_two_scalings_differ_by_the_factor_one_minus_p():
    a, w = np.ones(5), np.arange(5.0)
    one, other = (weighted_inputs(a, w, 0.0, 0.35, scaling, n=100) for scaling in ("training", "evaluation"))
    np.testing.assert_allclose(0.65 * one.training, other.training, rtol=1e-14, atol=1e-14)
    assert 0.65 * one.evaluation == pytest.approx(other.evaluation)
    with pytest.raises(ValueError, match='"training" or "evaluation"'):
        weighted_inputs(a, w, 0.0, 0.35, "both")


def test_the_dropout_figure_shows_that_means_agree_before_and_not_after_the_nonlinearity():
    rng = np.random.default_rng(0)
    panels = axes(2, 2)
    draw_dropout(panels, np.maximum(rng.standard_normal(64), 0.0), 0.3 * rng.standard_normal(64), 0.0, 0.35)
    for before, after in panels:
        mean, evaluation = (line.get_xdata()[0] for line in before.lines)
        assert mean == pytest.approx(evaluation, rel=1e-12)
        mean, evaluation = (line.get_xdata()[0] for line in after.lines)
        assert mean > 1.1 * evaluation  # Jensen: relu is convex
        assert "mean" in written(before)[0]
    assert "the means agree" in panels[0, 0].get_title()
    assert "they do not" in panels[0, 1].get_title()
    panels = axes(2, 2)
    draw_dropout(panels, np.ones(9), np.linspace(0.0, 1.0, 9), 0.0, 0.35, nb.identity)
    assert "they agree, too" in panels[0, 1].get_title()


def test_the_pictures_give_the_same_bytes_each_time():
    def drawn():
        with house_style():
            figure, panels = new_figure(2, 2)
            draw_dropout(panels, np.ones(9), np.linspace(-1, 1, 9), 0.1, 0.5)
        return encoded(figure, "svg")

    assert drawn() == drawn()
