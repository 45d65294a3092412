"""The parsers of netbp that read what others may have written: each with examples, and how it refuses."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.hunt import Parser

Reader = Callable[[Path], object]


def _from_file(folder: Path, name: str, read: Reader) -> Callable[[bytes], object]:
    """A reader of paths as one of bytes."""

    def read_bytes(content: bytes) -> object:
        path = folder / name
        path.write_bytes(content)
        return read(path)

    return read_bytes


def _fitted(folder: Path) -> Path:
    """A saved run of a table."""
    from netbp.experiments.table import Fit

    table = folder / "flowers.csv"
    table.write_text("width,height,kind\n" + "".join(f"{i % 5},{i % 7 / 4},{'ab'[i % 2]}\n" for i in range(12)))
    path = folder / "fitted.npz"
    Fit(table, ("kind",), "3", epochs=2).run().save(path)
    return path


def run(folder: Path) -> Parser:
    """A run's file, byte by byte: the seal."""
    import netbp as nb

    return Parser((_fitted(folder).read_bytes(),), _from_file(folder, "run.npz", nb.Run.load))


def lying_run(folder: Path) -> Parser:
    """A run's header, sealed again after the change: what is then asked of the run, too."""
    import netbp as nb
    from netbp import runfile
    from netbp.experiments.loaded import problem_of
    from netbp.experiments.prediction import predict

    header, arrays = runfile.read(_fitted(folder))

    def use(path: Path) -> None:
        found = nb.Run.load(path)
        repr(found)
        found.frame()
        problem_of(found)
        predict(found, folder / "flowers.csv")

    read = _from_file(folder, "lying.npz", use)

    def seal(content: bytes) -> object:
        try:
            changed = json.loads(content)
        except (ValueError, RecursionError):
            return None  # the seal itself is the other parser's
        if not isinstance(changed, dict):
            return None
        with contextlib.suppress(ValueError):  # NaN, which no header has
            return read(runfile.pack(changed, arrays))
        return None

    return Parser((json.dumps(header).encode(),), seal, (ValueError, OSError))


def table(folder: Path) -> Parser:
    """A table, read and prepared to be fitted."""
    from netbp.data.table import read_table
    from netbp.experiments.preparation import prepare

    examples = (
        b"a,b,kind\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n",
        "größe;art\n1,5;ja\n2,5;nein\n3,5;ja\n1.234,5;nein\n".encode(),
        b"# a comment\n1 2 0\n3 4 1\n5 6 0\n7 9 1\n",
        b'sep=\t\n"a ""b"""\tc\n1\t?\n2\t3\n3\t2\n',
        "a|b\n1|2\n3|4\n2|2\n".encode("utf-16"),
    )

    def use(path: Path) -> None:
        found = read_table(path)
        with contextlib.suppress(ValueError):
            prepare(found, (), (), "auto", None, 0.2, True, np.random.default_rng(0), "drop")

    return Parser(examples, _from_file(folder, "t.csv", use))


def points(folder: Path) -> Parser:
    """Points that are pasted into the lab."""
    from netbp.lab.csvpoints import points_from

    examples = (b"x1,x2,category\n0.1,0.2,a\n0.3,0.4,b\n", b"0.1\t0.2\n0.3\t0.4\n")
    return Parser(examples, lambda content: points_from(content.decode("utf-8", "replace")))


def matlab(folder: Path) -> Parser:
    """A .mat file."""
    from scipy.io import savemat

    from netbp.data.mat import read_mat

    examples = []
    for form, packed in (("5", True), ("5", False), ("4", False)):
        stream = io.BytesIO()
        savemat(
            stream, {"x": np.arange(20.0).reshape(2, 10), "y": np.eye(2)[np.arange(10) % 2].T}, format=form, do_compression=packed
        )
        examples.append(stream.getvalue())
    return Parser(tuple(examples), _from_file(folder, "t.mat", read_mat), (ValueError, OSError))


def picture(folder: Path) -> Parser:
    """An image of unknown origin."""
    from PIL import Image

    from netbp.data.picture import KINDS, image_from_bytes

    examples = []
    for kind in KINDS:
        for mode in ("RGB", "L"):
            stream = io.BytesIO()
            Image.fromarray(np.arange(12 * 9 * 3, dtype=np.uint8).reshape(12, 9, 3)).convert(mode).save(stream, kind)
            examples.append(stream.getvalue())
    return Parser(tuple(examples), lambda content: image_from_bytes(content, (3, 8, 8)))


def digits(folder: Path) -> Parser:
    """MNIST's files, packed or not."""
    import gzip

    from netbp.data.mnist import read_images, read_labels

    labels = struct.pack(">2I", 0x801, 6) + bytes(range(6))
    images = struct.pack(">4I", 0x803, 1, 28, 28) + bytes(784)

    def use(path: Path) -> None:
        try:
            read_labels(path, 6)
        except ValueError:
            read_images(path, 1)

    return Parser(
        (labels, images, gzip.compress(labels, mtime=0), gzip.compress(images, mtime=0)),
        _from_file(folder, "d", use),
        (ValueError, OSError),
    )


