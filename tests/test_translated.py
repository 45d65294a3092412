"""Runs whose step torch.compile has translated go on, in another process, as if they had never stopped."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch._inductor.runtime import cache_dir_utils

import netbp as nb
import translated
from netbp.engines.tensor import kept, translation
from netbp.sealed import START
from users import MALLORY, ROOT, given_to, posix


class Hostile:
    """What leaves a folder behind when it is unpickled."""

    def __init__(self, left: Path) -> None:
        self.left = left

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.left),)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def plant(folder: Path, kept: dict[str, bytes], left: Path) -> dict[str, bytes]:
    """Fill the folder where torch.compile looks by itself, as another user could: what it would unpickle there is hostile."""
    for content in kept.values():
        with zipfile.ZipFile(BytesIO(content[START:])) as archive:
            for name in archive.namelist():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(pickle.dumps(Hostile(left)))
    (folder / "bisect_status.txt").write_text("")
    if ROOT:
        given_to(MALLORY, folder)
    return contents(folder)


def test_a_translated_run_goes_on_in_another_process_to_the_same_bits(tmp_path: Path) -> None:
    """From the end of an epoch and from its middle; both share what is kept on the disk, and nothing that another has put there."""
    translations, planted, left = (
        tmp_path / "cache" / "translations",
        tmp_path / "temporary" / "torchinductor_user",
        tmp_path / "left",
    )
    planted.mkdir(parents=True)
    planted.chmod(0o777)
    planted.parent.chmod(0o1777)
    environment = {name: value for name, value in os.environ.items() if name not in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")}
    environment |= {
        "TMPDIR": str(planted.parent),
        "LOGNAME": "user",
        "NETBP_CACHE": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    there, before = plant(planted, {}, left), {}
    for what in ("begin", "go_on"):
        command = [sys.executable, translated.__file__, what, str(tmp_path)]
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, done.stderr
        assert (done.stdout, contents(planted), left.exists()) == ("", there, False)
        assert list(planted.parent.iterdir()) == [planted], "nothing of netbp's own stays there"
        assert before in ({}, contents(translations)), "the second process translated anew"
        before = contents(translations)
        there = plant(planted, before, left)
    assert before
    whole = nb.Run.load(tmp_path / "whole.npz")
    assert whole.step == translated.STEPS
    for name in translated.STOPPED:
        run = nb.Run.load(tmp_path / f"{name}, gone on.npz")
        assert run.p.tobytes() == whole.p.tobytes(), name
        for kind, memory in whole.state.memory.items():
            np.testing.assert_array_equal(run.state.memory[kind], memory)
        for kind, curve in whole.series.items():
            np.testing.assert_array_equal(run.series[kind].values, curve.values)


# Where it works, and what is kept of it.


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A process that has translated nothing yet."""
    for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TMPDIR"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETBP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept._named.cache_clear()
    kept._place.cache_clear()
    yield tmp_path / "cache" / "translations"
    kept._named.cache_clear()
    kept._place.cache_clear()


def test_it_works_in_a_folder_of_its_own(cached: Path, tmp_path: Path) -> None:
    with kept.workshop() as place, kept.workshop() as again:
        assert place == again
        assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(place)
        assert cache_dir_utils.cache_dir() == str(place)
        beside = Path(cache_dir_utils.default_cache_dir()).parent
        assert beside == Path(os.environ["TMPDIR"]) == place.with_name("temporary")
        for folder in (place.parent, place, beside):
            assert os.name != "posix" or folder.stat().st_mode & 0o077 == 0
    assert place.parent.parent == tmp_path
    assert (tempfile.tempdir, os.environ.get("TMPDIR")) == (str(tmp_path), None)
    assert cache_dir_utils.cache_dir() == str(place), "should PyTorch translate once more"
    kept._remove(str(place.parent), os.getpid() + 1)
    assert place.exists()
    kept._remove(str(place.parent), os.getpid())
    assert not place.parent.exists()


@posix
def test_it_works_nowhere_rather_than_where_others_can_reach_in(
    cached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "open"))
    with kept.workshop() as place:
        assert place.is_relative_to(tmp_path / "cache" / "temporary")
    kept._place.cache_clear()
    monkeypatch.setenv("NETBP_CACHE", str(tmp_path / "open"))
    step = translation.Translated(lambda x: 2 * x)
    with pytest.MonkeyPatch.context() as patch:
        said: list[str] = []
        patch.setattr(translation, "tell", said.append)
        assert step(torch.ones(3)).tolist() == [2.0] * 3
    assert list((tmp_path / "open").iterdir()) == []
    assert said == [f"torch.compile could not translate the training step, which runs as it is, slower: {step.reason}"]
    assert "can be written to by others: set NETBP_CACHE to a folder of your own" in str(step.reason)


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("", ""),
        ("/home/me/fast", "/home/me/fast"),
        ("{tmp}/torchinductor_me", ""),
        ("{tmp}/netbp-torch-x1/kept", ""),
        ("{tmp}/mine", "{tmp}/mine"),
    ],
)
def test_a_folder_that_the_user_has_named_is_where_translations_are_kept(
    named: str, meant: str, cached: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", named.format(tmp=tmp_path))
    assert kept._named() == meant.format(tmp=tmp_path)
    if not meant.startswith("/home"):
        with kept.workshop():
            assert kept.folder() == (Path(kept._named()) / "netbp" if meant else cached)


def written(*names: str, code: str = "f", argument: torch.Tensor | int = 1) -> dict[str, bytes]:
    """What a process finds that has translated nothing yet, and then writes files of these names."""
    kept._place.cache_clear()
    with kept.workshop() as place, kept.kept(code, (argument,), place):
        found = contents(place)
        for name in names:
            (place / name).parent.mkdir(exist_ok=True, parents=True)
            (place / name).write_bytes(name.encode())
    shutil.rmtree(place.parent)
    return found


def test_what_was_written_is_found_by_later_processes(cached: Path) -> None:
    assert written("a/one.so", "two", "locks/three.lock") == {}
    for _ in range(2):
        assert written() == {"a/one.so": b"a/one.so", "two": b"two"}
    assert len(list(cached.iterdir())) == 1
    for other in ({"code": "g"}, {"argument": torch.ones(2)}, {"argument": torch.ones(2, 1)}, {"argument": torch.ones(2).double()}):
        assert written("other", **other) == {}  # type: ignore[arg-type]
    assert len(list(cached.iterdir())) == 5
    assert written("more") == {"a/one.so": b"a/one.so", "two": b"two"}
    assert written() == {"a/one.so": b"a/one.so", "two": b"two", "more": b"more"}


def test_damaged_translations_are_made_anew(cached: Path) -> None:
    written("one", "two")
    (path,) = cached.iterdir()
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 8]) + whole[place + 1 :])
        assert written("one", "two") == {}, place
        assert path.read_bytes() == whole
    path.unlink()
    cached.rmdir()
    cached.write_text("a file in its place")
    assert written("one", "two") == {}
    assert cached.read_text() == "a file in its place"
