"""Numbers at the command line, derived from the parser: every numeric flag with numbers that it cannot have."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from netbp.cli import main
from netbp.cli.flags import COUNTS, number_of, plain_number
from netbp.experiments import EXPERIMENTS, FIGURES
from netbp.experiments.table import Fit

NEVER = ("nan", "inf", "-inf", "", "x", "1e309", "1,2", "--")
WHOLE = ("-1", "0.5", "1e30", "9223372036854775808", "-9223372036854775809", "1e-3")


def numbers(cls: type) -> list[tuple[str, Any]]:
    """The numeric flags of an experiment, each with its type."""
    hints = get_type_hints(cls)
    own = [field for field in fields(cls) if field.init and field.metadata.get("flag") is not False]
    return [(f"--{field.name.replace('_', '-')}", hints[field.name]) for field in own if plain_number(hints[field.name])]


def commands() -> list[tuple[list[str], str, Any]]:
    """The commands with numeric flags: words, flag and type."""
    found = [(["run", name], flag, hint) for name, cls in EXPERIMENTS.items() for flag, hint in numbers(cls)]
    found += [(["figure", str(n)], flag, hint) for n in (2, 7) for flag, hint in numbers(type(FIGURES[n]))]
    found += [(["fit", "points.csv", "--target", "label"], flag, hint) for flag, hint in numbers(Fit)]
    found += [(["sweep", "stochastic"], flag, hint) for flag, hint in numbers(EXPERIMENTS["stochastic"])]
    found += [(["check"], "--seed", int), (["lab", "--no-browser"], "--port", int), (["exercise", "1", "a.py"], "--seconds", float)]
    found += [(["explain", "run.npz"], "--point", int), (["paper"], "--section", int), (["sweep", "stochastic"], "--workers", int)]
    return found


def test_no_number_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is refused (2) in a line before any work, which most would begin at once; of the numbers each flag is given some."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text("x,label\n1,A\n2,B\n")
    (tmp_path / "a.py").write_text("")
    tried = 0
    for k, (words, flag, hint) in enumerate(commands()):
        for value in {NEVER[k % len(NEVER)], *(("-1", WHOLE[k % len(WHOLE)]) if hint is not float else ("nan",))}:
            if words[0] == "sweep" and value == "1,2":  # two of them
                continue
            code = main([*words, f"{flag}={value}"])
            said = capsys.readouterr()
            assert code == 2, (words, flag, value, said.err)
            assert "should not have happened" not in said.err
            assert said.err.count("\n") == 1, said.err
            tried += 1
    assert tried > 400


FIELDS: list[tuple[str, str, Any, Any, str | None]] = [
    ("seed", "-1", int, 0, "at least 0"),
    ("width", "0", int, 50, "at least 1"),
    ("images", "0", int, 0, None),
    ("rate", "1e200", float, 1.0, None),
    ("rate", "nan", float, 1.0, "below"),
    ("noise", "1e200", float, 0.1, "below 1e"),
    ("port", "-1", int, None, None),
    ("steps", "1e6", int, 0, None),
]


@pytest.mark.parametrize(("field", "text", "hint", "default", "words"), FIELDS)
def test_numbers_of_fields(field: str, text: str, hint: Any, default: Any, words: str | None) -> None:
    if words is None:
        assert number_of(field, text, hint, default) == float(text)
    else:
        with pytest.raises(ValueError, match=words):
            number_of(field, text, hint, default)


def test_counts_are_fields() -> None:
    known = {field.name for cls in (*EXPERIMENTS.values(), Fit) for field in fields(cls)}
    assert known >= COUNTS
