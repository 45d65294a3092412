"""The lab's server over an hour: its memory while it answers as many frames as a page asks for in an hour.

Claim: between the first and the last tenth of the frames the server grows by at most 20 MB.

    python -m benchmarks.lab_hour

Method: one connection asks for 108,000 frames, 30 for each second of an hour, 800 steps apart and without a picture of the plane
to speak of (20 x 20), as fast as they come; memory is the server's resident set as the system tells it.
"""

from __future__ import annotations

from benchmarks.lab import Asker, resident, server
from benchmarks.pairing import Report, Table, Target

HOUR = 30 * 3600


def an_hour() -> list[float]:
    """The server's memory in MB at ten moments of as many frames as an hour has, 800 steps apart."""
    out = []
    with server() as (process, address):
        asker = Asker(address)
        for i in range(10):
            for _ in range(HOUR // 10):
                asker.frame(steps=800, grid=20)
            out.append(resident(process))
            print(f"  frames: {(i + 1) * HOUR // 10:,}, memory: {out[-1]:.0f} MB", flush=True)
    return out


def main() -> None:
    report = Report("lab_hour", "The lab over an hour", (__doc__ or "").strip())
    hour = an_hour()
    counts, sizes = [f"{(i + 1) * HOUR // 10:,}" for i in range(10)], [f"{memory:.0f}" for memory in hour]
    report.tables.append(Table("Frames so far, and the server's memory in MB", [["frames", *counts], ["MB", *sizes]]))
    report.targets.append(Target("MB that the server grew by", hour[-1] - hour[0], 20.0))
    report.write()


if __name__ == "__main__":
    main()
