"""Laws of the documentation: every block of code, every command, every example runs; every name and link exists.

The blocks of a page run in order in one namespace and one empty folder, as a reader would type them. A ```text block right after a
```python block is what it prints. Lines of ```sh blocks that begin with `netbp` run as processes.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import io
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("[a-z]*.py"))  # the numbered ones are notebooks, with a test of their own
ONLY_HELP = {"paper", "lab"}  # they have their own tests; here their flags are looked up in their help
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]


class Block(NamedTuple):
    language: str
    line: int
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, with the number of their first line."""
    found, language, start, lines = [], None, 0, []
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        fence = re.match(r"```(\w*)\s*$", line)
        if fence and language is None:
            language, start, lines = fence[1], number + 1, []
        elif fence:
            found.append(Block(language, start, "\n".join(lines) + "\n"))
            language = None
        elif language is not None:
            lines.append(line)
    assert language is None, f"{page.name}: the block that begins in line {start} has no end"
    return found


def commands(text: str) -> list[list[str]]:
    """The commands of a ```sh block, split into words: one a line, or several joined by &&; comments and prompts left out."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        for part in line.removeprefix("$ ").split("&&"):
            words = shlex.split(part, comments=True)
            if words:
                found.append(words)
    return found


def environment() -> dict[str, str]:
    return os.environ | {"MPLBACKEND": "Agg", "PYTHONWARNINGS": "error", "NO_COLOR": "1"}


def netbp(arguments: list[str], folder: Path) -> str:
    """Run the command line as a process and return what it prints."""
    command = [sys.executable, "-m", "netbp", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"netbp {shlex.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def check_command(words: list[str], folder: Path) -> None:
    program, arguments = Path(words[0]).name, words[1:]
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        assert set(arguments) <= set(targets), f"the Makefile lacks {set(arguments) - set(targets)}"
    elif program == "netbp" and arguments and arguments[0] in ONLY_HELP:
        shown = netbp([arguments[0], "--help"], folder)
        for flag in arguments[1:]:
            assert not flag.startswith("--") or flag in shown, f"netbp {arguments[0]} has no flag {flag}"
    elif program == "netbp":
        netbp(arguments, folder)
    elif program == "python" and arguments and arguments[0].startswith("examples/"):
        assert (ROOT / arguments[0]).exists()
    else:
        assert program in {"git", "cd", "python", "python3", "pip"}, f"the command {shlex.join(words)} is not checked by this test"


def run_block(block: Block, page: Path, namespace: dict[str, object]) -> str:
    """Run a ```python block, with the page's own line numbers in tracebacks, and return what it prints."""
    tree = ast.parse("\n" * (block.line - 1) + block.text, str(page))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, str(page), "exec"), namespace)
    return printed.getvalue()


def stripped(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_of_the_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    module = types.ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)  # dataclasses look their module up
    printed: str | None = None
    for block in blocks(page):
        if block.language == "python":
            printed = run_block(block, page, module.__dict__)
            continue
        if block.language == "text" and printed is not None:
            assert stripped(block.text) == stripped(printed), f"{page.name}, line {block.line}: printed is\n{printed}"
        elif block.language == "sh":
            for words in commands(block.text):
                check_command(words, tmp_path)
        printed = None


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_every_example_runs(example: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(example)], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "an example shows something"


def test_there_are_examples_and_pages() -> None:
    assert len(EXAMPLES) >= 3
    assert {"reading-guide", "architecture", "errata", "extending", "tutorial"} <= {page.stem for page in PAGES}


# -- links and names -----------------------------------------------------------------------------------------------


def anchor(heading: str) -> str:
    """The anchor of a heading, as the usual Markdown viewers make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def prose(page: Path) -> str:
    """The page without its blocks and without code in the text."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=[*NAMES, "CHANGELOG.md"])
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" in target:
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), f"{page.name} links to {target}, which does not exist"
        if fragment:
            headings = [anchor(h) for h in re.findall(r"^#+ (.*)$", file.read_text(), flags=re.MULTILINE)]
            assert fragment in headings, f"{page.name} links to {target}, but the headings are {headings}"


def resolve(path: str, name: str) -> object:
    """What `name` stands for in the file `path`, both as the reading guide writes them."""
    module = importlib.import_module(path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    found: object = module
    for part in name.split("."):
        found = part if part in getattr(found, "__dataclass_fields__", {}) else getattr(found, part)
    return found


def guide() -> list[tuple[str, str, list[str]]]:
    """The reading guide's rows: what of the paper, the file, the names in it."""
    rows = []
    for line in (ROOT / "docs" / "reading-guide.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        file = re.fullmatch(r"\[?`(src/[^`]+)`\]?(?:\(.*\))?", cells[-2]) if len(cells) == 4 else None
        if file:
            rows.append((cells[0], file[1], re.findall(r"`([\w.]+)`", cells[-1])))
    return rows


def test_the_reading_guide_names_files_and_functions_that_exist() -> None:
    rows = guide()
    for what, path, names in rows:
        assert (ROOT / path).is_file(), f"{what}: {path} does not exist"
        assert names, f"{what}: no name is given"
        for name in names:
            resolve(path, name)


def test_the_reading_guide_covers_the_paper() -> None:
    covered = " ".join(what for what, _, _ in guide())
    wanted = [f"({n})" for n in [*range(1, 34)]]
    wanted += [f"Figure {n}" for n in range(1, 16)] + ["Listing 6.1", "Listing 6.2", "Lemma 1"]
    assert [what for what in wanted if not re.search(re.escape(what) + r"(?!\d)", covered)] == []


def test_the_architecture_page_lists_every_module() -> None:
    package = ROOT / "src" / "netbp"
    parts = {path.name + ("/" if path.is_dir() else "") for path in package.iterdir() if path.suffix in {".py", ""}}
    layout = (ROOT / "docs" / "architecture.md").read_text()
    missing = [part for part in sorted(parts - {"__pycache__/"}) if not re.search(rf"(?<![\w/]){re.escape(part)}", layout)]
    assert missing == []


def test_the_security_page_names_tests_that_exist() -> None:
    named = set(re.findall(r"\btest_\w+\.py", (ROOT / "docs" / "security.md").read_text()))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / "tests" / name).is_file()] == []


def test_the_errata_page_has_every_item() -> None:
    items = re.findall(r"^## (\d)\. ", (ROOT / "docs" / "errata.md").read_text(), flags=re.MULTILINE)
    assert [int(item) for item in items] == list(range(1, 8))
