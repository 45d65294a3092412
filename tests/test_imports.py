"""Who may import whom: the table of docs/architecture.md, held against the imports that the source really has."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import netbp

SOURCE = Path(netbp.__file__).parent

# A module or package and its level. Each may import its own row and the rows above it.
LEVELS = {
    **dict.fromkeys(
        [
            "types",
            "matlab",
            "files",
            "folders",
            "frames",
            "interrupts",
            "locks",
            "messages",
            "notices",
            "plain",
            "processes",
            "sealed",
            "typed",
        ],
        0,
    ),
    **dict.fromkeys(["activations", "costs", "rules"], 1),
    **dict.fromkeys(["windows", "layers", "chain", "layertable", "written", "network", "convolution"], 2),
    **dict.fromkeys(["engines"], 3),
    **dict.fromkeys(["targets", "problem", "differences", "check", "kinks", "data"], 4),
    **dict.fromkeys(["methods"], 5),
    **dict.fromkeys(
        [
            "run",
            "claims",
            "saving",
            "runfile",
            "record",
            "streaming",
            "stopping",
            "saturation",
            "provenance",
            "validation",
            "consensus",
            "confusion",
            "sweep",
        ],
        6,
    ),
    **dict.fromkeys(["analysis", "figures"], 7),
    **dict.fromkeys(["exercises", "experiments", "report"], 8),
    **dict.fromkeys(["cli", "__main__", "lab", "sklearn"], 9),
    "": 8,  # netbp/__init__.py: the public names, for what stands on top
}

# Third parties besides numpy, and where they may be imported at all.
ALLOWED = {
    "numba": ["engines.compiled"],
    "llvmlite": ["engines.compiled"],
    "torch": ["engines.tensor"],
    "onnxruntime": ["engines.tensor"],
    "safetensors": ["engines.tensor"],
    "scipy": ["convolution", "data", "methods", "figures", "analysis", "experiments", "report"],
    "requests": ["data"],
    "PIL": ["data"],
    "platformdirs": ["folders"],
    "tqdm": ["data"],
    "joblib": ["sweep", "experiments"],
    "distributed": ["experiments"],
    "pandas": ["frames"],
    "polars": ["frames"],
    "mpmath": ["analysis"],
    "matplotlib": ["figures", "experiments", "report"],
    "jinja2": ["report"],
    "markupsafe": ["report"],
    "cyclopts": ["cli"],
    "rich": ["cli"],
    "starlette": ["lab"],
    "uvicorn": ["lab"],
    "sklearn": ["sklearn"],
}

HEAVY = [
    "numba",
    "llvmlite",
    "torch",
    "matplotlib",
    "scipy",
    "joblib",
    "rich",
    "cyclopts",
    "jinja2",
    "starlette",
    "jax",
    "pandas",
    "polars",
    "sklearn",
]


class Import(NamedTuple):
    importer: str  # within netbp: "engines.compiled.small"; "" is netbp itself
    line: int
    imported: str  # "netbp.rules" or "numpy"
    inside: bool  # in a function, not at import


def modules() -> dict[str, Path]:
    out = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        out[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return out


def imports_in(name: str, tree: ast.AST) -> list[Import]:
    """All imports but those under `if TYPE_CHECKING`, which never run."""
    out: list[Import] = []

    def visit(node: ast.AST, inside: bool) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            children: list[ast.AST] = list(node.orelse)
        else:
            children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            out.extend(Import(name, node.lineno, alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}:{node.lineno} imports relatively: write the whole name"
            for alias in node.names:  # `from netbp import data` imports the module netbp.data
                module = f"{node.module}.{alias.name}".removeprefix("netbp.")
                known = node.module.split(".")[0] == "netbp" and module in MODULES
                out.append(Import(name, node.lineno, f"netbp.{module}" if known else node.module, inside))
        inside = inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in children:
            visit(child, inside)

    visit(tree, False)
    return out


MODULES = modules()
IMPORTS = [entry for name, path in MODULES.items() for entry in imports_in(name, ast.parse(path.read_text()))]
OURS = [i for i in IMPORTS if i.imported.split(".")[0] == "netbp"]


def top(module: str) -> str:
    return module.removeprefix("netbp").removeprefix(".").split(".")[0]


def within(module: str, places: list[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def shown(wrong: list[Import]) -> str:
    return "\n" + "\n".join(f"{i.importer or 'netbp'}:{i.line} imports {i.imported}" for i in wrong)


def test_every_module_has_its_place_in_the_table():
    assert sorted(name for name in MODULES if top(name) not in LEVELS) == []
    assert len(OURS) > 100  # the parser found them


def test_nobody_imports_a_higher_level():
    wrong = [i for i in OURS if LEVELS[top(i.imported)] > LEVELS[top(i.importer)] and not wants_version(i)]
    assert not wrong, shown(wrong)


def test_nobody_below_the_experiments_imports_the_public_names():
    wrong = [i for i in OURS if i.imported == "netbp" and LEVELS[top(i.importer)] < LEVELS[""] and not wants_version(i)]
    assert not wrong, shown(wrong)


def wants_version(i: Import) -> bool:
    return MODULES[i.importer].read_text().splitlines()[i.line - 1].strip() == "from netbp import __version__"


SHARED = ("explanation", "levenberg_marquardt", "masks")  # what engines have in common, beside the protocol


def test_engines_never_import_each_other():
    def engine(module: str) -> str:
        parts = module.removeprefix("netbp.").split(".")
        return parts[1] if parts[0] == "engines" and len(parts) > 1 and parts[1] not in SHARED else ""

    wrong = [i for i in OURS if engine(i.importer) and engine(i.imported) not in ("", engine(i.importer))]
    assert not wrong, shown(wrong)
    # The package itself knows its engines only inside `choose`, when it is asked to.
    at_import = [i for i in OURS if i.importer == "engines" and engine(i.imported) and not i.inside]
    assert not at_import, shown(at_import)


def test_methods_know_engines_by_their_protocol_only():
    wrong = [
        i
        for i in OURS
        if LEVELS[top(i.importer)] in (5, 6) and within(i.imported, ["netbp.engines.compiled", "netbp.engines.reference"])
    ]
    assert not wrong, shown(wrong)


def test_third_parties_stay_where_the_table_has_them():
    theirs = [i for i in IMPORTS if i.imported.split(".")[0] not in {"netbp", "numpy", *sys.stdlib_module_names}]
    assert theirs
    wrong = [i for i in theirs if not within(i.importer, ALLOWED.get(i.imported.split(".")[0], []))]
    assert not wrong, shown(wrong)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("from netbp.run import train", ["netbp.run"]),
        ("from netbp import data", ["netbp.data"]),
        ("import scipy.linalg as la", ["scipy.linalg"]),
        ("def f():\n    import numba", ["numba"]),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from netbp.run import Run", ["typing"]),
    ],
)
def test_the_parser_sees_what_it_should(source, found):
    assert [i.imported for i in imports_in("rules", ast.parse(source))] == found


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_netbp_loads_nothing_heavy():
    loaded = run(f"import sys, netbp; print([name for name in {HEAVY} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_importing_twice_and_listing_experiments_loads_nothing_heavy():
    loaded = run(f"import sys, netbp.experiments as e; list(e.EXPERIMENTS); print([n for n in {HEAVY} if n in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_choice_of_an_engine_waits_for_a_problem():
    assert run("import sys, netbp; print('netbp.engines.compiled.bound' in sys.modules)").strip() == "False"


def test_names_loaded_late_are_the_names_declared() -> None:
    """What a type checker sees of the package is what it gives: the same names from the same modules."""
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    declared = {(node.module, alias.name) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names} - {
        ("netbp", "data")
    }
    assert declared == {(module, name) for module, names in netbp.PUBLIC.items() for name in names.split()}
