"""Long questions: they take fair turns, hold nobody else up, are bounded in number, and end when nobody waits for them any more."""

from __future__ import annotations

import contextlib
import gc
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from netbp.lab import jobs as lab_jobs
from netbp.lab import turns as lab_turns
from netbp.lab.answers import Lab
from netbp.lab.guard import RefusedError
from netbp.lab.jobs import Jobs
from netbp.lab.launch import Launch, listen
from netbp.lab.runs import Runs
from netbp.lab.serving import server_of
from netbp.lab.training import PREPARES
from netbp.lab.turns import ASKED, MOST, AbandonedError, Asked, BusyError, Turns
from netbp.methods.stochastic import StochasticGradient
from patience import SECONDS

FAR = 10**8


def until(holds: Callable[[], Any]) -> None:
    for _ in range(round(100 * SECONDS)):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("this does not hold")


def test_turns_go_round_the_owners() -> None:
    turns = Turns(1)
    first = Asked(turns, "first")
    first.wait_for_turn()
    order, threads = [], []

    def ask(name: str) -> None:
        asked = Asked(turns, name[0])
        asked.wait_for_turn()
        order.append(name)
        asked.end()

    for i, name in enumerate(["a1", "a2", "a3", "b1", "c1", "b2"], start=1):
        threads.append(threading.Thread(target=ask, args=(name,)))
        threads[-1].start()
        until(lambda i=i: sum(map(len, turns._waiting.values())) == i)
    first.end()
    for thread in threads:
        thread.join(SECONDS)
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert (turns.free, turns.open) == (1, set())


def test_a_question_is_short_until_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, shorter = Turns(1), []
    asked = Asked(turns, "a", lambda: shorter.append(1))
    asked.pause()
    assert not asked.long
    monkeypatch.setattr(lab_turns, "monotonic", lambda: 1e9)
    asked.pause()
    asked.pause()
    assert (asked.long, shorter, turns.open) == (True, [1], {asked})
    asked.end()
    assert (turns.free, turns.open, shorter) == (1, set(), [1])
    short = Asked(turns, "a", lambda: shorter.append(2))
    short.end()
    assert shorter == [1, 2]


def test_there_are_so_many_long_questions_and_no_more() -> None:
    turns = Turns(1, 2)
    held = [Asked(turns, "a"), Asked(turns, "a")]
    for each in held:
        each.become_long()
    late = Asked(turns, "b")
    with pytest.raises(BusyError, match="2 long questions already"):
        late.wait_for_turn()
    held[0].end()
    late.wait_for_turn()
    assert late.turn.is_set()


def test_who_has_gone_is_worked_for_no_longer() -> None:
    run = Runs()
    training = run.get(run.open({"steps": FAR}, 0)["run"]).training
    asked, raised = Asked(Turns(), "a"), []

    def ask() -> None:
        ASKED.set(asked)
        try:
            training.exactly(FAR)
        except AbandonedError as error:
            raised.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: training.front.step > 0)
    asked.gone = True
    thread.join(SECONDS)
    assert len(raised) == 1
    assert 0 < training.front.step < FAR
    run.close()


class Served(NamedTuple):
    launch: Launch
    lab: Lab
    server: Any

    def at_work(self) -> bool:
        """Whether any question is being answered, or waits for that."""
        answering = [one for one in threading.enumerate() if one.name == "netbp lab answers"]
        return bool(self.server.server_state.tasks or answering)

    def client(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.launch.port, timeout=SECONDS)

    def send(self, client: http.client.HTTPConnection, path: str, body: Any) -> None:
        headers = {"X-Netbp-Token": self.launch.token, "Origin": f"http://127.0.0.1:{self.launch.port}"}
        client.request("POST", path, json.dumps(body), {**headers, "Content-Type": "application/json"})

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        with contextlib.closing(self.client()) as client:
            self.send(client, path, body)
            answer = client.getresponse()
            content = answer.read()
            if content[:4] == b"NBF1":
                content = content[8 : 8 + int.from_bytes(content[4:8], "little")]
            return answer.status, json.loads(content)

    def open(self) -> str:
        return str(self.post("/api/open", {"experiment": {"steps": FAR, "rate": 0.01}})[1]["run"])


@pytest.fixture
def served() -> Iterator[Served]:
    launch, lab = listen(0), Lab()
    server = server_of(launch, lab)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [launch.socket]}, daemon=True)
    thread.start()
    yield Served(launch, lab, server)
    server.should_exit = True
    thread.join(SECONDS)
    lab.close()
    assert not thread.is_alive()


WALK = {"step": FAR, "x": [0.5, 0.5], "category": 0}
LONG: dict[str, Any] = {
    "run/{run}/walk": WALK,
    "run/{run}/difference": {**WALK, "layer": 2, "row": 1, "column": 1},
    "run/{run}/nudge": {**WALK, "rate": 0.1, "grid": 5, "view": "margin"},
    "run/{run}/convergence": {"step": FAR},
    "run/{run}/neurons": {"step": FAR, "grid": 5},
    "run/{run}/rate": {"step": FAR, "rate": 0.1},
    "run/{run}/export": {"what": "json", "step": FAR},
    "surface": {"run": "{run}", "step": FAR, "kind": "path", "n": 5},
    "run/{run}/frame": {"after": 0, "seen": 0, "steps": FAR, "grid": 5, "view": "margin"},
}


