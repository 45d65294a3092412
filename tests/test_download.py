"""Where data come from: folders, archives, the cache, a server on loopback; faults of each."""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import netbp as nb
from netbp.data import cifar, download, mnist
from netbp.data.download import Archive, Found, Member, cache_folder, fetch, locate
from test_cifar import small
from test_mnist import packed

FOLDER = cifar.CIFAR10.archive.folder


class Site:
    """A server on loopback: what it has, by path; how much of it is sent; what was asked of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.part = 1.0
        self.asked: list[str] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                if self.path not in site.files:
                    self.send_error(404)
                    return
                content = site.files[self.path]
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                half = int(len(content) * min(site.part, 0.5))
                self.wfile.write(content[:half])
                site.begun.set()
                site.go_on.wait(30)
                self.wfile.write(content[half : int(len(content) * site.part)])

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that are killed
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    site.go_on.set()
    site.server.shutdown()
    site.server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def nowhere_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NETBP_DATA", raising=False)
    monkeypatch.setenv("NETBP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    logging.getLogger("pooch").setLevel("WARNING")


def tar(entries: list[tuple[str, bytes | tarfile.TarInfo]]) -> bytes:
    """A .tar.gz of files, or of entries as they are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        for name, what in entries:
            info = what if isinstance(what, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.name = name
            if isinstance(what, bytes):
                info.size = len(what)
            archive.addfile(info, io.BytesIO(what) if isinstance(what, bytes) else None)
    return out.getvalue()


def entries(contents: dict[str, bytes]) -> list[tuple[str, bytes | tarfile.TarInfo]]:
    """As the official archive has them, with a page to read among them."""
    return [(f"{FOLDER}/readme.html", b"<html>"), *((f"{FOLDER}/{name}", c) for name, c in contents.items())]


@pytest.fixture
def ten(site: Site, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, bytes], bytes]:
    """A small CIFAR-10 on the site: its files and its archive."""
    layout, contents = small(cifar.CIFAR10)
    whole = tar(entries(contents))
    archive = layout.archive._replace(address=site.address + "cifar-10-binary.tar.gz", sha256=hashlib.sha256(whole).hexdigest())
    monkeypatch.setattr(cifar, "CIFAR10", layout._replace(archive=archive))
    site.files["/cifar-10-binary.tar.gz"] = whole
    return contents, whole


Ten = tuple[dict[str, bytes], bytes]


