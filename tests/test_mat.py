"""MATLAB's .mat files: the listing's points in, parameters and costs out."""

from __future__ import annotations

import contextlib
import json
import os
import struct
import sys
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix

import netbp as nb
from netbp.data import mat_process, mat_reader
from netbp.data.mat import mat_table, read_mat, write_mat
from netbp.experiments.prediction import predict
from netbp.experiments.table import Fit
from netbp.files import NotReadError
from patience import SECONDS

TEN = nb.data.ten_points()


@pytest.fixture(autouse=True)
def in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most files of these tests are harmless, and a process for each would take half a second."""
    if "own_process" not in request.fixturenames:
        monkeypatch.setattr(mat_reader, "_answer", here)


@pytest.fixture
def own_process() -> None:
    """As it is for users."""


def here(file: BinaryIO, most: int, seconds: int, x: str, y: str) -> tuple[bytearray, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return bytearray(b"".join(mat_process.answer(file, most, x, y))), 0


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


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n", b"MATLAB 5.0 MAT-file" + bytes(60), bytes(200)], ids=range(4))
def test_files_that_are_no_mat_files_are_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "d.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"d\.mat cannot be read as a \.mat file|holds none"):
        read_mat(tmp_path / "d.mat")
    with pytest.raises(NotReadError, match="is a folder"):
        read_mat(tmp_path)


def test_other_versions_are_refused_with_the_remedy(tmp_path: Path) -> None:
    other = b"MATLAB 5.9 MAT-file, of another version".ljust(124) + b"\x00\x02IM"
    for content in (b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(500), b"\x89HDF\r\n\x1a\n" + bytes(500), other):
        (tmp_path / "d.mat").write_bytes(content)
        with pytest.raises(ValueError, match=r"is a version 7\.3 \.mat file: save it again in MATLAB with save\(\.\.\., '-v7'\)"):
            read_mat(tmp_path / "d.mat")
    (tmp_path / "d.mat").write_bytes(b"# Created by Octave 8.4.0, Mon\n# name: x\n# type: matrix\n")
    with pytest.raises(ValueError, match=r"is a file of Octave's own: save it again with save -v7"):
        read_mat(tmp_path / "d.mat")


def test_truncated_files_are_refused_with_a_value_error(tmp_path: Path) -> None:
    path = saved(tmp_path, {"x": X, "y": Y, "z": np.zeros(50)})
    whole = path.read_bytes()
    for cut in range(0, 520, 13):  # the header and x, y take more than this
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError):
            read_mat(path)


# -- the process of its own -----------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*oned_as.*")
def test_the_process_gives_what_the_file_holds(own_process: None, tmp_path: Path) -> None:
    """Also with a relative path, from a folder that could be taken for the process's own, and asked by several threads at once."""
    for name in ("numpy.py", "json.py", "zlib.py", "scipy.py"):
        (tmp_path / name).write_text("raise SystemExit('imported from the current folder')")
    saved(tmp_path, LISTING | {"n": np.array([[2**53 + 1]])}, do_compression=True)
    with contextlib.chdir(tmp_path), ThreadPoolExecutor(2) as pool:
        for data in pool.map(read_mat, [Path("d.mat")] * 2):
            assert np.array_equal(np.asarray(data.x), X)
            assert np.array_equal(np.asarray(data.y), Y)
        whole = mat_reader.variables(Path("d.mat"), "n", None)
    assert np.asarray(whole["n"]).tolist() == [[2**53 + 1]]
    assert whole["y"] == mat_reader.Foreign("double", (2, 10))
    assert (np.asarray(whole["n"]).dtype.kind, set(whole)) == ("i", {"n", "x1", "x2", "y"})