def test_questions_about_far_steps_hold_nobody_up_and_end_with_those_who_asked(served: Served) -> None:
    runs = [served.open() for _ in range(2)]
    training = [served.lab.runs.get(run).training for run in runs]
    for each in training:
        each.ready.wait(SECONDS)
    clients = [served.client() for _ in range(45)]
    for i, client in enumerate(clients):
        path, body = [*LONG.items()][i % len(LONG)]
        run = runs[i % 2]
        served.send(client, "/api/" + path.replace("{run}", run), json.loads(json.dumps(body).replace("{run}", run)))
    until(lambda: len(served.lab.desk.turns.open) > 2)
    for _ in range(3):  # within the 40 s that these clients wait, which is less than the minute that the others ask for
        assert served.post("/api/points", {"set": "moons"})[0] == 200
        assert served.post("/api/open", {"experiment": {"steps": 50}, "step": 20})[0] == 200
        assert served.post(f"/api/run/{runs[0]}/frame", {"after": 0, "seen": 0, "steps": 0, "grid": 20})[0] == 200
    for client in clients:
        client.close()
    until(lambda: not served.at_work())
    assert not served.lab.desk.turns.open
    steps = [each.front.step for each in training]
    assert served.post("/api/points", {"set": "moons"})[0] == 200
    assert [each.front.step for each in training] == steps


def test_where_too_many_are_open_long_questions_are_refused_and_pictures_come_as_they_are(served: Served) -> None:
    run = served.open()
    turns = served.lab.desk.turns
    turns.open |= {Asked(turns, str(i)) for i in range(MOST)}
    for path, body in LONG.items():
        status, told = served.post("/api/" + path.replace("{run}", run), json.loads(json.dumps(body).replace("{run}", run)))
        if path.endswith("frame"):
            assert status == 200
            assert told["step"] < FAR
        else:
            assert (status, told["error"].count("\n")) == (503, 0), path
            assert "32 long questions" in told["error"]


def test_many_starts_that_nobody_asks_about_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_jobs, "UNASKED", 0.5)
    jobs = Jobs()
    names = [jobs.multistart({}, 1000, 20_000) for _ in range(4)]
    held = [jobs._held[name] for name in names]
    until(lambda: all(job.finished for job in held))
    assert all(job.cancelled and job.result is None for job in held)
    assert (lab_jobs.PIECES.free, lab_jobs.PIECES.open) == (1, set())
    jobs.multistart({}, 1, 1)  # there is room again
    jobs.close()


@pytest.mark.parametrize(("fields", "steps"), [({"method": "l-bfgs", "points": "moons:10000:0.1:0"}, 100_000)])
def test_a_start_that_could_not_be_stopped_for_minutes_is_refused(fields: dict[str, Any], steps: int) -> None:
    with pytest.raises(ValueError, match="too much for this page"):
        Jobs().multistart(fields, 2, steps)


def no_one_prepares() -> bool:
    return not [one for one in threading.enumerate() if one.name == "netbp lab prepares"]


def test_kernels_are_not_prepared_for_runs_that_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    until(no_one_prepares)  # of the tests before
    made, session = [], StochasticGradient.session
    own = 0.0123  # the rate of this test's runs: those of other tests may still train

    def counted(self: StochasticGradient, *given: Any) -> Any:
        if self.rate == own:
            made.append(1)
        return session(self, *given)

    monkeypatch.setattr(StochasticGradient, "session", counted)
    runs = Runs(limit=2)
    with PREPARES:  # as while another one is compiled
        for seed in range(6):
            runs.open({"seed": seed, "steps": 50, "rate": own})
        assert len(made) == 6
    until(no_one_prepares)
    assert len(made) == 6 + 2
    runs.close()


def test_runs_of_one_owner_do_not_drive_out_another_s() -> None:
    runs = Runs(limit=4)

    def opened_by(owner: str, seed: int) -> str:
        token = ASKED.set(Asked(Turns(), owner))
        try:
            return str(runs.open({"seed": seed, "steps": 50})["run"])
        finally:
            ASKED.reset(token)

    first = opened_by("a page", 1)
    others = [opened_by("", seed) for seed in range(2, 9)]
    assert runs.get(first).owner == "a page"
    assert [name in runs._held for name in others] == [False] * 4 + [True] * 3
    runs.close()


def test_a_run_that_is_let_go_of_on_the_way_is_gone_and_not_too_far(served: Served) -> None:
    run = served.open()
    training = served.lab.runs.get(run).training
    training.ready.wait(SECONDS)
    told: list[Any] = []
    asking = threading.Thread(target=lambda: told.append(served.post(f"/api/run/{run}/walk", WALK)))
    asking.start()
    until(lambda: training.front.step > 0)
    served.lab.runs.close()
    asking.join(SECONDS)
    assert told[0][0] == 410
    assert told[0][1]["gone"] is True
    assert "no longer held" in told[0][1]["error"]


def test_what_was_refused_is_let_go_of_at_once(served: Served) -> None:
    """An error that its own frames know keeps the body that it came with until Python looks for such rings, which is seldom."""
    served.post("/api/points", {"csv": "x"})
    gc.collect()
    gc.disable()
    try:
        for _ in range(5):
            assert served.post("/api/points", {"csv": "x" * 300_000, "what": 1})[0] == 422
        assert not [one for one in gc.get_objects() if type(one) is RefusedError]  # isinstance asks proxies, too
    finally:
        gc.enable()
