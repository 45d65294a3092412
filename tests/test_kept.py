"""What is kept from one process to the next: whatever becomes of it, the computation goes on, to the same result."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import types

from netbp import files, notices, sealed
from netbp.engines.compiled import cache
from netbp.engines.compiled.cache import OnDisk, kept
from netbp.sealed import MARK, START, Sealed
from users import MALLORY, SOMEBODY, as_root, given_to, open_place, posix, user

CONTENT = bytes(range(256)) * 3


class Said(list[str]):
    """The lines that netbp has said, each once a process: reading them forgets them."""

    def now(self) -> list[str]:
        lines = [*self]
        self.clear()
        notices.told.clear()
        return lines


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    """A process that has said nothing yet."""
    lines = Said()
    monkeypatch.setattr(notices, "told", set())
    monkeypatch.setattr(notices, "log", logging.Logger("netbp"))
    notices.log.addHandler(handler := logging.Handler())
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    return lines


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NETBP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return tmp_path / "cache" / "kernels"


# What is sealed.


@pytest.fixture
def store(folder: Path) -> Sealed:
    return Sealed("things", cache.folder, 10**6)


def test_what_was_saved_is_loaded_and_nothing_else(store: Sealed, said: Said) -> None:
    assert store.load("name") is None
    store.save("name", CONTENT)
    assert store.load("name") == CONTENT
    store.save("name", b"")
    assert store.load("name") == b""
    assert store.load("another") is None
    assert said.now() == []


def test_every_flipped_bit_and_every_cut_is_found(store: Sealed, folder: Path, said: Said) -> None:
    store.save("name", CONTENT)
    path = folder / "name"
    whole = path.read_bytes()
    for place, bit in itertools.product(range(len(whole)), (0x01, 0x80)):
        damaged = bytearray(whole)
        damaged[place] ^= bit
        path.write_bytes(damaged)
        assert store.load("name") is None, (place, bit)
        assert not path.exists()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert store.load("name") is None, length
    (line,) = said.now()
    assert line == "things that were kept on the disk are damaged, and made anew (name is not as it was written)"
    for more in (b"\0", b"more", whole):
        path.write_bytes(whole + more)
        assert store.load("name") is None
    for other in (whole[len(MARK) :], MARK, MARK + bytes(32) + CONTENT, whole.replace(b", 1\n", b", 2\n"), b"\x80\x05."):
        path.write_bytes(other)
        assert store.load("name") is None
    path.write_bytes(whole)
    assert store.load("name") == CONTENT


def test_a_file_under_another_name_is_not_taken(store: Sealed, folder: Path) -> None:
    store.save("one", CONTENT)
    (folder / "one").rename(folder / "two")
    assert store.load("two") is None


def test_what_was_used_longest_ago_goes_first(store: Sealed, folder: Path, said: Said) -> None:
    few = store._replace(most=4 * (START + len(CONTENT)))
    for i in range(4):
        few.save(str(i), CONTENT)
        os.utime(folder / str(i), (i, i))
    assert few.load("0") == CONTENT  # used now
    (folder / "left by a process that was killed.tmp").write_bytes(b"")
    os.utime(folder / "left by a process that was killed.tmp", (0, 0))
    for i in range(4, 6):
        few.save(str(i), CONTENT)
    assert sorted(path.name for path in folder.iterdir()) == ["0", "3", "4", "5"]
    few.save("too large", few.most * b"x")
    assert few.load("too large") == few.most * b"x"
    assert said.now() == []


# Kernels.


def exponentials(x: np.ndarray) -> float:
    total = 0.0
    for i in range(x.size):
        total += np.exp(x[i]) / (i + 1.0)
    return total


SIGNATURE = types.float64(types.float64[::1])
X = np.linspace(-1.0, 1.0, 101)


def computed() -> tuple[str, int]:
    """What a process computes that has no compiled kernel yet, to the last bit, and how many kernels it took from the disk."""
    kernel = kept(SIGNATURE)(exponentials)
    return float(kernel(X)).hex(), sum(kernel.stats.cache_hits.values())


@pytest.fixture(scope="module")
def expected() -> str:
    from numba import njit

    return float(njit(SIGNATURE, error_model="numpy")(exponentials)(X)).hex()


def only(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_a_kernel_is_compiled_once(folder: Path, expected: str, said: Said) -> None:
    assert computed() == (expected, 0)
    assert computed() == (expected, 1)
    assert os.name != "posix" or only(folder).stat().st_mode & 0o777 == 0o600
    assert said.now() == []


def test_a_kernel_without_a_signature_is_kept_for_each_types_it_meets(folder: Path, said: Said) -> None:
    for hits in (0, 2):
        kernel = kept()(exponentials)
        assert kernel(X) == pytest.approx(kernel(X.astype(np.float32)), rel=1e-6)
        assert sum(kernel.stats.cache_hits.values()) == hits
    assert len(list(folder.iterdir())) == 2
    assert said.now() == []


class Hostile:
    """What leaves a folder behind when it is unpickled."""

    def __init__(self, left: Path) -> None:
        self.left = left

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.left),)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1000] ^= 4
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(1000))


def numbas_own(path: Path) -> None:
    path.write_bytes(pickle.dumps("0.99.0") + pickle.dumps(({}, {})))


def another_netbps(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"SHA-256, 1", b"SHA-256, 2"))


def sealed_again(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(b"".join(sealed._closed(path.name, content))) and None


def replaced(by: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.unlink()
        by(path)

    return damage


def a_socket(path: Path) -> None:
    import socket

    with pytest.MonkeyPatch.context() as patch, socket.socket(socket.AF_UNIX) as end:  # its name may have 100 characters only
        patch.chdir(path.parent)
        end.bind(path.name)


def a_full_folder(path: Path) -> None:
    path.mkdir()
    (path / "file").write_text("text")


DAMAGE = {
    "cut": cut,
    "flipped": flipped,
    "empty": empty,
    "garbage": garbage,
    "Numba's own": numbas_own,
    "another netbp's": another_netbps,
    "no pickle": sealed_again(b"garbage"),
    "a pickle cut": sealed_again(pickle.dumps((1, 2))[:-3]),
    "another Numba's": sealed_again(pickle.dumps((1, 2, 3))),
    "of a module that is gone": sealed_again(b"cmodule.that.is.gone\nname\n."),
    "a folder": replaced(Path.mkdir),
    "a full folder": replaced(a_full_folder),
    "a link to nothing": replaced(lambda path: path.symlink_to("nothing")),
    "a link to itself": replaced(lambda path: path.symlink_to(path.name)),
    "a link to a device": replaced(lambda path: path.symlink_to("/dev/zero")),
    "a pipe": replaced(lambda path: os.mkfifo(path)),  # noqa: PLW0108, since not every system has it
    "a socket": replaced(a_socket),
    "open to others": lambda path: path.chmod(0o666),
}


@posix
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_kernel_is_compiled_again_and_kept(damage: str, folder: Path, expected: str, said: Said) -> None:
    computed()
    DAMAGE[damage](only(folder))
    assert computed() == (expected, 0)
    lines = said.now()
    assert len(lines) == (damage != "a link to nothing"), lines
    assert all(line.startswith("compiled kernels that were kept on the disk are damaged, and made anew (") for line in lines)
    assert computed() == (expected, 1), "it was repaired"
    assert said.now() == []


def a_file_in_its_place(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("text")


def a_file_further_up(folder: Path) -> None:
    folder.parent.write_text("text")


def open_to_all(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o777)


def in_an_open_one(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.parent.chmod(0o777)


@posix
@pytest.mark.parametrize("fault", [a_file_in_its_place, a_file_further_up, open_to_all, in_an_open_one])
def test_without_a_folder_every_process_compiles(
    fault: Callable[[Path], None], folder: Path, expected: str, said: Said, tmp_path: Path
) -> None:
    fault(folder)
    before = sorted(tmp_path.rglob("*"))
    for _ in range(2):
        assert computed() == (expected, 0)
        (line,) = said.now()
        assert line.startswith("compiled kernels are not kept on the disk, so that each process makes its own: '")
        assert line.endswith(": set NETBP_CACHE to a folder of your own")
    assert sorted(tmp_path.rglob("*")) == before


def test_without_a_home_too(folder: Path, expected: str, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise FileNotFoundError(errno.ENOENT, "there is no home folder")

    monkeypatch.setattr(cache, "cache_folder", homeless)
    assert computed() == (expected, 0)
    assert said.now() == ["compiled kernels are not kept on the disk, so that each process makes its own: there is no home folder"]


@as_root
@pytest.mark.parametrize("full", [False, True])
def test_a_folder_that_is_read_only(full: bool, expected: str, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """For an ordinary user: what is there is used, and nothing more is kept."""
    with open_place() as place:
        monkeypatch.setenv("NETBP_CACHE", str(place))
        with user(SOMEBODY):
            if full:
                computed()
            else:
                (place / "kernels").mkdir()
            (place / "kernels").chmod(0o500)
            for _ in range(2):
                assert computed() == (expected, int(full))
                assert len(said.now()) == 1 - full
            (place / "kernels").chmod(0o700)


FAULTS = [
    *((call, errno.ENOSPC) for call in ("open", "fsync", "replace", "chmod", "utime", "scandir")),
    *(("fsync", number) for number in (errno.EDQUOT, errno.EROFS, errno.EIO)),  # EACCES: it cannot flush, and need not
]


@pytest.mark.parametrize(("call", "number"), FAULTS)
def test_a_disk_that_fails(
    call: str, number: int, folder: Path, expected: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At any of the calls that write; then the disk is mended, and the kernel kept."""
    computed()
    cut(only(folder))

    def failing(*arguments: Any, **options: Any) -> Any:
        raise OSError(number, os.strerror(number))

    right = getattr(os, call)
    reading = 0  # the flags of a call that writes are others

    def failing_to_write(path: Any, flags: int, *arguments: Any) -> int:
        return right(path, flags, *arguments) if flags & os.O_ACCMODE == reading else failing()

    monkeypatch.setattr(files.os, call, failing_to_write if call == "open" else failing)
    assert computed() == (expected, 0)
    lines = said.now()
    monkeypatch.undo()
    monkeypatch.setenv("NETBP_CACHE", str(folder.parent))
    assert len(lines) == 1 + (call not in ("utime",)), lines  # damaged, and not kept
    assert [path for path in folder.iterdir() if path.suffix == ".tmp"] == []
    computed()
    assert computed() == (expected, 1)