def test_a_file_that_crashes_the_parser_ends_that_process_only(own_process: None, tmp_path: Path) -> None:
    """A sparse matrix, 1 by 2, whose first column ends far beyond its entries: a flipped bit does that."""
    inside = struct.pack("<IIII", 6, 8, 5, 1) + struct.pack("<IIii", 5, 8, 1, 2) + struct.pack("<HH4s", 1, 1, b"x")
    inside += struct.pack("<HHi", 5, 4, 0) + struct.pack("<IIiii4x", 5, 12, 0, 2**30, 1) + struct.pack("<IId", 9, 8, 1.0)
    content = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 14, len(inside)) + inside
    (tmp_path / "d.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"^d\.mat cannot be read as a \.mat file: ") as caught:
        read_mat(tmp_path / "d.mat", y=None)
    assert str(caught.value).isprintable()


@pytest.mark.skipif(os.name != "posix", reason="programs that are texts")
def test_whatever_ends_the_process_is_told(own_process: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, LISTING | {"x": X})
    real = sys.executable
    answers = {
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)": "ended with signal 11",
        "raise SystemExit(3)": "ended with code 3",
        "print('no JSON')": "ended with code",
        "import sys; sys.stdout.buffer.write(bytes(2**26))": "ended with",  # more than it may
        "import time; time.sleep(60)": "ended with signal 9",  # longer than it may
    }
    for code, words in answers.items():
        monkeypatch.setattr(mat_reader, "PATIENCE", 0 if "sleep" in code else SECONDS)
        (tmp_path / "python").write_text(f"#!{real}\n{code}\n")
        (tmp_path / "python").chmod(0o700)
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        with pytest.raises(ValueError, match=f"the process that read it {words}"):
            read_mat(path)
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(ValueError, match="does not know its own program"):
        read_mat(path)


LIES: dict[str, Any] = {
    "no line": b"",
    "no JSON": b"[\n",
    "another JSON": b"[]\n",
    "deep JSON": b"[" * 100_000 + b"\n",
    "no answer": b"{}\n",
    "no shape": {"x": {"class": "double"}},
    "a shape of text": {"x": {"class": "double", "shape": ["a", 1]}},
    "a negative shape": {"x": {"class": "double", "shape": [-1, -1], "dtype": "<f8"}},
    "three axes": {"x": {"class": "double", "shape": [1, 1, 1], "dtype": "<f8"}},
    "objects": {"x": {"class": "double", "shape": [1, 1], "dtype": "|O"}},
    "no type": {"x": {"class": "double", "shape": [1, 1], "dtype": "f8,O"}},
    "more than there is": {"x": {"class": "double", "shape": [2**40, 2**40], "dtype": "<f8"}},
    "less than there is": {"x": {"class": "double", "shape": [0, 0], "dtype": "<f8"}},
}