def weights(folder: Path) -> Parser:
    """Weights in a safetensors file."""
    import netbp as nb

    network, path = nb.Network.dense(2, 3, 2), folder / "weights"
    nb.save_safetensors(network, np.arange(network.size) / 8.0, path)
    return Parser(
        (path.read_bytes(),), _from_file(folder, "w", lambda path: nb.load_safetensors(network, path)), (ValueError, OSError)
    )


def layer(folder: Path) -> Parser:
    """A layer as a run's file writes it."""
    from netbp.written import layer_written

    examples = (b"Conv(32, 5, pad=2)", b"Pool(3, stride=2)", b"Dense(10)", b"Dropout(0.5)", b"relu")
    return Parser(examples, lambda content: layer_written(content.decode("utf-8", "replace")))


def preprocessing(folder: Path) -> Parser:
    """The settings of a run's preprocessing."""
    import netbp as nb
    from netbp.data.preprocess import Preprocessing

    x = np.arange(96, dtype=np.uint8).reshape(2, 48)
    images = nb.data.Images("some", nb.Data(x, np.eye(2)), nb.Data(x, None), (3, 4, 4), ("a", "b"))
    steps = (nb.data.MeanImage(), nb.data.ContrastNormalisation(), nb.data.Whitening(floor=10.0), nb.data.Scale(0.1))
    fitted = nb.data.preprocessed(images, steps, keep=False)[2]
    arrays = fitted.arrays()

    def use(content: bytes) -> object:
        try:
            settings: Any = json.loads(content)
        except (ValueError, RecursionError):
            return None
        return Preprocessing.from_arrays(arrays, settings).apply(x)

    return Parser((json.dumps(fitted.settings).encode(),), use)


def journal(folder: Path) -> Parser:
    """The log beside a run of images."""
    from netbp.lab.image_files import last_lines

    line = b'{"epoch": 1, "objective": 0.5, "top1": 0.25, "seconds": 1.5}\n'
    return Parser((3 * line,), _from_file(folder, "run.jsonl", last_lines), ())


def body(folder: Path) -> Parser:
    """The body of a request to the lab, and the experiment in it."""
    from netbp.lab.address import experiment_of
    from netbp.lab.bodies import Fields, parsed
    from netbp.lab.guard import RefusedError

    def use(content: bytes) -> None:
        fields = Fields(parsed(content), "experiment", "step", "rate", "point")
        fields.whole("step", 0, 0, 10**9)
        fields.number("rate", 0.1)
        fields.numbers("point", 2)
        experiment_of(fields.mapping("experiment"))

    example = {"experiment": {"layers": "2-2-3-2", "rate": 0.05, "seed": 5000}, "step": 10, "rate": 0.1, "point": [0.5, 0.25]}
    return Parser((json.dumps(example).encode(),), use, (RefusedError, ValueError))


def address(folder: Path) -> Parser:
    """An experiment of the lab in a link."""
    from netbp.lab.address import address_of, experiment_at

    examples = (b"#layers=2-8-2&rate=0.5&seed=3", b"activation=tanh&method=steepest&steps=1e3", b"")
    return Parser(examples, lambda content: address_of(experiment_at(content.decode("utf-8", "replace"))))


def values(folder: Path) -> Parser:
    """What a sweep's flags say."""
    from netbp.cli.sweep import values_of

    def use(content: bytes) -> None:
        text = content.decode("utf-8", "replace")
        for hint in (int, float, bool, str, float | None, tuple[int, ...], tuple[str, ...]):
            with contextlib.suppress(ValueError):
                values_of("rate", text, hint)

    return Parser((b"0:10:2,15", b"0.1,0.25,1e-3", b"yes,no", b"1,2;3,4"), use)


def kernels(folder: Path) -> Parser:
    """What is kept in a sealed file."""
    from netbp.sealed import Sealed

    kept = Sealed("kernels", lambda: folder, 2**20)
    kept.save("kernel", b"content")
    example = (folder / "kernel").read_bytes()

    def use(path: Path) -> None:
        assert kept.load("kernel") in (None, b"content")

    return Parser((example,), _from_file(folder, "kernel", use), ())


def images(folder: Path) -> Parser:
    """Preprocessed images that are kept: their arrays."""
    import os

    os.environ["NETBP_CACHE"] = str(folder)  # this process is the parser's own
    from netbp.data import keeping

    keeping.save("key", np.ones((2, 3), np.float32), {"mean": np.ones(3)})
    path = next(folder.rglob("key.npz"))

    def use(content: bytes) -> None:
        path.write_bytes(content)
        found = keeping.load("key", (2, 3))
        assert found is None or np.array_equal(found.z, np.ones((2, 3)))

    return Parser((path.read_bytes(),), use, ())


PARSERS: dict[str, Callable[[Path], Parser]] = {
    make.__name__.replace("_", "-"): make
    for make in (
        *(run, lying_run, table, points, matlab, picture, digits, weights, layer, preprocessing),
        *(journal, body, address, values, kernels, images),
    )
}
