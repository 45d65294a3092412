"""One run of the lab as the page sees it: frames, questions about a step, things to take away."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import numpy as np

import netbp.lab.training as training_of
import netbp.lab.walk as walking
from netbp.analysis.regions import Extent
from netbp.analysis.saturated import flatness
from netbp.experiments.plane import GRADIENT, PlaneExperiment
from netbp.experiments.plane_texts import LETTERS
from netbp.lab.address import address_of
from netbp.lab.decay import decay_of
from netbp.lab.drawing import DRAWING
from netbp.lab.frames import encoded, number, plane
from netbp.lab.maps import maps
from netbp.lab.naming import layers_of, parameter_name
from netbp.lab.training import Training
from netbp.lab.turns import BusyError, aside, long_work
from netbp.methods.schedules import values_at
from netbp.methods.streams import state_of
from netbp.problem import Problem
from netbp.targets import doubts
from netbp.types import Array, Data, State, Vector

BINS = 1024
"""The most bins of costs in a frame."""
COMPILING = "compiling the kernel for this network: a few seconds, the first time only"
HEAVY = 5 * 10**7
"""Places of a picture times parameters: more are long work."""
MARKED = 2000
"""The most points that a frame marks one by one."""


class LabRun:
    """One experiment, trained as far as someone looked."""

    def __init__(self, experiment: PlaneExperiment, name: str, training: Training | None = None) -> None:
        self.experiment, self.name = experiment, name
        self.problem = experiment.problem() if training is None else training.held or training.problem
        self.method = experiment.chosen_method()
        self.doubt = "; ".join(doubts(self.problem.network, self.problem.cost, {"the data": np.asarray(self.problem.data.y)}))
        if training is None:
            p, rng = experiment.beginning(self.problem.network)
            alone = replace(self.problem, held_out=None)
            held = None if self.problem.held_out is None else self.problem
            start = State(p, 0, {}, state_of(rng))
            training = Training(alone, self.method, start, experiment.steps, experiment.record, held)
            with np.errstate(all="ignore"):
                cost = alone.value(p)
            if not np.isfinite(cost):
                training.close()
                raise ValueError(f"the cost at the start is {cost}: choose a smaller scale")
            training.costs_at_start = cost
        self.training = training
        self.used = time.monotonic()
        self.owner = ""  # the page that opened it
        self.lately: deque[State] = deque(maxlen=8)  # what the last frames showed: its maps need not be computed again

    # -- what the page sees -------------------------------------------------------------------------------------------

    def opened(self, step: int = 0, rebuilt: bool = False) -> dict[str, Any]:
        """What a page needs to know before the first frame."""
        e, network = self.experiment, self.problem.network
        points, held = e.labelled, e.held.tolist()
        state = self.training.at(step)
        return {
            "run": self.name,
            "experiment": asdict(e),
            "address": address_of(e),
            "step": state.step,
            "rebuilt": rebuilt,
            "status": self.status(state)[0],
            "layers": layers_of(network),
            "size": network.size,
            "points": [[*x, c, int(h)] for x, c, h in zip(points.x.tolist(), points.labels.tolist(), held, strict=True)],
            "categories": list(LETTERS[: network.sizes[-1]]),
            "extent": list(e.extent),
            "N": self.problem.N,
            "epoch_steps": self.epoch_steps,
            "scale_of_cost": e.factor,
        }

    def frame(self, after: int, seen: int, steps: int, grid: int, view: str = "margin", extent: Any = None) -> bytes:
        """The state `steps` steps after `after`, 0 for that step itself, -1 for the newest; with the costs from step `seen` on."""
        training, preparing = self.training, False
        if steps:
            if not training.ready.is_set():
                with aside():
                    training.ready.wait(training_of.PREPARING)
            preparing = not (training.ready.is_set() or training.front.step >= after + max(1, steps))
        if preparing:
            state = training.at(min(after, training.front.step))
        else:
            state = training.ahead(after) if steps < 0 else training.at(after + steps)
        self.lately.append(state)
        if grid * grid * self.problem.size > HEAVY:
            with suppress(BusyError):  # a page's pictures come whatever others ask for
                long_work()
        with DRAWING:  # frames go first
            with self.training.kept:
                costs = self._bins(seen, state.step, BINS)
                held = self.training.held_out.between(seen, state.step)
                norms = self.training.norms.between(seen, state.step)
            header = self._header(state) | {"seen": max(seen, state.step + 1)}
            if preparing:
                header |= {
                    "preparing": True,
                    "message": COMPILING,
                }
            edges = self._extent(extent)
            sections = {"p": state.p, **plane(self.problem, state.p, grid, view, edges), **self._wrong(state.p, grid)}
            header |= {"view": view, "extent": list(edges)}
            return encoded(header, sections | {"costs": costs, "held": held, "norms": norms})

    def maps(self, step: int, grid: int) -> bytes:
        """Every neuron over the plane after a step, in little; of a step that was shown lately without holding the training up."""
        state = next((one for one in tuple(self.lately) if one.step == step), None) or self.training.exactly(step)
        header = {
            "run": self.name,
            "step": state.step,
            "sizes": list(self.problem.network.sizes),
            "extent": list(self._extent(None)),
        }
        return encoded(header, maps(self.problem, state.p, grid, self._extent(None)))

    def curve(self, points: int = 2000, step: int | None = None) -> bytes:
        """The whole history of the costs, up to `step` if it is given, in at most so many bins."""
        training = self.training
        with training.kept:
            last = training.front.step if step is None else min(step, training.front.step)
            costs = self._bins(0, last, max(1, points))
            held, norms = training.held_out.between(0, last), training.norms.between(0, last)
        header = {"run": self.name, "step": last, "seen": last + 1, "behind": training.front.step - last}
        return encoded(header, {"costs": costs, "held": held, "norms": norms})

    # -- questions about a step ---------------------------------------------------------------------------------------

    def walk(self, step: int, x: Any, category: int) -> dict[str, Any]:
        """Forward and backward through the network at one point, with all numbers."""
        state = self.training.exactly(step)
        return walking.walk(self.problem, state.p, state.step, x, category)

    def difference(self, step: int, x: Any, category: int, layer: int, row: int, column: int | None = None) -> dict[str, Any]:
        """A derivative of C_x beside its central difference; row and column from 1, None for a bias."""
        return walking.difference(self.problem, self.training.exactly(step).p, x, category, layer, row, column)

    def nudge(self, step: int, x: Any, category: int, rate: float, grid: int, view: str = "margin", extent: Any = None) -> bytes:
        """The picture after one gradient step p - rate grad C_x(p) at one point; the run itself does not move."""
        if not (np.isfinite(rate) and rate >= 0.0):
            raise ValueError(f"the rate must be a finite number of at least 0, but it is {rate!r}")
        state = self.training.exactly(step)
        if grid * grid * self.problem.size > HEAVY:
            long_work()
        one = walking.at_point(self.problem, x, category)
        with np.errstate(all="ignore"):
            p = state.p - rate * one.gradient(state.p)
            before, after = one.value(state.p), one.value(p)
        if not (np.isfinite(p).all() and np.isfinite(after)):
            raise ValueError(f"a step with rate {rate:g} leaves the finite numbers: choose a smaller one")
        told = {"nudge": True, "cost_of_point": [number(before), number(after)]}
        header = self._header(state._replace(p=p)) | told | {"seen": state.step + 1}
        header |= {"view": view, "extent": list(self._extent(extent))}
        return encoded(header, {"p": p, **plane(self.problem, p, grid, view, self._extent(extent))})

    def convergence(self, step: int) -> dict[str, Any]:
        """How fast the costs up to a step fall, and the plateaus."""
        self.training.exactly(step)
        with self.training.kept:
            steps, costs = self.training.costs.until(step)
        return decay_of(steps, costs)

    def export(self, what: str, step: int, view: str = "plane", kind: str = "png") -> tuple[str, str, bytes]:
        """Something to take away, as it stands after a step: the name of a file, its media type and its bytes."""
        from netbp.lab.export import exported

        return exported(self, what, step, view, kind)

    # -- its parts ----------------------------------------------------------------------------------------------------

    @property
    def epoch_steps(self) -> int:
        """Steps that go through as many points as there are."""
        if self.experiment.method != "stochastic":
            return 1
        return max(1, -(-self.problem.N // self.experiment.batch))

    @property
    def all_points(self) -> Data:
        """All points, the held-out ones too."""
        points = self.experiment.labelled
        return Data(points.x, np.eye(self.problem.network.sizes[-1])[points.labels])

    def rate_at(self, step: int) -> float | None:
        """The rate of the next step, or None for a method without one."""
        if self.experiment.method not in GRADIENT:
            return None
        return float(values_at(self.method.rate, step, 1, "rate")[0])  # type: ignore[attr-defined]

    def _wrong(self, p: Vector, grid: int) -> dict[str, Array]:
        """Section "wrong" of a frame with a picture: 1 for each point, held out or not, that is put into another category."""
        points = self.experiment.labelled
        if grid == 0 or len(points.labels) > MARKED:
            return {}
        return {"wrong": (self.problem.classify(p, points.x) != points.labels).astype(np.uint8)}

    def _extent(self, extent: Any) -> Extent:
        if extent is None:
            return self.experiment.extent
        left, right, bottom, top = (float(edge) for edge in extent)
        return left, right, bottom, top

    def _bins(self, seen: int, step: int, most: int) -> Array:
        rows = self.training.costs.bins(max(1, seen), step, most)
        if seen == 0:
            cost = self.training.costs_at_start
            rows = np.concatenate([[[0.0, 0.0, cost, cost]], rows])
        return rows

    def status(self, state: State) -> tuple[str, str]:
        """In a word and in a sentence how the run stands at a state."""
        front = self.training.front
        if front.ended and state.step == front.step:
            return front.status, front.message
        return ("running", "") if state.step else ("ready", self.doubt)

    def _header(self, state: State) -> dict[str, Any]:
        front, p = self.training.front, state.p
        status, message = self.status(state)
        return {
            "run": self.name,
            "step": state.step,
            **self._numbers(p),
            "rate": self.rate_at(state.step),
            "epoch": state.step / self.epoch_steps,
            "status": status,
            "message": message,
            "seconds": front.seconds,
            "behind": front.step - state.step,
            "diverged": self._diverged(),
        }

    def _numbers(self, p: Vector) -> dict[str, Any]:
        problem = self.training.problem
        with np.errstate(all="ignore"):
            cost, gradient = problem.bound.value(p), problem.bound.gradient(p)
        held = self.problem.held_out
        flat = {entry.layer: entry.flat for entry in flatness(problem.network, p, problem.data.x)}
        return {
            "cost": number(cost),
            "gradient": number(float(np.linalg.norm(gradient))),
            "held_out": None if held is None else number(self.problem.held_out_value(p)),
            "right": share_right(problem, p, problem.data),
            "held_right": None if held is None else share_right(problem, p, held),
            "saturated": [flat.get(l, 0.0) for l in range(2, len(problem.network.sizes) + 1)],
            "largest": max(float(np.abs(W).max()) for W, _ in problem.network.views(p)),
        }

    def _diverged(self) -> dict[str, Any] | None:
        front = self.training.front
        if front.diverged_at is None:
            return None
        index = max(range(len(front.state.p)), key=lambda i: abs(float(front.state.p[i])))
        return {
            "step": front.diverged_at,
            "rate": self.rate_at(front.diverged_at - 1),
            "weight": parameter_name(self.problem.network, index),
            "value": number(front.state.p[index]),
            "last": front.step,
        }

    def close(self) -> None:
        """Stop its thread."""
        self.training.close()


def share_right(problem: Problem, p: Vector, data: Any) -> float:
    """The share of points whose category the network says."""
    return float(np.mean(problem.classify(p, data.x) == np.asarray(data.y).argmax(axis=1)))
