"""What others wrote and the lab ships: each file is the one that VENDORED.md names, byte for byte."""

import hashlib
import re
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "src" / "netbp" / "lab" / "static" / "vendor"
ROW = re.compile(r"^\| (\S+) \| \S+ \| ([0-9a-f]{64}) \|$", re.MULTILINE)
STATED = dict(ROW.findall((VENDOR / "VENDORED.md").read_text("utf-8")))


def test_each_vendored_file_has_the_stated_hash():
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VENDORED.md"
    }
    assert found == STATED


def test_licences_and_versions_are_stated():
    text = (VENDOR / "VENDORED.md").read_text("utf-8")
    for package in {name.partition("/")[0] for name in STATED}:
        assert "Permission is hereby granted" in (VENDOR / package / "LICENSE").read_text("utf-8")
    for name in STATED:
        if name.endswith(".esm.js"):
            version = re.search(r"v(\d+\.\d+\.\d+)", (VENDOR / name).read_text("utf-8")[:500])
            assert version is None or version[1] in text


def test_nothing_vendored_evaluates_text_or_asks_another_server():
    for name in STATED:
        if name.endswith((".js", ".css")):
            text = (VENDOR / name).read_text("utf-8")
            assert "new Function" not in text
            assert "eval(" not in text
            assert not re.search(r"(?:src|url|import|fetch)\s*\(?\s*['\"]https?:", text)
