"""Where data come from: folders, archives, the cache, a server on loopback; faults of each."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.data import cifar, download, mnist
from netbp.data.archive import Archive, Found, Member, check, locate
from netbp.data.download import Official, cache_folder, fetch
from netbp.files import NotReadError
from patience import SECONDS
from test_cifar import small
from test_mnist import packed

FOLDER = cifar.CIFAR10.archive.folder


class Site:
    """A server on loopback: what it has, by path; how much of it is sent; what was asked of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.part = 1.0
        self.endless = False  # goes on sending, and says no length
        self.sent = 0
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
                if not site.endless:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                while site.endless:
                    self.wfile.write(content)
                    site.sent += len(content)
                half = int(len(content) * min(site.part, 0.5))
                self.wfile.write(content[:half])
                site.begun.set()
                site.go_on.wait(SECONDS)
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
    official = Official(site.address + "cifar-10-binary.tar.gz", len(whole), hashlib.sha256(whole).hexdigest())
    monkeypatch.setattr(cifar, "CIFAR10", layout._replace(archive=layout.archive._replace(official=official)))
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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # broken connections are left to the collector
@pytest.mark.parametrize("fault", ["truncated", "flipped", "another", "longer", "endless", "gone", "short"])
def test_a_download_that_fails_leaves_nothing_and_can_be_repeated(fault: str, ten: Ten, site: Site) -> None:
    _, whole = ten
    target = cache_folder() / "cifar-10-binary.tar.gz"
    wrong = {
        "truncated": whole[: len(whole) // 2],
        "flipped": whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:],
        "another": b"<html>Sign in to this network</html>",
        "longer": whole + b"x",
        "endless": whole,
    }
    site.endless = fault == "endless"
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
    site.files["/cifar-10-binary.tar.gz"], site.part, site.endless = whole, 1.0, False
    nb.data.cifar10()
    assert target.read_bytes() == whole


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_download_starts_again(ten: Ten, site: Site) -> None:
    _, whole = ten
    official = cifar.CIFAR10.archive.official
    site.go_on.clear()
    code = f"from netbp.data.download import Official, fetch; fetch(Official{tuple(official)!r})"
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        assert site.begun.wait(SECONDS)
        process.kill()
    site.go_on.set()
    assert process.returncode == -signal.SIGKILL
    assert not (cache_folder() / "cifar-10-binary.tar.gz").exists()
    assert fetch(official).read_bytes() == whole
    assert [p.name for p in cache_folder().iterdir()] == ["cifar-10-binary.tar.gz"]


def closed_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_offline_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"http://127.0.0.1:{closed_port()}/"
    ten = cifar.CIFAR10.archive
    ten = ten._replace(official=ten.official._replace(address=address + "cifar-10-binary.tar.gz"))
    monkeypatch.setattr(cifar, "CIFAR10", cifar.CIFAR10._replace(archive=ten))
    for name in ("MNIST", "FASHION"):
        layout = getattr(mnist_module(), name)
        files = tuple(official._replace(address=address + official.file) for official in layout.official)
        monkeypatch.setattr(mnist_module(), name, layout._replace(official=files))
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


def test_without_requests_the_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(FileNotFoundError, match=r"pip install 'netbp\[images\]'"):
        fetch(Official("http://127.0.0.1:9/x.gz", 1, "0" * 64))


