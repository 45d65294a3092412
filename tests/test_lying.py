"""Files of runs that lie: whatever a whole, well sealed file says of its run, every reader refuses it in a line or gets through."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import netbp as nb
from lying import Lie, commands, lies, sealed, whole_runs
from made_up import made_up_images
from netbp.cli import main
from netbp.data.preprocess import Preprocessing
from netbp.experiments import CifarExperiment
from netbp.lab.image_runs import ImageRuns
from netbp.lab.runs import Gone
from netbp.run import Run
from netbp.runfile import Held, RunFileError
from netbp.typed import is_deep, misfit
from netbp.written import LONGEST, layer_written

KINDS = ("stochastic", "least-squares", "plane", "labels", "numbers", "images", "several", "chain", "module")
EACH = 40  # lies of each kind that are told here
SLOW = {"figure", "run", "check"}  # commands to which only every eighth is told


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """A whole run of each kind, in the folder where the tests are."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setattr(CifarExperiment, "_all", lambda self: made_up_images())
        Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save("image.png")
        yield whole_runs(folder)


def some(path: Path, count: int) -> list[tuple[Lie, bytes]]:
    """So many of the lies about a run, spread evenly, each with its file."""
    found = lies(path)
    chosen = [found[i] for i in np.linspace(0, len(found) - 1, count).astype(int)]
    return [(lie, content) for lie in chosen if (content := sealed(lie)) is not None]


@pytest.mark.parametrize("kind", KINDS)
def test_no_lie_is_a_fault(honest: dict[str, Path], kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for words in commands(kind, f"{kind}.npz"):  # whatever they say of an honest run
        content = honest[kind].read_bytes()
        assert main(words) in (0, 1, 2), words
        assert "should not have happened" not in capsys.readouterr().err
        honest[kind].write_bytes(content)
    told = commands(kind, "lie.npz")
    for k, (lie, content) in enumerate(some(honest[kind], 12 if kind == "images" else EACH)):
        for words in [told[k % len(told)], told[(k // 3 + 1) % len(told)]]:
            if words[0] in SLOW and k % 8:
                continue
            Path("lie.npz").write_bytes(content)
            code = main(words)
            said = capsys.readouterr().err
            assert code in (0, 1, 2), (lie[0], words, said)
            assert "should not have happened" not in said, (lie[0], words, said)
            assert max(map(len, said.splitlines()), default=0) < 3000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KiB


def test_a_list_shows_the_others(honest: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("many")
    folder.mkdir()
    files = {f"good-{kind}.npz": honest[kind].read_bytes() for kind in ("labels", "several", "chain")}
    for kind in ("labels", "several"):
        files |= {f"bad-{kind}-{k}.npz": content for k, (_, content) in enumerate(some(honest[kind], 200))}
    files |= {"empty.npz": b"", "text.npz": b"text"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    assert main(["list", str(folder)]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if ".npz " in line}
    assert lines.keys() == files.keys()
    assert all("finished" in lines[name] for name in files if name.startswith("good"))
    assert sum("not readable" in line for line in lines.values()) > 80


@pytest.mark.parametrize("kind", ["labels", "several"])
def test_what_python_loads_is_what_a_run_is(honest: dict[str, Path], kind: str) -> None:
    refused = []
    for _, content in some(honest[kind], 150):
        Path("lie.npz").write_bytes(content)
        try:
            run = Run.load("lie.npz")
        except RunFileError as error:
            refused.append(str(error))
            continue
        assert np.isfinite(run.p).all()
        repr(run)
        if run.p.size < 100:
            run.frame()
    assert len(refused) > 15
    assert all(told.startswith("lie.npz ") for told in refused)


def test_the_lab_shows_the_others(honest: dict[str, Path], tmp_path: Path) -> None:
    files = {f"{k}.npz": content for k, (_, content) in enumerate(some(honest["images"], 40))}
    (tmp_path / "good.npz").write_bytes(honest["images"].read_bytes())
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    runs = ImageRuns(tmp_path)
    listed = {entry["name"]: entry["id"] for entry in runs.listed()["runs"]}
    assert "good" in listed
    for name in listed.values():
        for ask in (runs.curves, runs.filters):
            with contextlib.suppress(ValueError, Gone):
                ask(name)
    runs.close()


def test_going_on_needs_the_memory_that_was_kept(problem: nb.Problem, tmp_path: Path) -> None:
    """Every array that a method remembers, of another shape or without numbers."""
    methods = [
        nb.StochasticGradient(sampling="epochs", batch=3, rule=nb.adam),
        nb.LevenbergMarquardt(),
        nb.LBFGS(),
    ]
    for method in methods:
        run = nb.train(problem, method, 3)
        for name, array in run.state.memory.items():
            wrong: list[Any] = [np.zeros((2, 2, 2)), np.zeros(np.shape(array), bool), np.asarray(array)[None]]
            wrong += [] if name in ("u", "v") else [np.full(np.shape(array), np.nan)]
            for other in wrong:
                state = run.state._replace(memory={**run.state.memory, name: other})
                with pytest.raises(ValueError, match=r"memory|epoch's order"):
                    nb.train(problem, method, 6, resume=Run(state, 1.0, 1.0, settings=run.settings, provenance=run.provenance))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 300,
        "(" * 10**6,
        "[" * 90 + "]" * 90,
        "-" * LONGEST,
        "Conv(" * 100,
        "Dense(10**9**9)",
        "Dense(" + "9" * 900 + ")",
        "x.y",
        "f()",
        "Conv(1e999, 2)",
        "Dense(None)",
        "Pool('a')",
        "Dense((1, 2))",
        "Dropout(2)",
        "Dense(nan)",
        "",
        "\0",
        "a" * 10**6,
        "Conv(*[1])",
    ],
)
def test_texts_that_are_no_layer(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no layer|must be|it is a probability") as caught:
        nb.Network.chain((1, 8, 8), layer_written(text))
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize(
    ("value", "hint", "words"),
    [
        (1, int, None),
        (True, int, "whole"),
        (1.0, int, "whole"),
        (2**63, int, "whole"),
        (1, float, None),
        (float("inf"), float, "finite"),
        ("a", str, None),
        (None, int | None, None),
        ("a", int | None, "whole"),
        ([1, 2], tuple[int, ...], None),
        ([1, "a"], tuple[int, ...], r"it\[1\]"),
        ([1], tuple[int, int], "2 entries"),
        ("ab", tuple[str, ...], "a list"),
        ({"a": 1}, {"a": str}, "it.a"),
        ({}, {"a": str}, None),
        ([], {"a": str}, "group"),
        ({"a": [1]}, dict[str, Any], None),
        (["a\0"], tuple[Path, ...], "path"),
    ],
)
def test_types_of_plain_values(value: Any, hint: Any, words: str | None) -> None:
    told = misfit(value, hint)
    assert told is None if words is None else told is not None
    if words is not None:
        with pytest.raises(ValueError, match=words):
            raise ValueError(told)


def test_deep_values_and_what_is_not_there() -> None:
    value: Any = 1
    for _ in range(64):
        value = [value]
    assert not is_deep(value)
    assert is_deep({"a": value})
    with pytest.raises(RunFileError, match=r"a\.npz lacks 'b'"):
        Held.within("a.npz", {"a": 1})["b"]


@pytest.mark.parametrize(
    "settings", [3, "Scale", [3], [{"step": "Scale", "factor": "x"}], [{"step": 3}], [{"step": "Scale", "more": 1}]]
)
def test_preprocessing_that_is_none(settings: Any) -> None:
    with pytest.raises(ValueError, match="preprocessing"):
        Preprocessing.from_arrays({}, settings)
