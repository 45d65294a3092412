"""Run benchmarks one after the other, each in a process of its own, then write RESULTS.md."""

from __future__ import annotations

import subprocess
import sys

from benchmarks import tables


def main() -> None:
    names = sys.argv[1:] or list(tables.ORDER)
    known = [*tables.ORDER, *(name for names in tables.BY_HAND.values() for name in names)]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"there is no benchmark {', '.join(unknown)}: choose from {', '.join(known)}")
    failed = [name for name in names if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode]
    tables.main()
    if failed:
        raise SystemExit(f"these benchmarks did not finish, RESULTS.md has their last good run: {', '.join(failed)}")


if __name__ == "__main__":
    main()