def in_folder(tmp_path: Path, ten: Ten, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETBP_DATA", str(tmp_path))
    (tmp_path / FOLDER).mkdir()
    for name, content in ten[0].items():
        (tmp_path / FOLDER / name).write_bytes(content)
    site.files.clear()


def archive_in_folder(tmp_path: Path, ten: Ten, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETBP_DATA", str(tmp_path))
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(ten[1])
    site.files.clear()


def in_cache(tmp_path: Path, ten: Ten, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_folder().mkdir()
    (cache_folder() / "cifar-10-binary.tar.gz").write_bytes(ten[1])
    site.files.clear()


def damaged_in_cache(tmp_path: Path, ten: Ten, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    cache_folder().mkdir()
    (cache_folder() / "cifar-10-binary.tar.gz").write_bytes(ten[1][:-5])


def on_the_site(tmp_path: Path, ten: Ten, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETBP_DATA", str(tmp_path))  # which has other data


PLACES = [in_folder, archive_in_folder, in_cache, damaged_in_cache, on_the_site]


@pytest.mark.parametrize("place", PLACES, ids=[place.__name__ for place in PLACES])
def test_wherever_they_come_from_the_images_are_the_same(
    place: Callable[..., None], tmp_path: Path, ten: Ten, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(tmp_path, ten, site, monkeypatch)
    images = nb.data.cifar10()
    expected = np.concatenate([np.frombuffer(c, np.uint8).reshape(20, -1) for c in ten[0].values()])
    np.testing.assert_array_equal(np.concatenate([images.train.x, images.test.x]), expected[:, 1:])
    assert site.asked == ["/cifar-10-binary.tar.gz"] * (place in (damaged_in_cache, on_the_site))
    nb.data.cifar10()
    assert len(site.asked) <= 1
    extracted = [path for path in tmp_path.rglob("*.bin") if place is not in_folder]
    assert extracted == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pooch leaves broken connections to the collector
@pytest.mark.parametrize("fault", ["truncated", "flipped", "another", "gone", "short"])
def test_a_download_that_fails_leaves_nothing_and_can_be_repeated(fault: str, ten: Ten, site: Site) -> None:
    _, whole = ten
    target = cache_folder() / "cifar-10-binary.tar.gz"
    wrong = {
        "truncated": whole[: len(whole) // 2],
        "flipped": whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:],
        "another": b"<html>Sign in to this network</html>",
    }
    if fault == "gone":
        site.files.clear()
    elif fault == "short":
        site.part = 0.9  # the connection ends early
    else:
        site.files["/cifar-10-binary.tar.gz"] = wrong[fault]
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        nb.data.cifar10()
    message = str(caught.value)
    assert "\n" not in message
    assert site.address + "cifar-10-binary.tar.gz" in message
    if fault in ("gone", "short"):
        assert isinstance(caught.value, FileNotFoundError)
        assert "NETBP_DATA" in message
    else:
        assert "not the file that is known" in message
    assert list(cache_folder().rglob("*")) == [], "nothing is left, neither under the real name nor beside it"
    site.files["/cifar-10-binary.tar.gz"], site.part = whole, 1.0
    nb.data.cifar10()
    assert target.read_bytes() == whole


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_download_starts_again(ten: Ten, site: Site) -> None:
    _, whole = ten
    address, sha256 = site.address + "cifar-10-binary.tar.gz", hashlib.sha256(whole).hexdigest()
    site.go_on.clear()
    code = f"from netbp.data.download import fetch; fetch({address!r}, {sha256!r})"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        assert site.begun.wait(60)
        process.kill()
    site.go_on.set()
    assert process.returncode == -signal.SIGKILL
    assert not (cache_folder() / "cifar-10-binary.tar.gz").exists()
    assert fetch(address, sha256).read_bytes() == whole


def closed_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_offline_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{closed_port()}/"
    ten = cifar.CIFAR10.archive._replace(address=address + "cifar-10-binary.tar.gz")
    monkeypatch.setattr(cifar, "CIFAR10", cifar.CIFAR10._replace(archive=ten))
    for layout in ("MNIST", "FASHION"):
        monkeypatch.setattr(mnist_module(), layout, getattr(mnist_module(), layout)._replace(site=address))
    for load, file, folder in (
        (nb.data.cifar10, "cifar-10-binary.tar.gz", ""),
        (nb.data.mnist, "train-images-idx3-ubyte.gz", "mnist"),
        (nb.data.fashion_mnist, "train-images-idx3-ubyte.gz", "fashion-mnist"),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            load()
        message = str(caught.value)
        assert "\n" not in message
        for part in (address + file, "Connection refused", str(cache_folder() / folder), "NETBP_DATA", str(Path(folder) / file)):
            assert part in message


def mnist_module() -> object:
    return sys.modules[mnist.__module__]  # netbp.data.mnist itself is the function


def test_without_pooch_the_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(FileNotFoundError, match=r"pip install 'netbp\[images\]'"):
        fetch("http://127.0.0.1:9/x.gz", "0" * 64)


def test_mnist_and_fashion_mnist_are_fetched_file_by_file(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    module = mnist_module()
    for where, name, load in (("MNIST", "mnist", nb.data.mnist), ("FASHION", "fashion-mnist", nb.data.fashion_mnist)):
        rng, sums = np.random.default_rng(len(name)), {}
        for file in module.FILES:  # type: ignore[attr-defined]
            count = 60_000 if file.startswith("train") else 10_000
            magic, content = (
                (2051, bytes(count * 784)) if "images" in file else (2049, rng.integers(0, 10, count, np.uint8).tobytes())
            )
            header = (magic, count, 28, 28) if "images" in file else (magic, count)
            site.files[f"/{name}/{file}"] = packed(header, content)
            sums[file] = hashlib.sha256(site.files[f"/{name}/{file}"]).hexdigest()
        layout = getattr(module, where)._replace(site=f"{site.address}{name}/", sha256=sums)
        monkeypatch.setattr(module, where, layout)
        images = load(training=100, scaled=False)
        assert images.source.official
        assert np.asarray(images.train.x).dtype == np.uint8
        assert images.shape == (1, 28, 28)
        assert sorted(path.name for path in (cache_folder() / name).iterdir()) == sorted(sums)
    asked = len(site.asked)
    nb.data.fashion_mnist(training=1)
    assert (asked, len(site.asked)) == (8, 8)


MEMBER = Member(5, hashlib.sha256(b"12345").hexdigest())
ARCHIVE = Archive("http://127.0.0.1:9/a.tar.gz", "", "d", {"one.bin": MEMBER, "two.bin": MEMBER})
GOOD: list[tuple[str, bytes | tarfile.TarInfo]] = [("d/one.bin", b"12345"), ("d/two.bin", b"54321")]


def link(kind: bytes, to: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname, info.size = kind, to, 5  # as if it were the file
    return info


def claiming(size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.size = size
    return info


REFUSED = {
    "a symbolic link": (
        [("d/one.bin", link(tarfile.SYMTYPE, "/etc/passwd")), GOOD[1]],
        "'d/one.bin' is not a plain file of 5 bytes",
    ),
    "a hard link": ([GOOD[0], ("d/two.bin", link(tarfile.LNKTYPE, "d/one.bin"))], "'d/two.bin' is not a plain file of 5 bytes"),
    "a device": ([("d/one.bin", link(tarfile.CHRTYPE, ""))], "is not a plain file"),
    "a byte short": ([("d/one.bin", b"1234"), GOOD[1]], "'d/one.bin' is not a plain file of 5 bytes"),
    "a byte more": ([("d/one.bin", b"123456"), GOOD[1]], "'d/one.bin' is not a plain file of 5 bytes"),
    "twice": ([*GOOD, GOOD[0]], "'d/one.bin' is there twice"),
    "missing": ([GOOD[0]], "two.bin is not in this archive"),
    "elsewhere": ([("one.bin", b"12345"), ("d/../d/two.bin", b"54321")], "one.bin, two.bin is not in this archive"),
    "a bomb beside": ([("d/readme.html", bytes(2 << 20)), *GOOD], "'d/readme.html' of 2,097,152 bytes does not belong"),
    "a claim": ([GOOD[0], ("d/huge", claiming(1 << 62))], "4,611,686,018,427,387,904 bytes does not belong"),
    "nothing": ([], "one.bin, two.bin is not in this archive"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_archives_that_are_not_what_they_should_be_are_refused(case: str, tmp_path: Path) -> None:
    made, message = REFUSED[case]
    (tmp_path / "a.tar.gz").write_bytes(tar(made))
    with pytest.raises(ValueError, match=message) as caught:
        list(Found(tmp_path / "a.tar.gz", ARCHIVE).read())
    assert str(tmp_path / "a.tar.gz") in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_an_archive_is_read_by_name_whatever_else_it_holds(tmp_path: Path) -> None:
    others = [("../escaped", b"x"), ("/absolute", b"y"), ("d/link", link(tarfile.SYMTYPE, "/etc/passwd")), ("d/page", b"<p>")]
    (tmp_path / "a.tar.gz").write_bytes(tar([*others, *reversed(GOOD)]))
    assert dict(Found(tmp_path / "a.tar.gz", ARCHIVE).read()) == {"one.bin": b"12345", "two.bin": b"54321"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_archives_cut_anywhere_or_with_any_bit_flipped_are_refused_or_read_right(tmp_path: Path) -> None:
    """Where the fault lies in what nobody reads, the contents are still the right ones: their sums say so."""
    path, whole = tmp_path / "a.tar.gz", tar(GOOD)
    rng = np.random.default_rng(0)
    damaged = [whole[:size] for size in range(0, len(whole), 3)]
    for position in rng.integers(0, len(whole), 200):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << rng.integers(8)
        damaged.append(bytes(flipped))
    outcomes = [outcome(path, content) for content in damaged]
    assert set(outcomes) <= {"refused", "refused by its sum", "right"}
    assert outcomes.count("right") < len(damaged) / 2


def outcome(path: Path, content: bytes) -> str:
    """What becomes of a damaged archive."""
    path.write_bytes(content)
    right = dict(zip(ARCHIVE.members, (b"12345", b"54321"), strict=True))
    try:
        found = dict(Found(path, ARCHIVE).read())
    except ValueError as error:
        return "refused" if "\n" not in str(error) else f"refused in several lines: {error}"
    try:
        for name, read in found.items():
            download.check(name, path, read, hashlib.sha256(right[name]).hexdigest())
    except ValueError:
        return "refused by its sum"
    return "right" if found == right else f"wrong: {found}"


def test_a_gzip_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    for content in (gzip.compress(b"no archive" * 100), b"", b"PK\x03\x04", bytes(2000)):
        (tmp_path / "a.tar.gz").write_bytes(content)
        with pytest.raises(ValueError, match=r"not a whole \.tar\.gz archive|not in this archive"):
            list(locate(ARCHIVE, tmp_path / "a.tar.gz").read())


def test_the_cache_is_where_the_user_says_or_the_system_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("NETBP_CACHE")
    assert cache_folder().name == "netbp" or "netbp" in cache_folder().parts
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert cache_folder() == Path.home() / ".cache" / "netbp"
