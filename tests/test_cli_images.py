"""`netbp run cifar`, `netbp run mnist` and `netbp predict` of images: on small sets in official formats, and as processes."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import netbp as nb
from netbp.cli import main, training
from netbp.cli.training import HEADER, Epochs, Journal, duration, line
from netbp.data import cifar
from netbp.experiments import from_settings
from netbp.experiments.cifar import CifarExperiment
from netbp.experiments.images import opinions, outputs_of
from netbp.experiments.mnist import MnistExperiment
from patience import SECONDS

same = np.testing.assert_array_equal
EACH = 30  # images in each of CIFAR's six files
SMALL = ("--preprocessing", "standardise", "--batch", "50", "--no-compile", "--dropout")  # epochs of 3 steps

# `netbp` on a small set: the loader knows its files' sizes and sums instead of the official ones, and a run is saved all the time.
PROGRAM = """
import sys
from netbp import cli, run
from netbp.data import cifar
members = {name: cifar.Member(size, sha, 3073) for name, size, sha in MEMBERS}
cifar.CIFAR10 = cifar.CIFAR10._replace(archive=cifar.CIFAR10.archive._replace(members=members))
run.SAVE_EVERY, run.SAVING = 0.05, 1.0
sys.exit(cli.main())
"""


def small_cifar(folder: Path) -> list[tuple[str, int, str]]:
    """Six files of EACH records: class k is noise with a bright square whose place and colour say k. Names, sizes and sums."""
    rng, members = np.random.default_rng(0), []
    (folder / "cifar-10-batches-bin").mkdir()
    for name in cifar.CIFAR10.archive.members:
        labels = np.arange(EACH) % 10
        x = rng.integers(0, 120, size=(EACH, 3, 32, 32))
        for image, k in zip(x, labels, strict=True):
            image[k % 3, 4 + 2 * k : 12 + 2 * k, 4 + 2 * k : 12 + 2 * k] += 130
        content = np.concatenate([labels[:, None], x.reshape(EACH, -1)], axis=1).astype(np.uint8).tobytes()
        (folder / "cifar-10-batches-bin" / name).write_bytes(content)
        members.append((name, len(content), hashlib.sha256(content).hexdigest()))
    return members


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, int, str]]]:
    folder = tmp_path_factory.mktemp("data")
    return folder, small_cifar(folder)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: tuple[Path, list[tuple[str, int, str]]]) -> None:
    """A folder and a cache of its own for every test, and the small set for this process too."""
    members = {name: cifar.Member(size, sha, 3073) for name, size, sha in small[1]}
    monkeypatch.setattr(cifar, "CIFAR10", cifar.CIFAR10._replace(archive=cifar.CIFAR10.archive._replace(members=members)))
    monkeypatch.setenv("NETBP_DATA", str(small[0]))
    monkeypatch.setenv("NETBP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the same threads, the same bits
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small: tuple[Path, list[tuple[str, int, str]]]) -> Path:
    """A run of two epochs, made by a process."""
    folder = tmp_path_factory.mktemp("trained")
    environment = {"NETBP_DATA": str(small[0]), "NETBP_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    done = process(small[1], folder, environment, *SMALL, "--epochs", "2", "--save", "run.npz")
    assert done.returncode == 0, done.stderr
    (folder / "out").write_text(done.stdout)
    (folder / "err").write_text(done.stderr)
    return folder / "run.npz"


def command(members: list[tuple[str, int, str]], *words: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM.replace("MEMBERS", repr(members)), "run", "cifar", *words]


def process(members: list[tuple[str, int, str]], folder: Path, environment: dict[str, str], *words: str) -> Any:
    words, told = tuple(command(members, *words)), {"capture_output": True, "text": True, "timeout": 300}
    return subprocess.run(words, cwd=folder, env=os.environ | environment, check=False, **told)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text().splitlines()]


# -- the run as a process ------------------------------------------------------------------------------------------------


def test_it_says_what_it_does_and_logs_every_epoch(trained: Path) -> None:
    run, out, err = nb.Run.load(trained), *((trained.parent / name).read_text() for name in ("out", "err"))
    assert "CIFAR-10: 150 images to train on, 30 to validate on (the test images)" in out
    assert "145,578 parameters, softmax_log_loss cost, 2 epochs of 3 steps, tensor engine on cpu in float32" in out
    assert f"saved in run.npz as it goes, its log in run.jsonl; when it was stopped, it goes on with\n  {again(2)}" in out
    assert HEADER in err
    assert len(re.findall(r"^ +[12]/2 +\d\.\d{4}", err, flags=re.MULTILINE)) == 2
    right = 100 * (1 - run.series["held_out_top1"].values[-1])
    assert f"validation: {right:.2f} % of 30 images right" in out
    assert run.best is not None
    assert f"after epoch {run.best.step // 3}; the run keeps that state" in out
    log = rows(trained.with_suffix(".jsonl"))
    assert [(entry["epoch"], entry["step"]) for entry in log] == [(1, 3), (2, 6)]
    for name, curve in run.series.items():
        assert [entry[name] for entry in log] == curve.values.tolist()
    assert all(entry["images_per_second"] > 0 and entry["seconds"] > 0 for entry in log)


def again(epochs: int) -> str:
    return shlex.join(["netbp", "run", "cifar", *SMALL, "--epochs", str(epochs), "--save", "run.npz", "--resume"])


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_killed_or_stopped_at_any_moment_it_goes_on_to_the_same_bits(
    small: tuple[Path, list[tuple[str, int, str]]], tmp_path: Path
) -> None:
    path = tmp_path / "run.npz"
    for number, resume in ((signal.SIGKILL, ()), (signal.SIGTERM, ("--resume",))):
        before = nb.Run.load(path).step if resume else -1
        words = [*SMALL, "--epochs", "9999", "--save", "run.npz", *resume]
        with subprocess.Popen(command(small[1], *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            while running.poll() is None and not (path.exists() and nb.Run.load(path).step > before + 1):
                time.sleep(0.02)
            running.send_signal(number)
            _, told = running.communicate(timeout=SECONDS)
        stopped = nb.Run.load(path)
        assert stopped.status == "interrupted"
        assert stopped.step > before
        if number == signal.SIGTERM:
            assert running.returncode == 130
            assert f"interrupted after step {stopped.step:,}: saved in run.npz; go on with\n  {again(9999)}" in told
    epochs = str(stopped.step // 3 + 1)
    done = process(small[1], tmp_path, {}, *SMALL, "--epochs", epochs, "--save", "run.npz", "--resume")
    assert done.returncode == 0, done.stderr
    done = process(small[1], tmp_path, {}, *SMALL, "--epochs", epochs, "--save", "whole.npz")
    assert done.returncode == 0, done.stderr
    run, whole = nb.Run.load(path), nb.Run.load(tmp_path / "whole.npz")
    same(run.p, whole.p)
    assert run.final_cost == whole.final_cost
    for name, curve in whole.series.items():
        same(run.series[name].values, curve.values)
    assert [entry["step"] for entry in rows(tmp_path / "run.jsonl")] == list(range(3, 3 * int(epochs) + 1, 3))


# -- what the experiment is ----------------------------------------------------------------------------------------------


def test_the_defaults_are_the_papers() -> None:
    network = CifarExperiment().network()
    assert network.size == 145_578
    assert [layer.size for layer in network.weighted] == [2_432, 25_632, 51_264, 65_600, 650]
    shapes = [layer.output for layer in network.layers if isinstance(layer, nb.Pool | nb.Dense)]
    assert shapes == [(32, 16, 16), (32, 8, 8), (64, 4, 4), (10,)]
    dropped = [layer for layer in CifarExperiment(dropout=True).network().layers if isinstance(layer, nb.Dropout)]
    assert [layer.rate for layer in dropped] == [0.15, 0.15, 0.15, 0.35]
    assert [layer.output for layer in dropped] == [(32, 16, 16), (32, 8, 8), (64, 4, 4), (64, 1, 1)]
    assert not CifarExperiment(flips=False).network().random
    p = CifarExperiment().start(np.random.default_rng(0))
    for (W, b), deviation in zip(network.views(p), (0.01, 0.05, 0.05, 0.05, 0.05), strict=True):
        assert W.std() == pytest.approx(deviation, rel=0.1)
        assert not b.any()


def test_the_method_is_the_papers() -> None:
    experiment = CifarExperiment(preprocessing="scale", engine="reference")
    method, per_epoch = experiment.method(), experiment.per_epoch
    assert per_epoch == 2  # 150 images, by hundreds
    rates = [method.rate(step) for step in range(1, 45 * per_epoch + 1)]
    assert rates == [0.05] * 60 + [0.005] * 20 + [0.0005] * 10
    assert (method.rule, method.constants, method.weight_decay, method.batch) == (nb.momentum, {"mu": 0.9}, 1e-4, 100)
    eta = experiment.network().spread(*method.multipliers)
    assert sorted(set(eta.tolist())) == [0.01, 0.1, 0.2, 2.0]


def test_a_split_sets_images_aside_and_the_test_images_stay_unseen() -> None:
    experiment = CifarExperiment(validation="split", preprocessing="standardise", seed=3, compile=False)
    prepared = experiment.prepared
    N, M = (len(np.asarray(data.x)) for data in (prepared.train, prepared.held_out))
    assert (N, M) == (135, 15)
    images = nb.data.cifar10()
    split = images.split(15, 3)
    fitted = nb.data.Standardise(channels=3).fit(split.train.x)
    same(prepared.train.x, fitted.apply(np.asarray(split.train.x)))
    same(prepared.held_out.x, fitted.apply(np.asarray(split.test.x)))
    assert prepared.test is not None
    same(prepared.test.x, images.test.x)
    run = nb.train(experiment.problem(), experiment.method(), 0, start=experiment.start(np.random.default_rng(0)))
    a = outputs_of(experiment.problem(), prepared.preprocessing, run.p, np.asarray(images.test.x))
    right = np.mean(a.argmax(axis=1) == np.asarray(images.test.y).argmax(axis=1))
    assert f"test: {100 * right:.2f} % of 30 images right" in experiment.summary(run)


def test_fewer_images_are_the_first_ones() -> None:
    prepared = CifarExperiment(train_images=20, test_images=7, preprocessing="scale").prepared
    same(prepared.train.x, np.asarray(nb.data.cifar10().train.x)[:20] * np.float32(1 / 255))
    assert len(np.asarray(prepared.held_out.x)) == 7


# -- predictions ---------------------------------------------------------------------------------------------------------


def write_images(folder: Path, count: int = 4) -> list[Path]:
    x = nb.data.pictures(np.asarray(nb.data.cifar10().test.x)[:count], (3, 32, 32))
    paths = [folder / f"image{i}.png" for i in range(count)]
    for path, image in zip(paths, x, strict=True):
        Image.fromarray(image).save(path)
    return paths


def test_image_files_are_preprocessed_as_the_run_was(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, paths = nb.Run.load(trained), write_images(tmp_path)
    experiment = from_settings(run.settings)
    expected = experiment.problem().predict(run.p, np.asarray(experiment.prepared.held_out.x)[:4])
    said = opinions(run, np.asarray(nb.data.cifar10().test.x)[:4])
    np.testing.assert_allclose(said.outputs, expected, rtol=1e-4)  # blocks of other lengths, in single precision
    assert main(["predict", str(trained), *map(str, paths)]) == 0
    told = capsys.readouterr().out.splitlines()
    for path, text, row in zip(paths, told, expected, strict=True):
        best = np.argsort(-row)[:5]
        words = ", ".join(rf"{experiment.prepared.classes[k]} [\d.]+ %" for k in best)
        assert re.fullmatch(rf"{re.escape(str(path))}: {words}", text)
    Image.open(paths[0]).resize((99, 64)).save("large.jpg")
    assert main(["predict", str(trained), "large.jpg", "image1.png", "--out", "said.csv"]) == 0
    table = Path("said.csv").read_text().splitlines()
    assert table[0].startswith("image,predicted,probability airplane,")
    assert [row.split(",")[0] for row in table[1:]] == ["large.jpg", "image1.png"]
    values = np.array([float(value) for value in table[2].split(",")[2:]])
    np.testing.assert_allclose(values, expected[1], rtol=1e-4)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("image0.png text.png", "text.png is not an image that can be read"),
        ("none.png", "none.png: No such file"),
        (".", ". is a folder: give the name of a regular file"),
        ("", "name a table, or images"),
        ("image0.png --out none/o.csv", "folder does not exist"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(
    trained: Path, tmp_path: Path, words: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_images(tmp_path, 1)
    Path("text.png").write_text("no image")
    assert main(["predict", str(trained), *words.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"netbp: [^\n]+\n", err)
    assert told in err


def test_a_damaged_tiff_is_refused_in_one_line(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The library that reads them writes on standard error itself."""
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(out, "TIFF", compression="tiff_lzw")
    content = bytearray(out.getvalue())
    content[100:5000] = bytes(4900)
    Path("damaged.tif").write_bytes(content)
    assert main(["predict", str(trained), "damaged.tif"]) == 2
    assert re.fullmatch(r"netbp: damaged\.tif is not an image that can be read: [^\n]+\n", capfd.readouterr().err)


