"""What went wrong, in one line: bad input is refused (exit code 2); a fault of our own is reported, its traceback in a file."""

from __future__ import annotations

import dis
import os
import sys
import tempfile
import traceback
from types import TracebackType

from cyclopts import CycloptsError

from netbp.folders import temporary_folder
from netbp.messages import one_line
from netbp.processes import ProcessLostError

FAILED, REFUSED = 1, 2
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def report(error: Exception, debug: bool) -> int:
    """Print one line about `error` on stderr (with `debug`, the whole traceback) and return the exit code."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, ProcessLostError):
        print(f"netbp: {one_line(str(error))}", file=sys.stderr)
        if error.saved:
            from netbp.cli.places import again

            print(f"  {again()}", file=sys.stderr)
        return FAILED
    line = refusal(error)
    if line is not None:
        print(f"netbp: {one_line(line)}", file=sys.stderr)
        return REFUSED
    what = one_line(f"{type(error).__name__}: {error}")
    where = "above" if debug else f"in {_written(error)}"
    print(f"netbp: this should not have happened: {what}; the traceback is {where}: please report it", file=sys.stderr)
    return FAILED


def refusal(error: Exception) -> str | None:
    """The line for bad input, None for a fault of netbp's own.

    An error is a refusal when netbp itself raised it on purpose: the innermost frame is in this package and stands at a `raise`.
    One that comes from underneath (NumPy's, say) is a fault, for then a check of ours is missing. Files that cannot be
    opened, memory that is not there and libraries that are not installed are the user's to mend wherever they show.
    """
    text = " ".join(str(error).split())
    if isinstance(error, CycloptsError):
        return f"{text if text.endswith('...') else text.removesuffix('.')}: see {_help(error)}"
    if isinstance(error, OSError):
        names = " -> ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        return f"{names}: {error.strerror}" if names else error.strerror or text or type(error).__name__
    if isinstance(error, MemoryError):
        return f"out of memory{f' ({text})' if text else ''}: take a smaller network, a smaller batch or fewer points"
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("netbp"):
        return f"this needs the package {error.name}, which is not installed: install it with pip"
    if isinstance(error, ValueError | TypeError | NotImplementedError | FloatingPointError | ImportError) and _on_purpose(
        error.__traceback__
    ):
        return text
    return None


def _on_purpose(trace: TracebackType | None) -> bool:
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    raising = code.co_code[trace.tb_lasti] == dis.opmap["RAISE_VARARGS"]
    return raising and os.path.abspath(code.co_filename).startswith(PACKAGE + os.sep)


def _help(error: CycloptsError) -> str:
    chain = [word for word in (error.command_chain or ()) if not word.startswith("-")]
    return " ".join(["netbp", *chain, "--help"])


def _written(error: Exception) -> str:
    """The name of a file that now holds the traceback."""
    try:
        descriptor, name = tempfile.mkstemp("-traceback.txt", "netbp-", temporary_folder())
        with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
        return name
    except OSError:
        return "no file, for none can be written (say --debug to see it)"
