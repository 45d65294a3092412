"""Fuzz parsers for so many seconds in all; what fails is written to a file, and the exit code is 1."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from fuzz.hunt import hunt
from fuzz.parsers import PARSERS


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="parser", help=f"some of {', '.join(PARSERS)}; all by default")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all parsers together")
    parser.add_argument("--seed", type=int, default=0, help="another one tries other inputs")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(PARSERS):
        parser.error(f"there is no parser {', '.join(sorted(unknown))}: choose from {', '.join(PARSERS)}")
    logging.getLogger("netbp").setLevel(logging.ERROR)  # of what is done without
    names, failed = asked.names or list(PARSERS), []
    for name in names:
        outcome = hunt(PARSERS[name], asked.seconds / len(names), asked.seed)
        print(f"{name:<14} {outcome.tried:>7,} inputs, {'all read or refused' if outcome.failure is None else 'then:'}", flush=True)
        if outcome.failure is not None:
            path = Path(f"fuzz-{name}.bin")
            path.write_bytes(outcome.content)
            print(f"{outcome.failure}\nThe input, {len(outcome.content):,} bytes, is in {path}.", flush=True)
            failed.append(name)
    if failed:
        raise SystemExit(f"neither read nor refused: {', '.join(failed)}")


if __name__ == "__main__":
    main()