def test_files_removed_by_another_process(folder: Path, expected: str, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each look at the disk, in turn: the file, the folder, the whole cache."""
    rights = {name: getattr(os, name) for name in ("open", "scandir", "replace", "chmod", "utime", "fsync")}
    for name, gone in itertools.product(rights, ("file", "kernels", "cache")):
        shutil.rmtree(folder.parent, ignore_errors=True)
        computed()
        said.now()
        again = [True]

        def removing(*arguments: Any, name: str = name, gone: str = gone, again: list[bool] = again, **options: Any) -> Any:
            if again:
                again.clear()
                if gone == "file":
                    for path in folder.glob("*"):
                        path.unlink()
                else:
                    shutil.rmtree(folder if gone == "kernels" else folder.parent, ignore_errors=True)
            return rights[name](*arguments, **options)

        with monkeypatch.context() as context:
            context.setattr(os, name, removing)
            assert computed()[0] == expected, (name, gone)
        assert len(said.now()) <= 1, (name, gone)
        computed()
        assert computed() == (expected, 1), (name, gone)


def test_a_command_with_damaged_kernels_and_no_room_for_new_ones(tmp_path: Path) -> None:
    """It answers as ever, and says in a line each what it does without; a copy of all kernels gets all kinds of damage."""
    resource = pytest.importorskip("resource")

    def check(**environment: str) -> tuple[int, str, list[str]]:
        command = [sys.executable, "-m", "netbp", "check", "--network", "2-2"]
        uncounted = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # its file would not fit
        done = subprocess.run(command, env={**uncounted, **environment}, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout, done.stderr.splitlines()

    whole = check()
    assert whole[::2] == (0, [])
    shutil.copytree(cache.folder(), tmp_path / "cache" / "netbp")
    for damage, path in zip(itertools.cycle(DAMAGE.values()), sorted((tmp_path / "cache" / "netbp").iterdir()), strict=False):
        damage(path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        code, out, said = check(NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        shutil.rmtree(tmp_path / "cache")
    assert (code, out) == whole[:2]
    first, second = said
    assert first.startswith("compiled kernels that were kept on the disk are damaged, and made anew (")
    assert second.startswith("compiled kernels are not kept on the disk, so that each process makes its own: cannot write ")


# What another user has put there.


def all_hers(place: Path) -> None:
    given_to(MALLORY, place)


def her_folder(place: Path) -> None:
    given_to(MALLORY, place / "kernels")


def her_file(place: Path) -> None:
    for path in (place / "kernels").iterdir():
        given_to(MALLORY, path)


def her_link_to_a_file(place: Path) -> None:
    path = only(place / "kernels")
    path.rename(place / "planted")
    given_to(MALLORY, place / "planted")
    path.symlink_to(place / "planted")


def her_link(place: Path) -> None:
    (place / "kernels").rename(place / "planted")
    (place / "kernels").symlink_to("planted")
    given_to(MALLORY, place / "kernels")


def open_before(place: Path) -> None:
    (place / "kernels").chmod(0o777)


@as_root
@pytest.mark.parametrize("asking", [None, SOMEBODY])
@pytest.mark.parametrize("variable", ["NETBP_CACHE", "NUMBA_CACHE_DIR"])
@pytest.mark.parametrize("plant", [all_hers, her_folder, her_file, her_link_to_a_file, her_link, open_before])
def test_nothing_is_unpickled_that_another_user_could_have_put_there(
    plant: Callable[[Path], None], variable: str, asking: int | None, expected: str, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the right name, well sealed."""
    with open_place() as place:
        monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
        monkeypatch.setenv(variable, str(place / "cache"))
        name = "netbp" if variable == "NUMBA_CACHE_DIR" else "kernels"
        with user(asking):
            computed()
        (place / "cache").chmod(0o755)
        if name == "netbp":
            (place / "cache" / "netbp").rename(place / "cache" / "kernels")
        for path in (place / "cache" / "kernels").iterdir():
            sealed_again(pickle.dumps(Hostile(place / "left")))(path)
        plant(place / "cache")
        if name == "netbp":
            (place / "cache" / "kernels").rename(place / "cache" / "netbp")
        with user(asking):
            assert computed() == (expected, 0)
        assert len(said.now()) == 1
        assert not (place / "left").exists()


def test_the_same_attack_works_where_folders_are_not_looked_at(folder: Path, tmp_path: Path) -> None:
    """Or the test above would show nothing."""
    computed()
    sealed_again(pickle.dumps(Hostile(tmp_path / "left")))(only(folder))
    computed()
    assert (tmp_path / "left").exists()


def test_nothing_is_read_where_numba_itself_would_keep_kernels(folder: Path, tmp_path: Path, expected: str) -> None:
    """Beside the sources, or in a folder of its own."""
    from numba.core.caching import FunctionCache

    index = Path(FunctionCache(exponentials)._cache_file._index_path)
    try:
        index.write_bytes(pickle.dumps(Hostile(tmp_path / "left")))
        assert computed() == (expected, 0)
    finally:
        index.unlink()
    assert not (tmp_path / "left").exists()


# Names, and several processes.


def test_the_name_tells_all_that_the_code_depends_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Codegen:
        def __init__(self, *processor: str) -> None:
            self.processor = processor

        def magic_tuple(self) -> tuple[str, ...]:
            return self.processor

    def freezing(value: Any) -> Callable[[], Any]:
        return lambda: value

    here, signature = Codegen("x86_64", "znver4", "+avx2"), SIGNATURE
    on_disk = OnDisk(exponentials)
    names = [
        on_disk._name(signature, here),
        on_disk._name(types.float64(types.float64[:]), here),
        on_disk._name((types.Array(types.float64, 1, "C", readonly=True),), here),
        on_disk._name((types.Array(types.float64, 1, "C", aligned=False),), here),
        on_disk._name((types.Array(types.float64, 1, "C"),), here),
        on_disk._name(signature, Codegen("x86_64", "znver4", "")),
        on_disk._name(signature, Codegen("x86_64", "haswell", "+avx2")),
        OnDisk(computed)._name(signature, here),
        *(OnDisk(freezing(value))._name(signature, here) for value in (1, 1.0, (1,), (1, (2, 3.5)), "1", None, 0.1, -0.0, 0.0)),
    ]
    monkeypatch.setattr(cache.config, "OPT", 0)
    names.append(on_disk._name(signature, here))
    monkeypatch.undo()
    monkeypatch.setattr(cache, "fingerprint", lambda: "of other sources or versions")
    names.append(on_disk._name(signature, here))
    assert len(set(names)) == len(names)
    with pytest.raises(AssertionError, match="which cannot name it on the disk"):
        OnDisk(freezing(np.ones(2)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_several_processes_at_one_empty_cache(folder: Path, expected: str) -> None:
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            right = False
            try:
                right = computed()[0] == expected
            finally:
                os._exit(not right)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert computed() == (expected, 1)
    assert only(folder)
