"""Figures 10 to 15 as experiments and on the command line: from saved runs, from new ones, and what is refused.

The images and the runs are made up: random pixels, random parameters, curves that no training gave.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import netbp as nb
from made_up import CLASSES, EXPERIMENT, made_up_images, made_up_run
from netbp.cli import main
from netbp.data.images import Images, labels, pictures
from netbp.engines.reference import Reference
from netbp.experiments import FIGURES, CifarExperiment
from netbp.experiments.image_drawings import FeatureMaps, confusion_of, draw_run, mistakes_of, stages
from netbp.experiments.layer_drawings import ArchitectureDrawing, ConvolutionDrawing, DropoutDrawing
from netbp.run import Run
from netbp.types import State


@pytest.fixture(autouse=True)
def images(monkeypatch, tmp_path) -> Images:
    monkeypatch.chdir(tmp_path)
    made = made_up_images()
    monkeypatch.setattr(CifarExperiment, "_all", lambda self: made)
    return made


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "made-up.npz"
    made_up_run().save(path)
    return path


def predicted(run, images):
    network = EXPERIMENT.network()
    point = nb.Data(np.zeros((1, 3072)), np.zeros((1, 10)))
    problem = nb.Problem(network, nb.softmax_log_loss, point, engine=Reference())
    return problem.classify(run.p, np.asarray(images.test.x, dtype=np.float32) / 255)


def test_the_confusion_is_that_of_the_networks_answers_to_preprocessed_test_images(images):
    run = made_up_run()
    confusion = confusion_of(EXPERIMENT, run)
    expected = nb.Confusion.counted(predicted(run, images), labels(images.test), CLASSES)
    np.testing.assert_array_equal(confusion.counts, expected.counts)
    assert confusion.classes == CLASSES
    assert confusion.top(5) >= confusion.accuracy == expected.accuracy


def test_an_honest_split_is_still_tested_on_the_test_images():
    run = made_up_run(replace(EXPERIMENT, validation="split"))
    np.testing.assert_array_equal(
        confusion_of(replace(EXPERIMENT, validation="split"), run).counts, confusion_of(EXPERIMENT, run).counts
    )


def test_mistakes_are_test_images_that_were_taken_for_something_else(images):
    run = made_up_run()
    found = mistakes_of(EXPERIMENT, run)
    assert len(found.true) == 16
    assert (found.predicted != found.true).all()
    answers, truth = predicted(run, images), labels(images.test)
    shown = pictures(np.asarray(images.test.x), images.shape)
    for picture, said, true in zip(found.pictures, found.predicted, found.true, strict=True):
        (k,) = np.flatnonzero((shown == picture).all(axis=(1, 2, 3)))
        assert (answers[k], truth[k]) == (said, true)
    np.testing.assert_array_equal(found.pictures, mistakes_of(EXPERIMENT, run).pictures)
    assert (mistakes_of(EXPERIMENT, run, seed=1).pictures != found.pictures).any()
    assert len(mistakes_of(EXPERIMENT, run, count=3).true) == 3


@pytest.mark.parametrize("dropout", [False, True])
def test_stages_are_the_blocks_outputs_and_the_last_is_the_networks(dropout):
    network = CifarExperiment(dropout=dropout).network()
    rng = np.random.default_rng(2)
    p, x = network.draw(rng, nb.he), rng.random(3072)
    found = stages(network, p, x)
    assert [stage.a.shape for stage in found] == [(32, 16, 16), (32, 8, 8), (64, 4, 4), (64, 1, 1), (10,)]
    assert [stage.title for stage in found][2:] == ["block 3: 4 × 4, 64 maps", "block 4", "outputs"]
    problem = nb.Problem(network, nb.quadratic, nb.Data(x[None], np.zeros((1, 10))), engine=Reference())
    np.testing.assert_array_equal(found[-1].a, problem.output(p, x))
    W, b = network.views(p)[-1]
    np.testing.assert_allclose(found[-1].a, W @ found[-2].a.reshape(-1) + b, rtol=1e-12)


@pytest.mark.parametrize(("picture", "panels"), [("curves", 3), ("confusion", 1), ("mistakes", 16), ("filters", 1)])
def test_every_picture_of_a_run_can_be_drawn(picture, panels):
    figure = draw_run(replace(EXPERIMENT, picture=picture), made_up_run())
    assert len(figure.axes) == panels


def test_a_run_without_errors_has_its_objective_drawn():
    run = made_up_run()
    curves = {name: run.series[name] for name in ("cost", "held_out")}
    assert len(draw_run(EXPERIMENT, replace(run, series=curves)).axes) == 1


def test_filters_of_a_network_without_convolutions_are_refused():
    class Dense:
        picture = "filters"

        def network(self):
            return nb.Network.dense(4, 3)

    with pytest.raises(ValueError, match="those of a convolution"):
        draw_run(Dense(), replace(made_up_run(), state=State(np.zeros(15), 0, {}, None)))


# -- drawings without a run ----------------------------------------------------------------------------------------------


def test_the_architecture_of_named_and_of_dense_networks():
    assert ArchitectureDrawing().network().size == 145_578
    assert ArchitectureDrawing(dropout=True).network().random
    assert ArchitectureDrawing(layers="784-30-10").network().sizes == (784, 30, 10)
    assert not ArchitectureDrawing(layers="mnist").network().is_dense
    figure = ArchitectureDrawing(layers="2-2-3-2").draw(made_up_run())  # a run's own network goes before the layers
    assert any("2,432 parameters" in text.get_text() for text in figure.axes[0].texts)


def test_kernels_are_read_from_text():
    assert ConvolutionDrawing().filter().tolist() == [1.0, -1.0]
    laplace = ConvolutionDrawing(kernel="0,1,0;1,-4,1;0,1,0", entries="6,6")
    assert laplace.filter().shape == (3, 3)
    assert len(laplace.draw().axes) == 2
    assert ConvolutionDrawing(kernel="1,2", entries="5,5").filter().shape == (1, 2)
    with pytest.raises(ValueError, match="written"):
        ConvolutionDrawing(kernel="1,x").draw()
    with pytest.raises(ValueError, match="written"):
        ConvolutionDrawing(kernel="1,2;3").draw()
    with pytest.raises(ValueError, match="entries are written"):
        ConvolutionDrawing(entries="6,6,6").draw()


def test_dropout_needs_a_probability_and_neurons():
    assert len(DropoutDrawing(neurons=5).draw().axes) == 4
    with pytest.raises(ValueError, match="between 0 and 1"):
        DropoutDrawing(rate=1.0)
    with pytest.raises(ValueError, match="at least 1"):
        DropoutDrawing(neurons=0)


# -- on the command line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["10", "11", "13", "15", "filters", "maps"])
def test_figures_are_drawn_from_a_saved_run(number, saved, tmp_path, capsys):
    assert main(["figure", number, "--run", str(saved), "--out", "out.png"]) == 0
    assert "wrote out.png" in capsys.readouterr().out
    assert (tmp_path / "out.png").stat().st_size > 5000


@pytest.mark.parametrize(("ending", "sign"), [("txt", "Target Class"), ("csv", "airplane,count"), ("tex", r"\begin{tabular}")])
def test_confusion_matrices_are_also_text_csv_and_latex(ending, sign, saved, tmp_path):
    assert main(["figure", "13", "--run", str(saved), "--out", f"out.{ending}"]) == 0
    assert sign in (tmp_path / f"out.{ending}").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", ["convolution", "dropout"])
def test_drawings_of_section_7_need_no_run(number, tmp_path):
    assert main(["figure", number]) == 0
    assert (tmp_path / f"{number}.png").stat().st_size > 5000


def test_an_image_file_can_be_followed_through_the_layers(saved, tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((50, 40, 3), np.uint8)).save(tmp_path / "black.png")
    assert main(["figure", "maps", "--run", str(saved), "--file", "black.png"]) == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("figure 12 --run {run}", "trained without dropout, which figure 11 shows"),
        ("figure 14 --run {run}", "trained without dropout, which figure 13 shows"),
        ("figure 11 --run {run} --epochs 2", "--epochs has no meaning"),
        ("figure 11 --run {run} --out x.tex", "png, .pdf, .svg"),
        ("figure 13 --run {run} --out x.gif", ".svg, .txt, .csv, .tex"),
        ("figure 7 --run {run}", "draws a run of stochastic"),
        ("figure maps", "feature maps need a trained network"),
        ("figure maps --run {run} --image 41", "40 test images, counted from 1"),
        ("figure filters --run none.npz", "no file none.npz"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(words, line, saved, capsys):
    assert main(words.format(run=saved).split()) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


def test_without_a_run_one_is_trained_first_and_used_again(tmp_path, capsys, monkeypatch):
    fields = ["--preprocessing", "scale", "--epochs", "1", "--batch", "30", "--no-compile"]
    assert main(["figure", "11", *fields]) == 0
    told = capsys.readouterr()
    assert "figure 11 needs a trained network" in told.err
    (run,) = (tmp_path / "runs").glob("cifar-*.npz")
    assert Run.load(run).step == 2
    monkeypatch.setattr("netbp.cli.figures.run_experiment", lambda *_: pytest.fail("it was trained again"))
    assert main(["figure", "13", *fields]) == 0  # another picture of the same run
    told = capsys.readouterr()
    assert f"drawn from the run runs/{run.name}" in told.out
    assert "needs a trained network" not in told.err


def test_a_run_of_other_settings_is_not_taken_for_this_one(saved, monkeypatch):
    asked = []
    monkeypatch.setattr("netbp.cli.figures.run_experiment", lambda *what: asked.append(what) or 7)
    assert main(["figure", "11", "--seed", "9", "--save", str(saved)]) == 7  # to be trained, or refused, by run_experiment
    assert asked[0][0].seed == 9


def test_the_papers_figures_are_those_experiments():
    assert FIGURES[12] == replace(FIGURES[11], dropout=True)
    assert FIGURES[14] == replace(FIGURES[13], dropout=True)
    assert (FIGURES[13].picture, FIGURES[15].picture) == ("confusion", "mistakes")
    assert not FIGURES[15].dropout
    with pytest.raises(ValueError, match="need a trained network"):
        FeatureMaps().draw()