# -- MNIST ---------------------------------------------------------------------------------------------------------------


def small_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digits as bars at ten heights, in place of MNIST's files."""

    def made(folder: Any = None, training: int = 60_000) -> tuple[nb.Data, nb.Data]:
        rng, sets = np.random.default_rng(0), []
        for count in (min(training, 200), 50):
            numbers = np.arange(count) % 10
            x = rng.uniform(0.0, 0.3, size=(count, 28, 28))
            for image, k in zip(x, numbers, strict=True):
                image[2 * k + 4 : 2 * k + 8, 4:24] += 0.7
            sets.append(nb.Data(x.reshape(count, -1), np.eye(10)[numbers]))
        return sets[0], sets[1]

    monkeypatch.setattr(import_module("netbp.data.mnist"), "mnist", made)  # the module, which the function hides


@pytest.mark.parametrize(
    ("words", "engine", "size"),
    [(["--engine", "auto"], "compiled", 23_860), (["--layers", "conv", "--no-compile"], "tensor", 85_670)],
)
def test_mnist_learns_with_either_network(
    words: list[str], engine: str, size: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small_mnist(monkeypatch)
    assert main(["run", "mnist", "--epochs", "20", "--train-images", "200", "--save", "m.npz", *words]) == 0
    out = capsys.readouterr().out
    run = nb.Run.load("m.npz")
    assert f"{size:,} parameters" in out
    assert run.provenance["engine"] == engine
    assert run.series["held_out_top1"].values[-1] < 0.25
    grey = np.zeros((28, 28), np.uint8)
    grey[10:14, 4:24] = 200  # a 3
    Image.fromarray(grey).save("three.png")
    assert main(["predict", "m.npz", "three.png"]) == 0
    assert capsys.readouterr().out.startswith("three.png: 3 ")


def test_mnists_defaults_are_the_books() -> None:
    experiment = MnistExperiment()
    method = experiment.method()
    assert (experiment.network().sizes, method.rate, method.batch) == ((784, 30, 10), 3.0, 10)
    assert experiment.start(np.random.default_rng(0)).std() == pytest.approx(1.0, rel=0.05)


# -- the display and the log ---------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def snapshot(step: int, **values: float) -> nb.Snapshot:
    series = {name: nb.Series(np.array([step]), np.array([value])) for name, value in values.items()}
    return nb.Snapshot(nb.State(np.zeros(1), step), series=series)


@pytest.mark.parametrize("screen", [Terminal(), io.StringIO()], ids=["terminal", "file"])
def test_lines_stand_on_a_terminal_and_in_a_file(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "140")
    now = [0.0]
    monkeypatch.setattr(training.time, "monotonic", lambda: now[0])
    with Epochs("title", 4, 10, 100, Journal(tmp_path / "log.jsonl")) as progress:
        for step in range(1, 41):
            now[0] += 2.0
            progress(step, 40, 0.5)
            if step % 10 == 0:
                progress.recorded(snapshot(step, cost=0.5, top1=0.25, held_out=0.75, held_out_top1=1 / 3))
    told = screen.getvalue()
    assert "it will take about 58 s: 29 steps at 2,000 ms each" in told
    for epoch, left in ((1, "60 s"), (2, "40 s"), (3, "20 s"), (4, "$")):
        assert re.search(rf"{epoch}/4 +0\.5000 +0\.7500 +25\.00 % +33\.33 % +- +- +5 *{left}", told, flags=re.MULTILINE)
    assert ("epoch 2/4, 5 images/s" in told) == screen.isatty()
    assert [entry["seconds"] for entry in rows(tmp_path / "log.jsonl")] == [20.0] * 4
    assert [entry["images_per_second"] for entry in rows(tmp_path / "log.jsonl")] == [5.0] * 4


def test_a_log_goes_on_where_the_run_does(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    journal = Journal(path)
    for step in (3, 6, 9):
        journal.add({"step": step, "cost": np.float64(0.5), "held_out": float("inf")})
    with path.open("a") as file:
        file.write('{"step": 12, "co')  # killed
    Journal(path, 7).add({"step": 9})
    assert rows(path) == [{"step": 3, "cost": 0.5, "held_out": "inf"}, {"step": 6, "cost": 0.5, "held_out": "inf"}, {"step": 9}]
    before = path.read_text()
    journal = Journal(path)
    assert path.read_text() == before, "the run may still be refused"
    journal.begin()
    assert path.read_text() == ""
    path.write_bytes(b"\xff\xfe")
    Journal(path, 7).begin()
    assert path.read_text() == ""


def test_processes_that_were_not_asked_the_same_leave_run_and_log_as_they_are(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(self: Any, text: str) -> list[str]:
        facts = json.loads(text)
        facts["settings"]["fields"]["seed"] += 1
        return [text, json.dumps(facts)]

    for name in ("run.npz", "run.jsonl"):
        (tmp_path / name).write_bytes((trained.parent / name).read_bytes())
    monkeypatch.setattr("netbp.engines.tensor.processes.Processes.told", told)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["run", "cifar", *SMALL, "--epochs", "2", "--save", "run.npz"]) == 2
    assert "asked the same: settings.fields.seed is 0 in process 0, but 1 in process 1; start" in capsys.readouterr().err
    for name in ("run.npz", "run.jsonl"):
        assert (tmp_path / name).read_bytes() == (trained.parent / name).read_bytes()


@pytest.mark.parametrize(("save", "told"), [("run.jsonl", "end in .npz"), ("none/run.npz", "folder does not exist")])
def test_a_place_that_cannot_be_is_refused_before_any_work(
    save: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(CifarExperiment, "prepare", lambda self: pytest.fail("images were read"))
    assert main(["run", "cifar", "--save", save]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("cifar --device cuda:99", "there is no device 'cuda:99' here"),
        ("cifar --device gpu", 'can be "cpu", "cuda" or "cuda:1"'),
        ("cifar --precision tf32", 'use precision="float32"'),
        ("cifar --engine compiled", "networks of dense layers"),
        ("mnist --layers conv --device cuda:99", "there is no device 'cuda:99' here"),
    ],
)
def test_an_engine_that_cannot_be_is_refused_before_any_image_is_read(
    words: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for experiment in (CifarExperiment, MnistExperiment):
        monkeypatch.setattr(experiment, "prepare", lambda self: pytest.fail("images were read"))
    assert main(["run", *words.split(), "--save", "run.npz"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"netbp: [^\n]+\n", err)
    assert told in err


def test_a_device_without_bfloat16_is_told_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netbp.engines.tensor.settings.has_bfloat16", lambda device: False)
    told = CifarExperiment(precision="bfloat16", preprocessing="standardise").introduction()
    assert told.endswith("tensor engine on cpu in float32, since this device has no bfloat16")


def test_without_pytorch_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(CifarExperiment, "prepare", lambda self: pytest.fail("images were read"))
    monkeypatch.setattr("netbp.engines.tensor.find_spec", lambda name: None)
    assert main(["run", "cifar", "--save", "run.npz"]) == 2
    assert (
        capsys.readouterr().err == "netbp: the tensor engine needs PyTorch, which is not installed: pip install 'netbp[images]'\n"
    )


def test_times_are_told_as_people_do() -> None:
    told = [duration(seconds) for seconds in (0.4, 99.4, 1640, 12_000)]
    assert told == ["0 s", "99 s", "27 min", "3 h 20 min"]
    assert line(1.5, 45, {}, 0.0, 0.0).split() == ["1.5/45", *"------", "0"]


def test_a_long_run_is_not_begun_anew_unasked(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = nb.Run.load(trained)
    object.__setattr__(run, "status", "interrupted")
    run.provenance["seconds"] = 3600.0  # type: ignore[index]
    del run.settings["fields"]["flips"]  # as if the field were newer than the file
    run.save("long.npz")
    assert main(["run", "cifar", *SMALL, "--epochs", "2", "--save", "long.npz"]) == 2
    assert "stopped at step 6: say --resume" in capsys.readouterr().err
