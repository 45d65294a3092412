"""Laws of the example notebooks, examples/01_*.py, ...: each is a jupytext script that runs, tells a story, and holds what it says.

A notebook is Python in the percent format: cells begin with `# %%`, prose with `# %% [markdown]`. It runs from top to bottom in an
empty folder, without a display, with warnings as errors, and asserts what it prints.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import netbp as nb

EXAMPLES = Path(__file__).parent.parent / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("[0-9][0-9]_*.py"))
NAMES = [path.stem for path in NOTEBOOKS]
PUBLIC = {"netbp", "netbp.data", "netbp.figures", "netbp.experiments", "netbp.sklearn"}
"""Where a notebook may import our names from."""


def converted(path: Path) -> Any:
    """The script as a notebook, as Jupyter opens it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of jupytext's own dependencies
        import jupytext

        return jupytext.read(path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_the_notebook_runs_from_top_to_bottom(path: Path, tmp_path: Path) -> None:
    quiet = {"MPLBACKEND": "Agg", "PYTHONWARNINGS": "error", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(path)], cwd=tmp_path, env=os.environ | quiet, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip(), "a notebook prints its numbers"
    assert not list(tmp_path.iterdir()), "a notebook leaves no files behind"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_the_notebook_says_how_jupytext_reads_it(path: Path) -> None:
    head = path.read_text().partition("# %%")[0]
    assert head.startswith("# ---\n# jupyter:\n#   jupytext:\n"), "a notebook begins with jupytext's header"
    assert re.search(r"^#       extension: \.py$", head, re.MULTILINE)
    assert re.search(r"^#       format_name: percent$", head, re.MULTILINE)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_the_notebook_converts_and_alternates_prose_with_code(path: Path, tmp_path: Path) -> None:
    notebook = converted(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jupytext
        import nbformat

        nbformat.validate(notebook)
        out = tmp_path / f"{path.stem}.ipynb"
        jupytext.write(notebook, out)
        again = jupytext.read(out)
    assert [cell.source for cell in again.cells] == [cell.source for cell in notebook.cells]
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == "markdown"
    assert notebook.cells[0].source.startswith("# "), "its first cell has its title"
    assert kinds.count("markdown") >= 4
    assert kinds.count("code") >= 4
    assert "$" in "".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown"), "the story has equations"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_the_notebook_asserts_its_claims_and_uses_public_names_only(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert sum(isinstance(node, ast.Assert) for node in ast.walk(tree)) >= 4
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules = {node.module or "" for node in froms} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert {name for name in modules if name.split(".")[0] == "netbp"} <= PUBLIC | drawing_modules()
    private = [node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("_")]
    assert [name for name in private if not name.startswith("__")] == []
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "nb"}
    assert [name for name in sorted(used) if not hasattr(nb, name)] == []


def drawing_modules() -> set[str]:
    """The modules of figures that an analysis is drawn with."""
    figures = Path(nb.__file__).parent / "figures"
    return {f"netbp.figures.{path.stem}" for path in figures.glob("analysis_*.py")}


def test_the_list_of_notebooks_is_complete() -> None:
    listed = re.findall(r"\]\((\d\d_\w+\.py)\)", (EXAMPLES / "README.md").read_text())
    assert listed == [path.name for path in NOTEBOOKS]
