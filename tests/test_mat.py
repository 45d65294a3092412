"""MATLAB's .mat files: the listing's points in, parameters and costs out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix

import netbp as nb
from netbp.data.mat import mat_table, read_mat, write_mat
from netbp.experiments.prediction import predict
from netbp.experiments.table import Fit

TEN = nb.data.ten_points()
X, Y = np.asarray(TEN.x), np.asarray(TEN.y)
LISTING = {"x1": X[:, 0], "x2": X[:, 1], "y": Y.T}


def saved(folder: Path, variables: dict[str, Any], **options: Any) -> Path:
    path = folder / "d.mat"
    savemat(path, variables, **options)
    return path


WAYS = {
    "the listing's vectors": (LISTING, {}),
    "vectors as columns": (LISTING, {"oned_as": "column"}),
    "points as columns": ({"x": X.T, "y": Y.T}, {}),
    "points as rows": ({"x": X, "y": Y}, {}),
    "version 4": (LISTING, {"format": "4"}),
    "compressed": (LISTING, {"do_compression": True}),
    "sparse targets": (LISTING | {"y": csc_matrix(Y.T)}, {}),
    "logical targets": (LISTING | {"y": Y.T.astype(bool)}, {}),
}


@pytest.mark.filterwarnings("ignore:.*oned_as.*")
@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_writing_the_ten_points_reads_the_same(way: str, tmp_path: Path) -> None:
    variables, options = WAYS[way]
    data = read_mat(saved(tmp_path, variables, **options))
    assert np.array_equal(np.asarray(data.x), X)
    assert np.array_equal(np.asarray(data.y), Y)


def test_names_and_axes_can_be_given(tmp_path: Path) -> None:
    path = saved(tmp_path, {"inputs": X, "targets": Y})
    assert np.array_equal(np.asarray(read_mat(path, "inputs", "targets", "rows").x), X)
    assert np.asarray(read_mat(path, "inputs", "targets", "columns").x).shape == (2, 10)
    assert read_mat(path, "inputs", None).y is None
    assert np.array_equal(np.asarray(read_mat(path, "inputs", None).x), X)
    square = saved(tmp_path, {"x": np.arange(4.0).reshape(2, 2), "y": np.eye(2)})
    assert np.asarray(read_mat(square).x).tolist() == [[0.0, 2.0], [1.0, 3.0]]  # points are columns, as in the listing


REFUSED = {
    "no targets": ({"x": X}, {}, "no variable 'y'"),
    "no points": ({"y": Y}, {}, "neither a variable 'x' nor x1"),
    "text": ({"x": X, "y": np.array(["a", "b"], dtype=object)}, {}, "'y'"),
    "complex": ({"x": X * 1j, "y": Y}, {}, "complex"),
    "NaN": ({"x": np.where(X == 0.7, np.nan, X), "y": Y}, {}, r"x\(10,1\) is nan"),
    "infinity": (LISTING | {"y": np.where(Y.T == 1, np.inf, 0)}, {}, r"y\(1,1\) is inf"),
    "three axes": ({"x": np.zeros((2, 2, 2)), "y": Y}, {}, "matrix of real numbers"),
    "empty": ({"x": np.zeros((0, 0)), "y": Y}, {}, "matrix of real numbers"),
    "no common axis": ({"x": X[:9, :1], "y": Y}, {}, "neither their columns nor their rows"),
    "a point lost": ({"x": X[:9], "y": Y}, {}, "the same number of points"),
    "other axis": ({"x": X[:, :1], "y": Y}, {"points": "columns"}, "different numbers of columns"),
    "uneven vectors": (LISTING | {"x2": X[:9, 1]}, {}, "one length"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_refused_by_name(fault: str, tmp_path: Path) -> None:
    variables, settings, words = REFUSED[fault]
    with pytest.raises(ValueError, match=words):
        read_mat(saved(tmp_path, variables), **settings)


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"MATLAB 5.0 MAT-file" + bytes(60), b"\x00" * 200])
def test_files_that_are_no_mat_files_are_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "d.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"d\.mat cannot be read as a \.mat file|holds none"):
        read_mat(tmp_path / "d.mat")
    with pytest.raises(IsADirectoryError, match="folder"):
        read_mat(tmp_path)


def test_version_7_3_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "d.mat").write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(500))
    with pytest.raises(ValueError, match="-v7"):
        read_mat(tmp_path / "d.mat")


@pytest.mark.parametrize("cut", range(0, 900, 53))
def test_truncated_files_are_refused_with_a_value_error(cut: int, tmp_path: Path) -> None:
    path = saved(tmp_path, {"x": X, "y": Y, "z": np.zeros(50)})
    path.write_bytes(path.read_bytes()[:cut])
    if cut < 520:  # the header and x, y take more than this
        with pytest.raises(ValueError):
            read_mat(path)


def test_parameters_and_costs_come_back(tmp_path: Path) -> None:
    network = nb.Network.dense(2, 3, 2)
    problem = nb.Problem(network, nb.quadratic, TEN)
    run = nb.train(problem, nb.StochasticGradient(rate=0.1), 30, rng=1, record=10)
    write_mat(run, tmp_path / "costvec.mat", network)
    found = loadmat(tmp_path / "costvec.mat")
    for l, (W, b) in enumerate(network.views(run.p), start=2):
        assert np.array_equal(found[f"W{l}"], W)
        assert np.array_equal(found[f"b{l}"], b[:, None])
    assert np.array_equal(found["p"], run.p[:, None])
    assert np.array_equal(found["savecost"], run.costs[:, None])
    assert found["savestep"].ravel().tolist() == [10, 20, 30]
    # In MATLAB's own words, the flat vector is the columns one after the other.
    flat = [found["W2"].ravel("F"), found["W3"].ravel("F"), found["b2"].ravel(), found["b3"].ravel()]
    assert np.array_equal(np.concatenate(flat), run.p)
    assert [path.name for path in tmp_path.iterdir()] == ["costvec.mat"]


def test_an_ensemble_is_not_one_network(tmp_path: Path) -> None:
    network = nb.Network.dense(2, 2)
    run = nb.train(nb.Problem(network, nb.quadratic, TEN), nb.StochasticGradient(), 2, start=np.zeros((3, 6)), rng=0)
    with pytest.raises(ValueError, match="trained 3"):
        write_mat(run, tmp_path / "a.mat", network)


@pytest.mark.filterwarnings("ignore:.*oned_as.*")
def test_mat_files_are_fitted_and_predicted_like_tables(tmp_path: Path) -> None:
    path = saved(tmp_path, LISTING)
    table = mat_table(path)
    assert table.names == ("x1", "x2", "y")
    assert table.column("y") == ("1",) * 5 + ("2",) * 5
    assert np.array_equal(table.numbers(["x1", "x2"]), X)
    run = Fit(path, held_out=0.0, method="lm", epochs=100).run()
    score = predict(run, path).score()
    assert score is not None
    assert score.accuracy == 1.0
    assert predict(run, saved(tmp_path, {"x": X.T})).score() is None


def test_several_targets_in_a_mat_file_are_a_regression(tmp_path: Path) -> None:
    path = saved(tmp_path, {"x": X.T, "y": np.vstack([X.sum(axis=1), X[:, 0]])})
    assert mat_table(path).names == ("x1", "x2", "y1", "y2")
    fit = Fit(path, target=("y1", "y2"), epochs=2)
    assert fit.prepared.columns.classes == ()