@pytest.mark.parametrize("lie", LIES)
def test_the_process_is_not_believed(lie: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may have taken it over."""
    said = LIES[lie]
    line = said if isinstance(said, bytes) else json.dumps({"refused": "", "variables": said}).encode() + b"\n" + bytes(8)
    monkeypatch.setattr(mat_reader, "_answer", lambda *_: (bytearray(line), 0))
    with pytest.raises(ValueError, match="the process that read it ended with code 0"):
        read_mat(saved(tmp_path, {"x": X}), y=None)


def packed(*parts: bytes) -> bytes:
    """A file of one compressed element that holds these parts: little-endian, as MATLAB 7 writes them."""
    body = zlib.compress(b"".join(parts), 9)
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(body)) + body


def matrix(m: int, n: int, name: bytes, size: int, kind: int = 6) -> bytes:
    """The beginning of a matrix (6: of doubles) that says it is m by n and has so many bytes of data."""
    inside = struct.pack("<IIII", 6, 8, kind, 0) + struct.pack("<IIii", 5, 8, m, n)
    inside += struct.pack("<HH4s", 1, len(name), name) + struct.pack("<II", 9, size)
    return struct.pack("<II", 14, min(len(inside) + size, 2**32 - 1)) + inside


def swapped(m: int, n: int, name: bytes, size: int) -> bytes:
    """The same as `packed(matrix(...), zeros)`, big-endian; what should say so is not what it should be, which SciPy ignores."""
    inside = struct.pack(">IIII", 6, 8, 6, 0) + struct.pack(">IIii", 5, 8, m, n)
    inside += struct.pack(">HH4s", len(name), 1, name) + struct.pack(">II", 9, size)
    body = zlib.compress(struct.pack(">II", 14, len(inside) + size) + inside + ZEROS, 9)
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00XX" + struct.pack(">II", 15, len(body)) + body


ZEROS = bytes(2**26)
BOMBS = {
    "packed zeros": (packed(matrix(2**12, 2**11, b"x", 2**26), ZEROS), "it says that it holds 8,388,608 entries"),
    "more zeros than it says, big-endian": (swapped(2, 2, b"x", 2**26), "it unpacks to more than it says"),
    "more zeros than it says": (packed(matrix(2, 2, b"x", 2**26), ZEROS), "it unpacks to more than it says"),
    "a claim": (packed(matrix(2**30, 2**30, b"x", 2**31)), "it says that it holds 1,152,921,504,606,846,976 entries"),
    "a claim of a sparse matrix": (packed(matrix(2**30, 2**30, b"x", 8, kind=5)), "it says that it holds"),
    "a claim of cells": (packed(matrix(2**15, 2**15, b"x", 8, kind=1)), "'x' is of class cell and size 32768 by 32768"),
    "a claim of texts": (packed(matrix(2**15, 2**15, b"x", 8, kind=4)), "'x' is of class char"),
    "a negative claim": (packed(matrix(-3, 3, b"x", 8)), "it says that it holds"),
    "version 4": (struct.pack("<5i2s", 0, 2**20, 2**20, 0, 2, b"x\0"), "cannot be read|it says that it holds"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_takes_little_memory(bomb: str, tmp_path: Path) -> None:
    """No limit of the system's is needed to refuse these. SciPy unpacks 128 kB at a time, of which 135 MB may come."""
    content, words = BOMBS[bomb]
    path = tmp_path / "d.mat"
    path.write_bytes(content)
    assert len(content) < 2**17
    tracemalloc.start()
    with pytest.raises(ValueError, match=words):
        read_mat(path, y=None)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**28


def test_what_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    """Points beside a bomb are read."""
    points = saved(tmp_path, {"x": X, "y": Y}, do_compression=True).read_bytes()
    (tmp_path / "d.mat").write_bytes(packed(matrix(2**12, 2**11, b"z", 2**26), ZEROS) + points[128:])
    assert np.array_equal(np.asarray(read_mat(tmp_path / "d.mat").x), X)


def test_errors_from_the_file_are_short_and_printable(tmp_path: Path) -> None:
    wild = "\x1b[31m" + "w" * 5000
    path = tmp_path / "d.mat"
    path.write_bytes(packed(matrix(1, 1, b"x", 8, kind=99)))
    with pytest.raises(ValueError, match="of class unknown"):
        read_mat(path)
    for name in ("\x1b]0;gone\x07", wild):
        path.write_bytes(long_name(name.encode()))
        with pytest.raises(ValueError, match="neither a variable") as caught:
            read_mat(path)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400


def long_name(name: bytes) -> bytes:
    inside = struct.pack("<IIII", 6, 8, 6, 0) + struct.pack("<IIii", 5, 8, 1, 1)
    inside += struct.pack("<II", 1, len(name)) + name + bytes(-len(name) % 8) + struct.pack("<IId", 9, 8, 1.0)
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 14, len(inside)) + inside


def test_damaged_files_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    """A sample, of the elements' heads only, where nothing crashes: the rest is for a process of its own."""
    rng, path = np.random.default_rng(0), saved(tmp_path, {"x": X, "y": Y}, do_compression=True)
    whole = path.read_bytes()
    for _ in range(100):
        flipped = bytearray(whole)
        flipped[rng.integers(128, len(whole))] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        with contextlib.suppress(ValueError):
            read_mat(path)


# -- writing, and tables ----------------------------------------------------------------------------------------------------


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
