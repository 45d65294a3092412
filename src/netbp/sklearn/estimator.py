"""What the classifier and the regressor share: their parameters, training, and the network's outputs for new points."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from netbp.activations import identity
from netbp.costs import Cost
from netbp.experiments.standardisation import Scale, standardisation, unscaled
from netbp.methods import DIVERGED, FINISHED, STOPPED
from netbp.network import Network
from netbp.problem import Problem
from netbp.record import INTERRUPTED
from netbp.run import Run, stream, train
from netbp.sklearn.choices import Plan, activation_of, plan_of, start_of, widths_of
from netbp.sklearn.refusals import checked, refuse_silent
from netbp.stopping import no_improvement
from netbp.types import Array, Data, Indices, Matrix, State, Vector

MEMORY = ("u", "v")  # an update rule's, which is worth keeping between calls of partial_fit


class NetworkEstimator(BaseEstimator):
    """See `NetworkClassifier` and `NetworkRegressor`, which say what the parameters mean."""

    _cost: Cost
    network_: Network
    problem_: Problem
    run_: Run
    p_: Vector
    x_scale_: Scale
    y_scale_: Scale
    n_iter_: int
    loss_: float
    loss_curve_: list[float]

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        method: Any = "lbfgs",
        alpha: float = 1e-4,
        batch_size: Any = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        tol: float = 1e-4,
        standardise: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        random_state: Any = None,
        engine: Any = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.method = method
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.tol = tol
        self.standardise = standardise
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.random_state = random_state
        self.engine = engine

    def __getstate__(self) -> dict[str, Any]:
        """Without `problem_`, which holds the training data: an estimator is saved as what it has learnt."""
        return {name: value for name, value in super().__getstate__().items() if name != "problem_"}

    # -- training --------------------------------------------------------------------------------------------------

    def _goes_on(self) -> bool:
        """Whether `fit` begins from what was learnt before."""
        return bool(self.warm_start) and hasattr(self, "p_")

    def _learn(self, X: Matrix, y: Matrix, weight: Any, goes_on: bool, codes: Indices | None = None) -> Self:
        """Train on X (N, n_1) with targets y (N, n_L); codes: the classes, which a held-out part is to have in equal shares."""
        X, y, weight, codes = _counting(X, y, self._weights(weight, X), codes)
        plan_of(vars(self), len(X))  # parameters that make no sense are told before anything else
        random = check_random_state(self.random_state)
        held_out = None
        if self.early_stopping:
            rows, kept = self._split(len(X), codes, random)
            held_out = (X[kept], y[kept], None if weight is None else weight[kept])
            X, y, weight = X[rows], y[rows], None if weight is None else weight[rows]
        plan = plan_of(vars(self), len(X))
        start = self._begin(X, y, weight, goes_on, random)
        rng = stream_of(random)
        problem = self._problem(X, y, weight, held_out)
        patience = self.n_iter_no_change
        until = no_improvement(patience, self.tol) if plan.patient or self.early_stopping else None
        run = train(problem, plan.method, plan.steps, start=start, rng=rng, record=plan.record, until=until)
        return self._keep(problem, run, plan)

    def _learn_more(self, X: Matrix, y: Matrix, weight: Any) -> Self:
        """One pass through these points, from where the last one ended, with the update rule's memory."""
        if self.early_stopping:
            raise ValueError("partial_fit cannot hold points out: set early_stopping=False")
        X, y, weight, _ = _counting(X, y, self._weights(weight, X), None)
        plan = plan_of(vars(self), len(X))
        goes_on = hasattr(self, "p_")
        state = self.run_.state if goes_on else State(np.empty(0))
        random = check_random_state(self.random_state)
        p = self._begin(X, y, weight, goes_on, random)
        rng = getattr(self, "_stream", None) or stream_of(random)
        problem = self._problem(X, y, weight, None)
        memory = {name: state.memory[name] for name in MEMORY if name in state.memory}
        state, first = State(p, state.step, memory), problem.value(p)
        *_, last = stream(
            problem, plan.method, state.step + plan.per_iteration, resume=state, rng=rng, record=plan.record
        )  # the generator moves on, from one call to the next
        before = list(getattr(self, "loss_curve_", ())) if goes_on else []
        iterations = self.n_iter_ if goes_on else 0
        self._stream = rng
        run = Run(last.state, first, problem.value(last.p), series=dict(last.series), status=last.status, message=last.reason or "")
        self._keep(problem, run, plan._replace(converges=False))
        self.loss_curve_, self.n_iter_ = before + self.loss_curve_, iterations + 1
        return self

    def _begin(self, X: Matrix, y: Matrix, weight: Vector | None, goes_on: bool, random: Any) -> Vector:
        """Set the network and the scales, and draw the start; or keep all three of an earlier fit."""
        sigma = activation_of(self.activation)
        widths = [X.shape[1], *widths_of(self.hidden_layer_sizes), y.shape[1]]
        network = Network.dense(*widths, activation=[sigma] * (len(widths) - 2) + [identity])
        if goes_on:
            if network.sizes != self.network_.sizes:
                raise ValueError(f"what was learnt before is for {self.network_.title}, not {network.title}: fit anew")
            self.network_ = network
            return np.array(self.p_)
        self.network_ = network
        self.x_scale_ = standardisation(X, weight) if self.standardise else unscaled(X)
        self.y_scale_ = standardisation(y, weight) if self.standardise and self._cost.least_squares else unscaled(y)
        return start_of(network, sigma, random)

    def _problem(self, X: Matrix, y: Matrix, weight: Vector | None, held_out: Any) -> Problem:
        def scaled(x: Matrix, y: Matrix, weight: Vector | None) -> Data:
            return Data(self.x_scale_.apply(x), self.y_scale_.apply(y), weight)

        # scikit-learn's alpha stands with 1/2, and where it takes the mean over the outputs, (9) takes the sum
        penalty = 0.5 * self.alpha * (y.shape[1] if self._cost.least_squares else 1)
        beside = None if held_out is None else scaled(*held_out)
        return Problem(self.network_, self._cost, scaled(X, y, weight), beside, penalty, self.engine)

    def _weights(self, weight: Any, X: Matrix) -> Vector | None:
        refuse_silent(weight, "sample_weight")
        return None if weight is None else _check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)

    def _split(self, N: int, codes: Indices | None, random: Any) -> tuple[Indices, Indices]:
        rows = np.arange(N)
        try:
            return tuple(train_test_split(rows, test_size=self.validation_fraction, stratify=codes, random_state=random))
        except ValueError as error:
            raise ValueError(
                f"early_stopping cannot hold out validation_fraction={self.validation_fraction!r} of {N} points: {error}"
            ) from None

    def _keep(self, problem: Problem, run: Run, plan: Plan) -> Self:
        if run.status == DIVERGED:
            raise ValueError(f"training diverged: {run.message}")
        self.problem_, self.run_ = problem, run
        self.p_ = run.p if run.best is None else run.best.p
        self.n_iter_ = -(-run.step // plan.per_iteration)
        self.loss_curve_ = [float(cost) for cost in run.costs]
        self.loss_ = float(run.final_cost)
        if run.status == INTERRUPTED:
            raise KeyboardInterrupt(f"{run.message}, but the estimator has kept what it had learnt")
        stopped = run.status == STOPPED and not (plan.patient or self.early_stopping)
        if plan.converges and (stopped or run.status == FINISHED):
            warnings.warn(
                f"{type(self).__name__} has not converged: {run.message}; raise max_iter={self.max_iter} or tol={self.tol}",
                ConvergenceWarning,
                stacklevel=4,
            )
        return self

    # -- what the network says -------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> Matrix:
        """a^[L] for new points, (m, n_L), in the targets' own units."""
        check_is_fitted(self)
        x = self.x_scale_.apply(checked(self, X, reset=False))
        sizes = self.network_.sizes
        point = Data(np.zeros((1, sizes[0])), np.zeros((1, sizes[-1])))  # stands in for the data, which are not needed here
        return self.y_scale_.undo(Problem(self.network_, self._cost, point, engine=self.engine).output(self.p_, x))


def stream_of(random: Any) -> np.random.Generator:
    """The stream of the batches, seeded by scikit-learn's RandomState."""
    return np.random.default_rng(random.randint(2**31 - 1))


def _counting(
    X: Matrix, y: Matrix, weight: Vector | None, codes: Indices | None
) -> tuple[Matrix, Matrix, Vector | None, Indices | None]:
    """The points whose weight is not 0, so that such a weight is the same as leaving the point out."""
    if weight is None or (weight > 0.0).all():
        return X, y, weight, codes
    rows: Array = weight > 0.0
    if not rows.any():
        raise ValueError("all sample weights are 0: at least one point must count")
    return X[rows], y[rows], weight[rows], None if codes is None else codes[rows]
