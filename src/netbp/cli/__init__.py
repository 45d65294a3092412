"""The command line: `netbp figure 7 --rate 0.05`.

Exit codes: 0 done; 1 the computation failed (a check that does not hold, a run that diverged) or netbp has a fault; 2 the
command or its input is refused; 130 interrupted (Ctrl-C, or SIGTERM during a run); 141 the reader of our output went away.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from netbp.messages import one_line

REFUSED, INTERRUPTED, PIPE_CLOSED = 2, 130, 141


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (sys.argv without `arguments`) and return its exit code; no error escapes as a traceback."""
    from netbp.cli.streams import occupy_standard_streams, printing, silence

    if arguments is None:
        gc.set_threshold(100_000)  # imports make no garbage: looking for it after every 700 objects takes a tenth of the start-up
        occupy_standard_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    with printing() as out, warnings.catch_warnings():
        code = _reported([word for word in words if word != "--debug"], debug)
        out.flush()
        failure = out.failure or out.rich_proxied_file.failure
        if failure is None:
            return code
        silence(out.stream)
        if isinstance(failure, BrokenPipeError):
            return PIPE_CLOSED
        print(f"netbp: standard output cannot be written to: {getattr(failure, 'strerror', None) or failure}", file=sys.stderr)
        return code or REFUSED


def _reported(words: Sequence[str], debug: bool) -> int:
    """The exit code of a command; what goes wrong is told on stderr."""
    stderr = sys.stderr
    try:
        quiet_unless_first()
        return _answer(words)
    except SystemExit:  # what rich makes of a closed pipe
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print("netbp: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        from netbp.cli.failures import report

        sys.stderr = stderr
        return report(error, debug)


def quiet_unless_first() -> None:
    """Of several processes at one run the first prints for all; the others keep their errors only."""
    from netbp.processes import is_first

    if not is_first():
        sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, until the process ends


def _answer(words: Sequence[str]) -> int:
    from netbp.cli.application import application, check_written, read_by
    from netbp.files import protected

    said: set[str] = set()

    def told(message: Warning | str, *about: Any, **more: Any) -> None:
        line = one_line(str(message))
        if line not in said:
            said.add(line)
            print(f"netbp: {line}", file=sys.stderr)

    warnings.showwarning = told  # within the `catch_warnings` of `main`, which puts back what was there
    command, bound, _ = application(words).parse_args(list(words), exit_on_error=False, print_error=False)
    check_written(bound)
    with protected(read_by(bound)):  # whatever the command writes, and wherever, it replaces nothing that it reads
        outcome = command(*bound.args, **bound.kwargs)
    return outcome if isinstance(outcome, int) else 0