def test_no_more_is_received_than_the_file_has(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a site that never ends; and nothing at all where the disk has no room for it."""
    site.files["/x.gz"], site.endless = bytes(2**16), True
    official = Official(site.address + "x.gz", 2**20, "0" * 64)
    taken: list[int] = []
    write = download.write_atomically
    monkeypatch.setattr(
        download, "write_atomically", lambda path, pieces: write(path, (p for p in pieces if not taken.append(len(p))))
    )
    with pytest.raises(ValueError, match=r"it has more than 1,048,576 bytes"):
        fetch(official)
    assert sum(taken) <= official.size
    full = shutil.disk_usage(cache_folder())._replace(free=2**20 - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    asked = len(site.asked)
    with pytest.raises(OSError, match=r"has 1,048,575 bytes of room, but x\.gz has 1,048,576: set NETBP_CACHE"):
        fetch(official)
    assert len(site.asked) == asked


def test_a_site_that_trickles_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the clock of the test: 10 kB a second at least, in the long run."""
    site.files["/x.gz"] = bytes(2**20)
    ticks = itertools.count(step=50.0)
    monkeypatch.setattr(download.time, "monotonic", lambda: next(ticks))
    with pytest.raises(FileNotFoundError, match=r"TimeoutError: only [\d,]+ of 1,048,576 bytes came in"):
        fetch(Official(site.address + "x.gz", 2**20, "0" * 64))


def test_official_sites_are_asked_by_https_and_their_files_are_known() -> None:
    module: Any = mnist_module()
    known = [cifar.CIFAR10.archive.official, cifar.CIFAR100.archive.official, *module.MNIST.official, *module.FASHION.official]
    assert len(known) == 10
    for official in known:
        assert official.address.startswith("https://")
        assert re.fullmatch(r"[0-9a-f]{64}", official.sha256)
        assert 4_000 < official.size < 200_000_000


def test_mnist_and_fashion_mnist_are_fetched_file_by_file(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    module = mnist_module()
    for where, name, load in (("MNIST", "mnist", nb.data.mnist), ("FASHION", "fashion-mnist", nb.data.fashion_mnist)):
        rng, files = np.random.default_rng(len(name)), []
        for file in module.FILES:  # type: ignore[attr-defined]
            count = 60_000 if file.startswith("train") else 10_000
            magic, content = (
                (2051, bytes(count * 784)) if "images" in file else (2049, rng.integers(0, 10, count, np.uint8).tobytes())
            )
            header = (magic, count, 28, 28) if "images" in file else (magic, count)
            sent = site.files[f"/{name}/{file}"] = packed(header, content)
            files.append(Official(f"{site.address}{name}/{file}", len(sent), hashlib.sha256(sent).hexdigest()))
        monkeypatch.setattr(module, where, getattr(module, where)._replace(official=tuple(files)))
        images = load(training=100, scaled=False)
        assert images.source.official
        assert np.asarray(images.train.x).dtype == np.uint8
        assert images.shape == (1, 28, 28)
        assert sorted(path.name for path in (cache_folder() / name).iterdir()) == sorted(module.FILES)  # type: ignore[attr-defined]
    asked = len(site.asked)
    nb.data.fashion_mnist(training=1)
    assert (asked, len(site.asked)) == (8, 8)


FIVE = {"one.bin": b"12345", "two.bin": b"54321"}
ARCHIVE = Archive(
    Official("http://127.0.0.1:9/a.tar.gz", 0, ""),
    "d",
    {name: Member(5, hashlib.sha256(content).hexdigest()) for name, content in FIVE.items()},
    ("d-py", "a-python.tar.gz", "one"),
)
GOOD: list[tuple[str, bytes | tarfile.TarInfo]] = [(f"d/{name}", content) for name, content in FIVE.items()]


def known(content: bytes) -> Archive:
    """The archive of this content, as if it were the official one."""
    official = ARCHIVE.official._replace(size=len(content), sha256=hashlib.sha256(content).hexdigest())
    return ARCHIVE._replace(official=official)


def link(kind: bytes, to: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname, info.size = kind, to, 5  # as if it were the file
    return info


def test_an_archive_is_read_by_name_whatever_else_it_holds(tmp_path: Path) -> None:
    others = [("../escaped", b"x"), ("/absolute", b"y"), ("d/link", link(tarfile.SYMTYPE, "/etc/passwd")), ("d/page", b"<p>")]
    content = tar([*others, *reversed(GOOD)])
    (tmp_path / "a.tar.gz").write_bytes(content)
    for place in (tmp_path / "a.tar.gz", tmp_path):
        assert dict(locate(known(content), place).read()) == FIVE
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_what_an_archive_lacks_is_told(tmp_path: Path) -> None:
    content = tar([GOOD[0], ("d/two.bin", link(tarfile.SYMTYPE, "/etc/passwd")), ("two.bin", b"54321")])
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.tar\.gz: two\.bin is not in this archive"):
        list(Found(tmp_path / "a.tar.gz", known(content)).read())


def hostile() -> dict[str, bytes]:
    """Archives that are not the official one, some of which would take gigabytes or the wrong file."""
    huge, sparse = tarfile.TarInfo(), tarfile.TarInfo()
    huge.size = 1 << 62
    sparse.type, sparse.size, sparse.pax_headers = tarfile.GNUTYPE_SPARSE, 5, {"GNU.sparse.realsize": str(1 << 62)}
    whole = tar(GOOD)
    rng = np.random.default_rng(0)
    cases = {
        "a symbolic link": tar([("d/one.bin", link(tarfile.SYMTYPE, "/etc/passwd")), GOOD[1]]),
        "a hard link": tar([GOOD[0], ("d/two.bin", link(tarfile.LNKTYPE, "d/one.bin"))]),
        "a device": tar([("d/one.bin", link(tarfile.CHRTYPE, "")), GOOD[1]]),
        "a pipe": tar([("d/one.bin", link(tarfile.FIFOTYPE, "")), GOOD[1]]),
        "a byte short": tar([("d/one.bin", b"1234"), GOOD[1]]),
        "twice": tar([*GOOD, GOOD[0]]),
        "a bomb beside": tar([("d/readme.html", bytes(2 << 20)), *GOOD]),
        "a claim": tar([GOOD[0], ("d/huge", huge)]),
        "sparse": tar([("d/one.bin", sparse), GOOD[1]]),
        "a bomb": gzip.compress(bytes(2 << 20)),
        "no archive": gzip.compress(b"no archive" * 100),
        "nothing": b"",
        "a zip": b"PK\x03\x04",
    }
    cases |= {f"cut after {size}": whole[:size] for size in range(0, len(whole), 25)}
    for position in rng.integers(0, len(whole), 25):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << rng.integers(8)
        cases[f"flipped at {position}"] = bytes(flipped)
    return cases


def test_archives_that_are_not_the_official_one_are_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    official, path, cases = known(tar(GOOD)), tmp_path / "a.tar.gz", hostile()
    for module, name in ((gzip, "open"), (tarfile, "open")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("it was looked into"))
    for content in cases.values():
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.tar\.gz is not the official archive \(it") as caught:
            list(locate(official, path).read())
        assert "http://127.0.0.1:9/a.tar.gz, or unpack yours" in str(caught.value)
        assert str(caught.value).isprintable()
    os.truncate(path, 2**40)
    with pytest.raises(ValueError, match="it has 1,099,511,627,776 bytes"):
        list(locate(official, path).read())
    assert [found.name for found in tmp_path.iterdir()] == ["a.tar.gz"]


def test_the_version_for_python_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are pickles; but where the other version is beside it, that is read."""
    content = tar(GOOD)
    official = known(content)
    (tmp_path / "d-py").mkdir()
    (tmp_path / "d-py" / "one").write_bytes(b"")
    (tmp_path / "a-python.tar.gz").write_bytes(content)
    for place in (tmp_path, tmp_path / "d-py", tmp_path / "a-python.tar.gz"):
        with pytest.raises(ValueError, match=r"is the version for Python, whose files are pickles.*: get a\.tar\.gz from http"):
            locate(official, place)
    monkeypatch.setenv("NETBP_DATA", str(tmp_path))
    with (
        download.offline(),
        pytest.raises(FileNotFoundError, match=r"nothing is downloaded here.*; .*d-py is the version for Python"),
    ):
        locate(official)
    (tmp_path / "a.tar.gz").write_bytes(content)
    assert locate(official).place == locate(official, tmp_path).place == tmp_path / "a.tar.gz"
    (tmp_path / "d").mkdir()
    assert locate(official).place == locate(official, tmp_path).place == tmp_path / "d"
    (tmp_path / "one.bin").touch()
    assert locate(official, tmp_path).place == tmp_path


@pytest.mark.skipif(os.name != "posix", reason="pipes with names")
def test_files_that_are_no_regular_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d" / "one.bin")
    with pytest.raises(NotReadError, match=r"one\.bin is a pipe"):
        list(locate(ARCHIVE, tmp_path / "d").read())
    os.mkfifo(tmp_path / "a.tar.gz")
    with pytest.raises(NotReadError, match=r"a\.tar\.gz is a pipe"):
        list(locate(ARCHIVE, tmp_path / "a.tar.gz").read())


def test_a_member_is_what_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"two\.bin is damaged: its SHA-256 is"):
        check("two.bin", tmp_path, b"12345", ARCHIVE.members["two.bin"].sha256)


def test_the_cache_is_where_the_user_says_or_the_system_has_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("NETBP_CACHE")
    assert cache_folder().name == "netbp" or "netbp" in cache_folder().parts
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform.startswith("linux"):
        assert cache_folder() == tmp_path / "xdg" / "netbp"
