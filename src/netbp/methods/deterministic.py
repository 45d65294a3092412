"""L-BFGS, Newton-CG, trust regions and Nelder-Mead: SciPy's optimisers as methods. One step is one iteration.

Their inner state cannot be read, so a session that resumes runs them again from the start, with the same bits, and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from netbp.methods import CONVERGED, DIVERGED, STOPPED, Chunk, Session, recorded, remembered
from netbp.methods.iterates import Iterates, TooLargeError, from_overflow
from netbp.types import State, Vector

if TYPE_CHECKING:
    from netbp.problem import Problem

WITHOUT_END = 10**9
"""What SciPy is told as the most iterations and evaluations: `steps` ends the run."""
AT_ONE_POINT = 100
"""Products with the Hessian at one point, per parameter: conjugate gradients take about one each where numbers are finite."""


@dataclass(frozen=True)
class Deterministic:
    """What the four methods share. iterations: how many are taken when `train` is given no steps.

    With record=None the cost is recorded after every iteration. Raises ValueError for iterations below 1 and for tolerances
    that are negative or not finite.
    """

    iterations: int = 1000
    name: ClassVar[str] = ""  # SciPy's

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name.endswith("tolerance") and not (isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} must be a finite number of at least 0, but it is {value!r}")
        if not isinstance(self.iterations, int) or self.iterations < 1:
            raise ValueError(f"iterations must be a whole number of at least 1, but it is {self.iterations!r}")

    @property
    def limit(self) -> int | None:
        """The iterations that it takes when no number is given."""
        return self.iterations

    @property
    def options(self) -> Mapping[str, Any]:
        """SciPy's options."""
        return {"maxiter": WITHOUT_END}

    def derivatives(self, problem: Problem, evaluated: Callable[[], None]) -> Mapping[str, Any]:
        """The derivatives that SciPy is handed, as keywords of scipy.optimize.minimize."""

        def gradient(x: Vector) -> Vector:
            evaluated()
            return problem.bound.gradient(x)

        return {"jac": gradient}

    def session(self, problem: Problem, state: State, rng: Any, record: int | None) -> Session:
        """See `netbp.methods.Method`; rng is not used."""
        if state.p.ndim != 1:
            raise ValueError(f"{type(self).__name__} moves one network, but the start has shape {state.p.shape}: use nb.multistart")
        return DeterministicSession(self, problem, state, 1 if record is None else record)


def _hvp(problem: Problem, evaluated: Callable[[], None]) -> Callable[[Vector, Vector], Vector]:
    there: Vector = np.empty(0)
    count = 0

    def product(x: Vector, v: Vector) -> Vector:
        nonlocal there, count
        evaluated()
        there, count = (there, count + 1) if np.array_equal(x, there) else (x.copy(), 1)
        Hv = problem.bound.hvp(x, v)
        if not np.isfinite(Hv).all() or count > AT_ONE_POINT * (1 + len(x)):  # SciPy's conjugate gradients would never end
            raise TooLargeError("a second derivative is too large")
        return Hv

    return product


@dataclass(frozen=True)
class LBFGS(Deterministic):
    """Limited-memory BFGS (Liu & Nocedal, Math. Prog. 45, 1989), SciPy's "L-BFGS-B" without bounds.

    pairs: how many (step, change of gradient) it remembers. gradient_tolerance: it stops when no entry of the gradient is
    larger. function_tolerance: it stops when an iteration reduces the cost by less, relatively to max(cost, 1).
    """

    pairs: int = 10
    gradient_tolerance: float = 1e-8
    function_tolerance: float = 1e-15
    name: ClassVar[str] = "L-BFGS-B"

    @property
    def options(self) -> Mapping[str, Any]:
        """SciPy's options."""
        return {
            "maxiter": WITHOUT_END,
            "maxfun": WITHOUT_END,
            "maxcor": self.pairs,
            "gtol": self.gradient_tolerance,
            "ftol": self.function_tolerance,
        }

    def derivatives(self, problem: Problem, evaluated: Callable[[], None]) -> Mapping[str, Any]:
        """Only that the cost comes with its gradient: this method wants both at every point, and one forward pass gives both."""
        return {"jac": True}


@dataclass(frozen=True)
class NewtonCG(Deterministic):
    """Newton's method whose linear systems are solved by conjugate gradients (Nocedal & Wright, section 7.1).

    Hessian-vector products are exact. step_tolerance: it stops when the mean |change| of the parameters is smaller.
    """

    step_tolerance: float = 1e-8
    name: ClassVar[str] = "Newton-CG"

    @property
    def options(self) -> Mapping[str, Any]:
        """SciPy's options."""
        return {"maxiter": WITHOUT_END, "xtol": self.step_tolerance}

    def derivatives(self, problem: Problem, evaluated: Callable[[], None]) -> Mapping[str, Any]:
        """The gradient and Hessian-vector products."""
        return {**super().derivatives(problem, evaluated), "hessp": _hvp(problem, evaluated)}


