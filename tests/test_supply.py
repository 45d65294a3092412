"""What netbp is built from: the versions tested, the lock and the project's own demands are of one mind."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ELSEWHERE = re.compile(r"nvidia-.*|cuda-.*|triton|colorama")  # what PyTorch needs for a GPU, and what only Windows needs


def lines(text: str) -> list[str]:
    """Whole lines without comments: a backslash goes on in the next one."""
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


LOCKED = {canonicalize_name(Requirement(line.split(" --hash=")[0]).name): line for line in lines(LOCK)}
TESTED = {canonicalize_name(Requirement(line).name): line for line in lines((ROOT / "constraints.txt").read_text(encoding="utf-8"))}
DEMANDS = [
    Requirement(text)
    for texts in (
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
        PROJECT["build-system"]["requires"],
    )
    for text in texts
]


def version(line: str) -> str:
    (only,) = Requirement(line.split(" --hash=", maxsplit=1)[0]).specifier
    assert only.operator == "=="
    return only.version


def test_the_lock_has_the_versions_that_are_tested() -> None:
    """After a change of constraints.txt: make lock."""
    assert {name: version(line) for name, line in LOCKED.items() if name in TESTED} == {
        name: version(line) for name, line in TESTED.items()
    }
    assert [name for name in LOCKED if name not in TESTED and not ELSEWHERE.fullmatch(name)] == []


@pytest.mark.parametrize("demand", DEMANDS, ids=str)
def test_the_lock_has_all_that_the_project_demands(demand: Requirement) -> None:
    """After a change of pyproject.toml: make lock."""
    assert demand.specifier.contains(version(LOCKED[canonicalize_name(demand.name)]))


def test_every_file_is_known_by_its_checksum_and_from_no_particular_host() -> None:
    for name, line in LOCKED.items():
        assert re.fullmatch(r"[^ ]+( ; [^\\]+?)?( --hash=sha256:[0-9a-f]{64})+", line), name
    assert not re.search(r"://|--index|--extra|--find-links|--trusted|@ ", LOCK)


def test_what_is_used_of_numba_is_known_for_a_range_of_versions() -> None:
    """See netbp.engines.compiled.cache."""
    (numba,) = [demand for demand in DEMANDS if demand.name == "numba"]
    assert {only.operator for only in numba.specifier} == {">=", "<"}
