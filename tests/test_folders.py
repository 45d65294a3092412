"""Folders of the user's own: made closed, and refused wherever somebody else could reach in."""

from __future__ import annotations

import grp
import os
import platform
import pwd
import re
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import platformdirs
import pytest

import netbp
from netbp import folders
from netbp.folders import NotPrivateError, cache_folder, for_workers, private_folder, temporary_folder
from users import MALLORY, SOMEBODY, as_root, given_to, open_place, posix, user

pytestmark = posix
assert platformdirs.user_cache_path("a")  # loaded before a test takes another user's rights
platform.system()


@pytest.fixture
def place() -> Iterator[Path]:
    with open_place() as place:
        yield place


@pytest.fixture(params=[pytest.param(None, id="myself"), pytest.param(SOMEBODY, id="somebody", marks=as_root)])
def me(request: pytest.FixtureRequest, place: Path) -> Iterator[int]:
    """Who asks: the user of the tests, or an ordinary one without account, home and group."""
    with user(request.param):
        yield os.geteuid()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def made(path: Path, bits: int = 0o700) -> Path:
    path.mkdir()
    path.chmod(bits)
    return path


# What can be had.


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_missing_folder_is_made_closed_with_all_that_leads_to_it(place: Path, me: int, umask: int) -> None:
    before = os.umask(umask)
    try:
        folder = private_folder(place / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert folder == place / "a" / "b" / "c"
    for made_now in (place / "a", place / "a" / "b", folder):
        assert mode(made_now) == 0o700
        assert made_now.stat().st_uid == me
    assert private_folder(folder) == folder


@pytest.mark.parametrize("bits", [0o755, 0o711, 0o750, 0o701])
def test_one_that_others_could_only_read_is_closed(place: Path, me: int, bits: int) -> None:
    folder = made(place / "mine", bits)
    assert mode(private_folder(folder)) == 0o700


def test_links_of_ones_own_are_followed(place: Path, me: int) -> None:
    made(place / "disk")
    (place / "link").symlink_to("disk")
    (place / "further").symlink_to(place / "link" / ".." / "link")
    made(place / "deep")
    (place / "deep" / "up").symlink_to("../disk/./new")
    assert private_folder(place / "further" / "cache") == place / "disk" / "cache"
    assert private_folder(place / "deep" / "up") == place / "disk" / "new"
    assert private_folder(f"{place}//disk/../disk/.") == place / "disk"


def test_a_relative_folder_is_meant_from_here(place: Path, me: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made(place / "here"))
    assert private_folder("cache") == place / "here" / "cache"


# What cannot.


def leaf_of_another(place: Path) -> Path:
    return given_to(MALLORY, made(place / "a", 0o777))


def parent_of_another(place: Path) -> Path:
    (place / "a").mkdir()
    made(place / "a" / "mine", 0o777)
    (place / "a").chmod(0o777)
    return given_to(MALLORY, place / "a") / "mine" / "deeper"


def link_of_another(place: Path) -> Path:
    made(place / "hers", 0o777)
    (place / "a").symlink_to(place / "hers")
    given_to(MALLORY, place / "a")
    return place / "a" / "cache"


def dangling_link_of_another(place: Path) -> Path:
    (place / "a").symlink_to(place / "not yet")
    return given_to(MALLORY, place / "a")


def my_link_through_hers(place: Path) -> Path:
    link_of_another(place)
    (place / "mine").symlink_to("a")
    return place / "mine"


@as_root
@pytest.mark.parametrize("asking", [None, SOMEBODY])
@pytest.mark.parametrize(
    ("what", "told"),
    [
        (leaf_of_another, "belongs to another user"),
        (parent_of_another, "belongs to another user"),
        (link_of_another, "is a link that another user has put there"),
        (dangling_link_of_another, "is a link that another user has put there"),
        (my_link_through_hers, "is a link that another user has put there"),
    ],
)
def test_what_another_user_has_put_there_is_refused(
    place: Path, what: Callable[[Path], Path], told: str, asking: int | None
) -> None:
    folder = what(place)
    if asking is not None and (place / "mine").is_symlink():
        given_to(asking, place / "mine")
    before = sorted(os.walk(place))
    with user(asking), pytest.raises(OSError, match=rf"{told}: set NETBP_CACHE to a folder of your own"):
        private_folder(folder)
    assert sorted(os.walk(place)) == before, "nothing is made where it is not trusted"


def test_what_belongs_to_root_or_me_is_seen_by_another_user_as_it_is(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same without root's rights: what is this user's own, asked for by somebody else."""
    folder = made(place / "a")
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)
    with pytest.raises(OSError, match="belongs to another user"):
        private_folder(folder)


@pytest.mark.parametrize("bits", [0o777, 0o1777, 0o702, 0o722, 0o772])
def test_a_folder_that_others_can_write_to_is_refused(place: Path, me: int, bits: int) -> None:
    folder = made(place / "a", bits)
    with pytest.raises(OSError, match="can be written to by others: set NETBP_CACHE"):
        private_folder(folder)
    assert mode(folder) == bits, "what may have been put there does not become trustworthy by closing it"


def test_so_is_one_inside_of_it_unless_what_is_there_stays_its_owners(place: Path, me: int) -> None:
    made(place / "open", 0o777)
    made(place / "open" / "mine")
    with pytest.raises(OSError, match="open' can be written to by others"):
        private_folder(place / "open" / "mine")
    (place / "open").chmod(0o1777)  # as /tmp: only the owner removes or renames
    assert private_folder(place / "open" / "mine") == place / "open" / "mine"


@as_root
def test_a_group_counts_as_others_unless_the_user_is_alone_in_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many systems give each user a group of his own, and then let groups write."""
    folder = given_to(SOMEBODY, made(place / "a", 0o770))
    account = SimpleNamespace(pw_name="somebody", pw_uid=SOMEBODY, pw_gid=SOMEBODY)
    group = SimpleNamespace(gr_name="somebody", gr_mem=[])

    def asked(accounts: list[SimpleNamespace], group: SimpleNamespace) -> bool:
        known = {entry.pw_uid: entry for entry in accounts}
        monkeypatch.setattr(pwd, "getpwuid", lambda number: known[number])
        monkeypatch.setattr(pwd, "getpwall", lambda: accounts)
        monkeypatch.setattr(grp, "getgrgid", lambda number: group)
        with user(SOMEBODY):
            try:
                private_folder(folder)
            except NotPrivateError:
                return False
        assert mode(folder) == 0o700
        folder.chmod(0o770)
        return True

    other = SimpleNamespace(pw_name="mallory", pw_uid=MALLORY, pw_gid=SOMEBODY)
    assert asked([account], group)
    assert asked([account], SimpleNamespace(gr_name="somebody", gr_mem=["somebody"]))
    assert not asked([account], SimpleNamespace(gr_name="somebody", gr_mem=["somebody", "mallory"]))
    students = SimpleNamespace(gr_name="students", gr_mem=[])
    assert asked([account], students), "as in containers with one user"
    assert not asked([account, other], students)
    assert not asked([account, other], group)
    assert not asked([SimpleNamespace(**{**vars(account), "pw_gid": 100})], group)
    assert not asked([], group)
    monkeypatch.setattr(pwd, "getpwall", list)  # a directory service, asked for its users
    monkeypatch.setattr(pwd, "getpwuid", lambda number: account)
    for name, alone in (("somebody", True), ("students", False)):
        monkeypatch.setattr(grp, "getgrgid", lambda number, name=name: SimpleNamespace(gr_name=name, gr_mem=[]))
        assert folders._alone(SOMEBODY, SOMEBODY) == alone
    monkeypatch.setattr(os, "listxattr", lambda place: ["system.posix_acl_access"])
    assert not asked([account], group), "an access list may let others in under the group's bits"


@pytest.mark.parametrize("kind", ["file", "pipe", "socket", "link to a file", "below a file", "link to itself"])
def test_what_is_no_folder_is_refused(place: Path, me: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = place / "a"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(place)
        with socket.socket(socket.AF_UNIX) as end:
            end.bind("a")
    elif kind == "link to itself":
        path.symlink_to("a")
    else:
        (place / "file").write_text("text")
        path.symlink_to("file")
    asked = {"file": place / "file", "below a file": place / "file" / "cache"}.get(kind, path)
    with pytest.raises(OSError, match=r"is a file, but should be a folder|through too many links"):
        private_folder(asked)
    assert not (place / "file").exists() or (place / "file").read_text() == "text"


@as_root
def test_a_place_without_the_right_to_write_is_refused(place: Path) -> None:
    made(place / "closed", 0o555)
    with user(SOMEBODY), pytest.raises(PermissionError):
        private_folder(place / "closed" / "cache")


@as_root
def test_root_keeps_nothing_in_the_home_of_another_user(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo netbp` with HOME left as it was: the other user could put there what root then executes."""
    home = given_to(SOMEBODY, made(place / "home"))
    for name in ("NETBP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(OSError, match=rf"'{home}' belongs to another user"):
        private_folder(cache_folder() / "kernels")
    with user(SOMEBODY):
        assert private_folder(cache_folder() / "kernels").is_relative_to(home)


# Where the cache is, and temporary files.


@pytest.mark.parametrize("home", ["/", "/nowhere", "", "relative", None])
@pytest.mark.parametrize("other", [{}, {"XDG_CACHE_HOME": ""}, {"XDG_CACHE_HOME": "relative"}, {"NETBP_CACHE": ""}])
def test_homes_as_containers_have_them(home: str | None, other: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder by its whole name, or one sentence; never one below where the command happens to run."""

    def unknown(number: int) -> pwd.struct_passwd:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in ("NETBP_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (other if home is None else other | {"HOME": home}).items():
        monkeypatch.setenv(name, value)
    if home in ("", "relative", None):
        with pytest.raises(
            FileNotFoundError, match="there is no home folder, and so no cache: set NETBP_CACHE to a folder of your own"
        ):
            cache_folder()
    else:
        assert cache_folder().is_absolute()
        assert "netbp" in cache_folder().parts


def test_temporary_files_lie_where_nobody_can_exchange_them(place: Path, me: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETBP_CACHE", str(place / "cache"))
    open_to_all = made(place / "open", 0o777)
    otherwise = place / "cache" / "temporary"
    for chosen, used in ((place, place), (open_to_all, otherwise), (place / "gone", otherwise)):
        monkeypatch.setattr(tempfile, "tempdir", str(chosen))
        assert temporary_folder() == str(used)
    monkeypatch.setenv("NETBP_CACHE", str(open_to_all))
    monkeypatch.setattr(tempfile, "tempdir", str(open_to_all))
    with pytest.raises(OSError, match="can be written to by others"):
        temporary_folder()


def options() -> dict[str, str]:
    before = os.environ.get("PYTHONSAFEPATH")
    with for_workers() as options:
        assert os.environ["PYTHONSAFEPATH"] == "1"
    assert os.environ.get("PYTHONSAFEPATH") == before
    return options


PARALLEL = """
from joblib import Parallel, delayed
from netbp.folders import for_workers
with for_workers() as options:
    print(Parallel(n_jobs=2, **options)(delayed(abs)(i) for i in (-1, -2)))
"""


def test_workers_import_nothing_from_the_folder_where_the_command_runs(tmp_path: Path) -> None:
    """Where another user may have put a module of a name that every process loads."""
    for name in ("joblib", "random", "numpy"):
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the {name} of somebody else')")
    command = [sys.executable, "-P", "-c", PARALLEL]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[1, 2]\n", "")


def test_workers_get_their_arrays_the_same_way(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETBP_CACHE", str(place / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.delenv("JOBLIB_TEMP_FOLDER", raising=False)
    assert options() == {}
    open_to_all = str(made(place / "open", 0o777))
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", open_to_all)
    assert options() == {"temp_folder": str(place)}
    monkeypatch.delenv("JOBLIB_TEMP_FOLDER")
    monkeypatch.setattr(tempfile, "tempdir", open_to_all)
    assert options() == {"temp_folder": str(place / "cache" / "temporary")}


# What holds for all of the source: there is one door to such places.

NUMBA = ["wide_advance", "layerwise", "least_squares", "loop", "machine", "packs", "wide", "formulas", "cache", "lockstep_fit"]
IN_ITS_PLACE = r"\((?!.*temporary_folder\(\))"
DOORS = {
    r"gettempdir|\btempdir\b": ["folders.py", "engines/tensor/kept.py"],
    rf"(mkdtemp|mkstemp|TemporaryFile|TemporaryDirectory){IN_ITS_PLACE}": [],
    r"pickle\.loads?\b|\bimport (dill|shelve|marshal)\b|torch\.load\b|allow_pickle=True|joblib\.load": [
        "engines/compiled/cache.py"
    ],
    r"\bcache=(?!None|False)|enable_caching": [],  # Numba's own cache unpickles what lies beside the source
    r"/tmp/|/var/tmp|/dev/shm": ["folders.py"],
    r"user_cache_(path|dir)|expanduser|Path\.home": ["folders.py"],
    r"torch\.compile\(|make_fx\(": ["engines/tensor/translation.py"],
    r"sys\.executable, (?!\"-[IP]\")": [],  # or Python looks for modules in the current folder first
    r"\bParallel\((?!.*\*\*options\))": [],
    r"torch\.onnx\.export\(|import onnxruntime": ["engines/tensor/onnx_graph.py"],
    # what runs code or programs, or takes settings from the current folder
    r"(?<![\w.])(eval|exec)\(|__import__\(|\brunpy\b|spec_from_file|\bos\.(system|popen|exec\w+|startfile)\(": [
        "exercises/asked.py"
    ],
    r"^(import|from) subprocess|webbrowser\.|shell=True|shutil\.which|\bfind_library": [
        "exercises/checking.py",
        "data/mat_reader.py",
        "lab/launch.py",
    ],
    r"\byaml\b": ["engines/compiled/settings.py"],
    r"^\s*(import|from) numba": [f"engines/compiled/{name}.py" for name in NUMBA],  # after settings.py
    r"^(import|from) matplotlib": ["figures/fonts.py", "figures/curves.py"],  # the latter after the former
    r"\bpyplot\b|\.savefig\(": ["figures/style.py"],
}


@pytest.mark.parametrize("pattern", DOORS)
def test_nothing_else_asks_for_places_that_others_can_write_to(pattern: str) -> None:
    source = Path(netbp.__file__).parent
    found = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(pattern, line.split("#")[0])
    }
    assert found <= set(DOORS[pattern]), pattern
