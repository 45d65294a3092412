"""The lab over an hour: the server's memory over as many frames as a page asks for in an hour, and the page's over some minutes.

Claims: between the first and the last tenth of an hour's frames the server grows by at most 20 MB; what the page's script holds
after a collection is, at its least, no more than 1 MB above what it was in the first minute.

    python -m benchmarks.lab_hour

Method: one connection asks for 108,000 frames, 30 for each second of an hour, 800 steps apart and without a picture of the plane
to speak of (20 x 20), as fast as they come; memory is the server's resident set as the system tells it. A page in Chromium then
trains 200 points for three minutes, 10,000 steps a frame; every 10 s its garbage is collected and its heap read.
"""

from __future__ import annotations

from benchmarks.lab_driver import Asker, browser, page_of, resident, server
from benchmarks.pairing import Report, Table, Target

HOUR = 30 * 3600
MINUTES = 3


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


def a_page() -> tuple[list[float], int]:
    """The page's heap in MB after a collection, every 10 s, and how many pictures of the plane it drew."""
    out, pictures = [], 0
    with browser() as opened, server() as (_, address):
        page = page_of(opened, address, "steps=100000000&points=moons:200:0.1:1&held_out=0.3")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable")
        page.click("#play")
        for _ in range(6 * MINUTES):
            page.wait_for_timeout(10_000)
            pictures += page.evaluate(
                "() => { const n = drawn.length; drawn.length = runs.length = clicked.length = 0; return n; }"
            )
            session.send("HeapProfiler.collectGarbage")
            told = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
            out.append(told["JSHeapUsedSize"] / 1e6)
    print(f"  pictures: {pictures:,}, heap: {min(out):.1f} to {max(out):.1f} MB", flush=True)
    return out, pictures


def main() -> None:
    report = Report("lab_hour", "The lab over an hour", (__doc__ or "").strip())
    hour = an_hour()
    counts, sizes = [f"{(i + 1) * HOUR // 10:,}" for i in range(10)], [f"{memory:.0f}" for memory in hour]
    report.tables.append(Table("Frames so far, and the server's memory in MB", [["frames", *counts], ["MB", *sizes]]))
    report.targets.append(Target("MB that the server grew by", hour[-1] - hour[0], 20.0))
    heap, pictures = a_page()
    least = [min(heap[6 * i : 6 * i + 6]) for i in range(MINUTES)]
    minutes = [["minute", *(str(i + 1) for i in range(MINUTES))], ["MB", *(f"{size:.2f}" for size in least)]]
    report.tables.append(Table(f"The least heap of a page that drew {pictures:,} pictures, in MB after a collection", minutes))
    report.targets.append(Target("MB that the page's heap grew by", least[-1] - least[0], 1.0))
    report.write()


if __name__ == "__main__":
    main()
