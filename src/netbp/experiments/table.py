"""Fit a network to a table of one's own: classification or regression."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np

from netbp import activations, costs
from netbp.data.dialect import Comments, Decimal, Header, Reading, Separator, Thousands
from netbp.data.table import Table
from netbp.experiments.preparation import Missing, Prepared, Task, open_table, prepare
from netbp.experiments.settings import ActivationName, EngineName, RuleName, chosen, engine_of, rule_of, settings_of, widths
from netbp.messages import counted
from netbp.methods.deterministic import LBFGS, NelderMead, NewtonCG, TrustRegion
from netbp.methods.least_squares import LevenbergMarquardt
from netbp.methods.stochastic import SteepestDescent, StochasticGradient
from netbp.network import Network, glorot, he
from netbp.problem import Problem

if TYPE_CHECKING:
    from netbp.run import Run

MethodName = Literal[
    "sgd",
    "momentum",
    "nesterov",
    "adagrad",
    "rmsprop",
    "adam",
    "descent",
    "lbfgs",
    "newton-cg",
    "trust-region",
    "nelder-mead",
    "lm",
]
SCIPYS: dict[str, Any] = {"lbfgs": LBFGS, "newton-cg": NewtonCG, "trust-region": TrustRegion, "nelder-mead": NelderMead}


@dataclass(frozen=True)
class Fit:
    """Train a network on a table (CSV, or a .mat file with points x and targets y) to classify or to predict numbers.

    A column of text, or of few whole numbers, is taken for labels; other numbers for a regression; --task decides otherwise.
    A share of the rows is held out; training stops when the cost on them no longer falls, and the best parameters count.
    """

    name: ClassVar[str] = "fit"

    table: Path = field(metadata={"help": "the table: CSV with a header row, or .mat", "flag": False})
    target: tuple[str, ...] = field(default=(), metadata={"help": "the column to predict; several, for a regression: a,b"})
    network: str = field(default="8", metadata={"help": "all widths, as in 2-8-8-2, or those of one or two hidden layers: 8-8"})
    task: Task = field(default="auto", metadata={"help": "whether the target is a label or a number"})
    drop: tuple[str, ...] = field(default=(), metadata={"help": "columns to leave out: id,name"})
    activation: ActivationName = field(default="tanh", metadata={"help": "activation of the hidden layers"})
    cost: Literal["auto", "quadratic", "softmax_log_loss"] = field(
        default="auto", metadata={"help": "auto: softmax log loss (32) for labels, quadratic (9) for numbers"}
    )
    method: MethodName = field(
        default="adam", metadata={"help": "a stochastic rule, or a deterministic method; lm minimises the quadratic cost"}
    )
    rate: float = field(default=0.01, metadata={"help": "learning rate eta of the stochastic rules and of descent (12)"})
    batch: int = field(default=16, metadata={"help": "points per step of the stochastic rules, at most all"})
    epochs: int = field(default=500, metadata={"help": "passes through the table, or iterations of a deterministic method"})
    held_out: float = field(default=0.2, metadata={"help": "share of the rows that is held out; 0 for none"})
    patience: int = field(default=30, metadata={"help": "stop after so many epochs without a lower held-out cost; 0: never"})
    penalty: float = field(default=0.0, metadata={"help": "lambda of (33), on the squared weights"})
    seed: int = field(default=0, metadata={"help": "where the random numbers start: split, start and order"})
    standardise: bool = field(default=True, metadata={"help": "scale columns to mean 0 and deviation 1, kept in the run"})
    header: Header = field(default="auto", metadata={"help": "whether row 1 names the columns"})
    separator: Separator = field(default="auto", metadata={"help": "what stands between the cells"})
    decimal: Decimal = field(default="auto", metadata={"help": "the decimal mark of the numbers"})
    thousands: Thousands = field(default="none", metadata={"help": "what groups the digits of the numbers by three"})
    comments: Comments = field(default="auto", metadata={"help": "whether lines that begin with # are left out"})
    encoding: str = field(default="auto", metadata={"help": "utf-8, cp1252, ...; auto: UTF-8, or what a byte order mark says"})
    missing: Missing = field(
        default="refuse",
        metadata={"help": "rows with missing values (empty, ?, NA, null, -, ...): refuse or drop them; keep takes them for labels"},
    )
    engine: EngineName = field(default="auto", metadata={"help": "who does the arithmetic"})

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", Path(self.table))
        if self.target == () and self.table.suffix.lower() == ".mat":
            object.__setattr__(self, "target", ("y",))
        for name, least in (("batch", 1), ("epochs", 1), ("patience", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, but it is {getattr(self, name)}")
        if not (np.isfinite(self.rate) and self.rate > 0.0):
            raise ValueError(f"the rate must be a finite number above 0, but it is {self.rate}")
        chosen_from(MethodName, self.method, "method")
        chosen_from(Missing, self.missing, "treatment of missing values")
        if self.method == "lm" and self.cost == "softmax_log_loss":
            raise ValueError("lm needs a sum of squares: say --cost quadratic, or choose another method")

    # -- what is made from the fields ------------------------------------------------------------------------------

    @cached_property
    def cells(self) -> Table:
        """The table as it was read."""
        return open_table(self.table, self.reading)

    @property
    def reading(self) -> Reading:
        """How the table is to be read."""
        return Reading(**{name: getattr(self, name) for name in Reading._fields})

    @cached_property
    def prepared(self) -> Prepared:
        """The table made ready; see `netbp.experiments.preparation`."""
        rng = np.random.default_rng([self.seed, 1])
        outputs = given[-1] if len(given := self._widths()) > 2 else None
        settings = (self.target, self.drop, self.task, outputs, self.held_out, self.standardise)
        return prepare(self.cells, *settings, rng, self.missing)

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """The network's widths n_1, ..., n_L, checked against the table. Raises ValueError when they do not fit."""
        columns, given = self.prepared.columns, self._widths()
        inputs, outputs = len(columns.inputs), columns.outputs
        if (given[0], given[-1]) != (inputs, outputs) or len(given) == 1:
            if len(given) < 3:
                return (inputs, *given, outputs)
            needed = "-".join(str(n) for n in (inputs, *given[1:-1], outputs))
            what = counted(outputs, "category" if columns.classes else "target")
            raise ValueError(
                f"the network {self.network} has {counted(given[0], 'input')} and {counted(given[-1], 'output')}, but "
                f"{self.cells.source} has {counted(inputs, 'input column')} and {what}: say --network {needed}, or only the hidden "
                "layers"
            )
        return given

    def problem(self) -> Problem:
        """The cost of the training part, with the held-out part beside it."""
        least_squares = (
            not self.prepared.columns.classes or self.cost == "quadratic" or (self.method == "lm" and self.cost == "auto")
        )
        if not self.prepared.columns.classes and self.cost == "softmax_log_loss":
            raise ValueError("the softmax log loss needs labels, but the target is a number: say --task classification")
        hidden = chosen(activations, ActivationName, self.activation, "activation")
        labelled = bool(self.prepared.columns.classes) and least_squares
        last = activations.sigmoid if labelled else activations.identity
        network = Network.dense(*self.sizes, activation=[*[hidden] * (len(self.sizes) - 2), last])
        cost = costs.quadratic if least_squares else costs.softmax_log_loss
        return Problem(network, cost, self.prepared.train, self.prepared.held_out, self.penalty, engine_of(self.engine))

    def trainer(self) -> Any:
        """The method of that name, with these settings."""
        if self.method in get_args(RuleName):
            batch = min(self.batch, len(np.asarray(self.prepared.train.x)))
            return StochasticGradient(rule_of(self.method), self.rate, batch, "epochs")
        if self.method == "descent":
            return SteepestDescent(self.rate)
        if self.method == "lm":
            return LevenbergMarquardt(iterations=self.epochs)
        return SCIPYS[self.method]()

    def steps(self) -> int:
        """How many steps `epochs` are."""
        if self.method not in get_args(RuleName):
            return self.epochs
        points = len(np.asarray(self.prepared.train.x))
        return self.epochs * -(-points // min(self.batch, points))

    # -- the run ---------------------------------------------------------------------------------------------------

    def run(self, progress: Any = None, save: Any = None, resume: Any = None) -> Run:
        """Train, and keep with the run what `predict` needs: the columns' names, how the table is written, the standardisation."""
        from netbp.run import train
        from netbp.stopping import no_improvement

        problem, prepared, rng = self.problem(), self.prepared, np.random.default_rng(self.seed)
        deviation = he if self.activation in ("relu", "leaky_relu") else glorot
        kept = {"x_mean": prepared.x.mean, "x_deviation": prepared.x.deviation}
        told = {"columns": prepared.columns._asdict(), "reading": prepared.reading._asdict(), "table_sha256": prepared.digest}
        return train(
            problem,
            self.trainer(),
            self.steps(),
            start=None if resume is not None else problem.network.draw(rng, deviation),
            rng=rng,
            until=no_improvement(self.patience) if self.patience and problem.held_out is not None else None,
            save=save,
            resume=resume,
            settings=settings_of(self) | told,
            arrays=kept | {"y_mean": prepared.y.mean, "y_deviation": prepared.y.deviation},
            progress=progress,
        )

    def draw(self, run: Run) -> Any:
        """The costs of the training and the held-out part; a Figure."""
        from netbp.figures import draw_costs, house_style, new_figure

        with house_style():
            figure, ax = new_figure()
            draw_costs(ax, run, points=len(run.costs))
        return figure

    def _widths(self) -> tuple[int, ...]:
        if self.network.isdecimal():
            return (int(self.network),)
        return widths(self.network)


def chosen_from(names: Any, name: str, what: str) -> None:
    """Refuse a name that is none of a Literal's."""
    if name not in get_args(names):
        raise ValueError(f"the {what} can be {', '.join(get_args(names))}, but {name!r} was asked for")
