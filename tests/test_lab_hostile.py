"""The soak of the lab in little: hostile clients of every kind at once, and one reader who is answered nevertheless."""

from __future__ import annotations

import importlib.util
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from netbp.lab.answers import Lab
from netbp.lab.connections import MOST
from netbp.lab.launch import listen
from netbp.lab.serving import server_of
from patience import SECONDS

ROOT = Path(__file__).parent.parent


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The soak and its clients, which are no part of the package."""
    if importlib.util.find_spec("resource") is None or not (ROOT / "benchmarks" / "lab_soak.py").exists():
        pytest.skip("the benchmarks are not here, or cannot run here")
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import lab_clients, lab_soak

    yield lab_clients, lab_soak
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]


def test_a_reader_is_answered_among_hostile_clients(benchmarks: Any, tmp_path: Path) -> None:
    clients, soak = benchmarks
    soak.an_image_run(tmp_path)
    launch, lab = listen(0), Lab(tmp_path)
    server = server_of(launch, lab)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [launch.socket]}, daemon=True)
    thread.start()
    reader = soak.Reader(launch.port, launch.token, pause=0.0)
    (listed,) = reader.ask("fields", "/api/images")["runs"]
    hostile = clients.Hostile(launch.port, launch.token, pause=0.1)
    hostile.start()
    try:
        reader.once(soak.a_picture(), listed["id"])
        assert not {kind: lines for kind, lines in reader.refused.items() if kind in soak.ORDINARY}
        assert set(reader.times) == {*soak.ORDINARY, *soak.LONG}
        assert len(server.server_state.connections) <= MOST
    finally:
        hostile.ended.set()
        reader.connection.close()
        server.should_exit = True
        thread.join(SECONDS)
        lab.close()
    assert not thread.is_alive()
    for _ in range(3000):
        if not lab.desk.turns.open:
            break
        time.sleep(0.01)
    assert not lab.desk.turns.open  # whoever asked has gone


def test_the_soak_tells_what_it_saw(benchmarks: Any) -> None:
    _, soak = benchmarks
    reader = soak.Reader(1, "")
    for kind in (*soak.ORDINARY, *soak.LONG):
        reader.times[kind] = [0.01] * 98 + [0.1, 0.3]
    looks = [soak.Look(5.0 * i, 400.0 + (i > 60), 12, 60) for i in range(1, 121)]
    report = soak.reported(reader, looks, {"noise": 3}, 10.0)
    assert all(target.met for target in report.targets)
    reader.times["walk"] = [0.3] * 100
    reader.refused["page"].append("503 it is busy")
    report = soak.reported(reader, [look._replace(memory=4.0 * look.at) for look in looks], {}, 10.0)
    missed = [target.claim for target in report.targets if not target.met]
    assert [claim.split(":")[0] for claim in missed][:2] == ["walk", "ordinary questions refused"]
    assert any(claim.startswith("MB") for claim in missed)
    assert "503 it is busy" in report.notes[-1]