@dataclass(frozen=True)
class TrustRegion(Deterministic):
    """Newton's method in a trust region (Conn, Gould & Toint, 2000), which also follows negative curvature.

    subproblem: how the quadratic model is minimised: "ncg", by Steihaug's conjugate gradients; "krylov", by a Lanczos process
    beyond them; "exact", by factorising the whole Hessian, for small networks. gradient_tolerance: it stops when the
    gradient's norm is smaller.
    """

    subproblem: Literal["ncg", "krylov", "exact"] = "ncg"
    gradient_tolerance: float = 1e-8
    name: ClassVar[str] = "trust"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.subproblem not in ("ncg", "krylov", "exact"):
            raise ValueError(f'subproblem must be "ncg", "krylov" or "exact", but it is {self.subproblem!r}')

    @property
    def options(self) -> Mapping[str, Any]:
        """SciPy's options."""
        return {"maxiter": WITHOUT_END, "gtol": self.gradient_tolerance}

    def derivatives(self, problem: Problem, evaluated: Callable[[], None]) -> Mapping[str, Any]:
        """The gradient and Hessian-vector products, or for "exact" the Hessian, column by column."""
        product = _hvp(problem, evaluated)

        def hessian(x: Vector) -> Any:
            H = np.stack([product(x, e) for e in np.eye(len(x))])
            return 0.5 * (H + H.T)

        return {
            **super().derivatives(problem, evaluated),
            **({"hess": hessian} if self.subproblem == "exact" else {"hessp": product}),
        }


@dataclass(frozen=True)
class NelderMead(Deterministic):
    """The simplex method of Nelder & Mead (Computer J. 7, 1965), without derivatives, its constants adapted to s.

    parameter_tolerance, function_tolerance: it stops when neither the simplex nor its costs are wider.
    """

    iterations: int = 10_000
    parameter_tolerance: float = 1e-8
    function_tolerance: float = 1e-12
    name: ClassVar[str] = "Nelder-Mead"

    @property
    def options(self) -> Mapping[str, Any]:
        """SciPy's options."""
        return {
            "maxiter": WITHOUT_END,
            "maxfev": WITHOUT_END,
            "xatol": self.parameter_tolerance,
            "fatol": self.function_tolerance,
            "adaptive": True,
        }

    def derivatives(self, problem: Problem, evaluated: Callable[[], None]) -> Mapping[str, Any]:
        """None."""
        return {}


class DeterministicSession:
    """SciPy's iterates, as many as are asked for; the memory holds the start, from which a resumed session runs again."""

    def __init__(self, method: Deterministic, problem: Problem, state: State, record: int) -> None:
        self.method, self.problem, self.record, self.state = method, problem, record, state
        self.iterates = Iterates(self._optimise)
        self.start = np.array(remembered(state.memory, "start", state.p), dtype=float)
        self.replayed = 0

    def advance(self, steps: int, to_record: bool = False) -> Chunk:
        """Ask for the next `steps` iterates."""
        before = self.state.step
        if not self._replay():
            return Chunk(self.state, facts={"iterations": before})
        if to_record and self.record:
            steps = min(steps, self.record - before % self.record)
        handed = self.iterates.next(steps)
        costs, step = handed.costs, before + len(handed.costs)
        p = self.state.p if handed.x is None else handed.x.astype(self.state.p.dtype)
        self.state = State(p, step, {"start": self.start}, self.state.stream)
        numbers = recorded(before, len(costs), self.record)
        kept = np.asarray(costs, dtype=float)[numbers - before - 1]
        facts: dict[str, Any] = {"iterations": step} | ({"replayed": self.replayed} if self.replayed else {})
        if handed.result is None:
            return Chunk(self.state, numbers, kept, facts=facts)
        (result,) = handed.result
        facts["evaluations"] = int(result.nfev)
        if result.get("jac") is not None:
            facts["gradient_norm"] = float(np.abs(result.jac).max())
        reason = f"{str(result.message).strip().rstrip('.')} (iteration {step})"
        if "overflow" in result:
            return Chunk(self.state, numbers, kept, reason, DIVERGED, facts)
        return Chunk(self.state, numbers, kept, reason, CONVERGED if result.success else STOPPED, facts)

    def close(self) -> None:
        """End the thread."""
        self.iterates.close()

    def __del__(self) -> None:
        self.iterates.close()

    def _replay(self) -> bool:
        """Run again from the start to the state's step, the first time only; whether that is done, and not interrupted.

        Raises ValueError when it leads elsewhere.
        """
        if self.state.step == 0 or self.iterates.begun:
            return True
        handed = self.iterates.next(self.state.step)
        if handed.result is None and not self.iterates.begun:
            return False
        self.replayed = self.state.step
        if len(handed.costs) < self.replayed or not np.array_equal(handed.x, self.state.p):  # type: ignore[arg-type]
            raise ValueError(
                f"{type(self.method).__name__} resumes by running again from its start, but step {self.replayed} is not the same: "
                "the run was made with another version or on another machine; begin anew with start=run.p"
            )
        return True

    def _optimise(self, hand_over: Callable[[Vector, float], None], alive: Callable[[], None]) -> Any:
        from scipy.optimize import OptimizeResult, minimize

        derivatives = self.method.derivatives(self.problem, alive)
        bound = self.problem.bound
        together = derivatives.get("jac") is True  # how SciPy is told that the cost comes with its gradient

        evaluations = 0

        def value(x: Vector) -> Any:
            nonlocal evaluations
            alive()
            evaluations += 1
            return bound.value_and_gradient(x) if together else bound.value(x)

        def callback(intermediate_result: OptimizeResult) -> None:
            hand_over(intermediate_result.x, intermediate_result.fun)

        name = f"trust-{self.method.subproblem}" if isinstance(self.method, TrustRegion) else self.method.name
        options = dict(self.method.options)
        try:
            return minimize(value, self.start.copy(), method=name, callback=callback, options=options, **derivatives)
        except (ArithmeticError, np.linalg.LinAlgError, ValueError, TypeError) as error:
            if not from_overflow(error):
                raise
            told = (
                f"it diverged: {name} met numbers that are not finite ({' '.join(str(error).split())}); the last state before them"
            )
            return OptimizeResult(nfev=evaluations, message=f"{told} is kept; try a smaller start", success=False, overflow=True)
