"""The stochastic gradient method for a dense network of any size: gather a batch, two passes, and the rule row by row.

A layer's gradient is formed a few rows at a time and handed to the rule while it is still in the cache, unless BLAS forms it whole
or the batch takes several blocks.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit, types
from numba.core.errors import NumbaError

from netbp.engines import Advanced, Choices, Memory, Update
from netbp.engines.compiled.cache import kept
from netbp.engines.compiled.codes import ADAGRAD, ADAM, MOMENTUM, NESTEROV, OWN, RMSPROP, Function, padded, rule_code
from netbp.engines.compiled.formulas import move, own_move, with_globals
from netbp.engines.compiled.layerwise import OWN_LAYER, add_outer, add_rows, by_blas, costs_of, quick
from netbp.engines.compiled.plan import BIASES, IN, OUT, WEIGHTS, plain
from netbp.engines.compiled.small import checked
from netbp.engines.compiled.wide import (
    MATRIX,
    NUMBER,
    TABLE,
    VECTOR,
    WHOLE,
    backward_block,
    errors,
    forward_block,
    layer,
    mean_cost,
    mean_gradient,
    nodes,
    squared_weights,
)
from netbp.rules import Rule
from netbp.types import Array, Indices, Matrix, Vector

if TYPE_CHECKING:
    from netbp.engines.compiled.bound import BoundCompiled

INDICES, INDEX_ROWS = types.int64[::1], types.int64[:, ::1]
SWEEP = types.FunctionType(types.void(VECTOR, VECTOR, VECTOR, VECTOR, NUMBER, VECTOR, NUMBER, VECTOR))
TILE = 4096
"""How many entries of a gradient are formed before the rule takes them: 32 KiB."""

USES_U = (MOMENTUM, NESTEROV, ADAM, OWN)
USES_V = (ADAGRAD, RMSPROP, ADAM, OWN)


@quick
def constants_of(c: Vector) -> tuple[float, ...]:
    """A built-in rule's three constants."""
    return c[0], c[1], c[2]


@cache
def sweep_of(code: int, own_rule: Rule | None, own_constants: tuple[float, ...]) -> Function:
    """A rule for a stretch of p: `sweep(p, g, u, v, eta, multiplier, t, constants)`; an empty multiplier is 1.

    Raises ValueError when Numba cannot compile a user's own rule.
    """
    uses_u, uses_v = code in USES_U, code in USES_V

    def sweep(p: Vector, g: Vector, u: Vector, v: Vector, eta: float, multiplier: Vector, t: float, c: Vector) -> None:
        constants = constants_of(c)
        scaled = multiplier.size > 0
        for i in range(p.size):
            rate = eta * multiplier[i] if scaled else eta
            p[i], u_new, v_new = move(code, p[i], g[i], u[i], v[i], rate, t, constants)
            if uses_u:
                u[i] = u_new
            if uses_v:
                v[i] = v_new

    if own_rule is None:
        built_in: Function = kept(SWEEP.signature)(sweep)
        return built_in
    names: dict[str, Function] = {"move": own_move(own_rule), "constants_of": quick(lambda c: own_constants)}
    try:
        compiled: Function = njit(SWEEP.signature, nogil=True, error_model="numpy")(with_globals(sweep, names))
    except (NumbaError, TypeError) as error:
        name = getattr(own_rule, "__name__", repr(own_rule))
        raise ValueError(
            f"the compiled engine cannot compile the rule {name} ({str(error).splitlines()[0]}): write it with operators on "
            "single numbers, or use Problem(..., engine=Reference())"
        ) from error
    return compiled


@quick
def stretch(vector: Vector, first: int, last: int) -> Vector:
    """Entries of a vector that may be empty, standing for all ones or all zeros."""
    return vector[first:last] if vector.size else vector


@quick
def move_stretch(
    state: Any, first: int, last: int, g: Vector, penalty: float, sweep: Any, eta: float, update: Any, t: float
) -> None:
    """The rule for p[first:last], whose gradient without penalty and decay is g."""
    p, u, v = state
    multiplier, decay, constants = update
    own = p[first:last]
    if penalty != 0.0:
        for i in range(g.size):
            g[i] += 2.0 * penalty * own[i]
    if decay.size:
        for i in range(g.size):
            g[i] += decay[first + i] * own[i]
    sweep(own, g, u[first:last], v[first:last], eta, stretch(multiplier, first, last), t, constants)


@quick
def move_layer(
    state: Any,
    below: Matrix,
    delta: Matrix,
    plan: Indices,
    l: int,
    g: Vector,
    penalty: float,
    sweep: Any,
    eta: float,
    update: Any,
    t: float,
) -> None:
    """The rule for W[l], some rows of its transpose at a time, and for b[l]; g is scratch."""
    inputs, outputs, w, b = plan[l, IN], plan[l, OUT], plan[l, WEIGHTS], plan[l, BIASES]
    rows = inputs if by_blas(below.shape[0], inputs, outputs) else max(1, TILE // outputs)
    for j in range(0, inputs, rows):
        last = min(j + rows, inputs)
        G = g[: (last - j) * outputs]
        G[:] = 0.0
        add_outer(below, delta, j, G.reshape((last - j, outputs)))
        move_stretch(state, w + j * outputs, w + last * outputs, G, penalty, sweep, eta, update, t)
    G = g[:outputs]
    G[:] = 0.0
    add_rows(delta, G)
    move_stretch(state, b, b + outputs, G, 0.0, sweep, eta, update, t)


@quick
def step_of_one_block(
    state: Any,
    x: Matrix,
    y: Matrix,
    shares: Vector,
    network: Any,
    cost: int,
    penalty: float,
    scratch: Any,
    sweep: Any,
    eta: float,
    update: Any,
    t: float,
    asked: bool,
) -> float:
    """One step on a batch that fits one block; the batch's mean cost before it, where asked for."""
    p, (plan, own), (z, a, d, g) = state[0], network, scratch
    m, top, mean = x.shape[0], plan.shape[0] - 1, 0.0
    forward_block(p, x, plan, own, z, a)
    A, error = layer(a, plan, top, m), layer(d, plan, top, m)
    if asked:
        mean = costs_of(cost, A, y, shares) / m + penalty * squared_weights(p, plan)
    errors(cost, A, y, shares, error)
    for i in range(m):
        for k in range(A.shape[1]):
            error[i, k] /= m
    backward_block(p, m, plan, own, z, a, d)
    below = x
    for l in range(plan.shape[0]):  # every delta is made of the old weights: only now may they move
        move_layer(state, below, layer(d, plan, l, m), plan, l, g, penalty, sweep, eta, update, t)
        below = layer(a, plan, l, m)
    return mean


@quick
def gather(rows: Indices, x: Matrix, y: Matrix, shares: Vector, batch: Any) -> None:
    """The batch's points, copied together."""
    xs, ys, cs = batch
    for i in range(rows.size):
        xs[i] = x[rows[i]]
        ys[i] = y[rows[i]]
        cs[i] = shares[rows[i]]


@cache
def advance_kernel() -> Function:
    """The loop over networks and steps."""
    arguments = (MATRIX, MATRIX, MATRIX, WHOLE, INDEX_ROWS, INDICES, types.boolean, VECTOR)
    objective = (MATRIX, MATRIX, VECTOR, TABLE, OWN_LAYER, WHOLE, WHOLE, NUMBER)

    @kept(types.void(*arguments, *objective, SWEEP, VECTOR, VECTOR, VECTOR, WHOLE, MATRIX, MATRIX))
    def kernel(
        ps: Matrix,
        us: Matrix,
        vs: Matrix,
        t: int,
        indices: Indices,
        offsets: Indices,
        full: bool,
        rates: Vector,
        x: Matrix,
        y: Matrix,
        shares: Vector,
        plan: Indices,
        own: Any,
        block: int,
        cost: int,
        penalty: float,
        sweep: Any,
        constants: Vector,
        multiplier: Vector,
        decay: Vector,
        record: int,
        costs: Matrix,
        batch_costs: Matrix,
    ) -> None:
        longest = 1
        for k in range(0 if full else rates.size):
            longest = max(longest, offsets[k + 1] - offsets[k])
        points = max(longest, x.shape[0] if full or record else 1)
        size = min(block, points) * nodes(plan)
        scratch = (np.empty(size), np.empty(size), np.empty(size), np.empty(ps.shape[1]))
        z, a, d, g = scratch
        batch = (np.empty((longest, x.shape[1])), np.empty((longest, y.shape[1])), np.empty(longest))
        update, network, asked = (multiplier, decay, constants), (plan, own), batch_costs.shape[0] > 0
        for n in range(ps.shape[0]):
            state = (ps[n], us[n], vs[n])
            for k in range(rates.size):
                xs, ys, cs = x, y, shares
                if not full:
                    rows = indices[n, offsets[k] : offsets[k + 1]]
                    gather(rows, x, y, shares, batch)
                    xs, ys, cs = batch[0][: rows.size], batch[1][: rows.size], batch[2][: rows.size]
                now = float(t + k + 1)
                if xs.shape[0] <= block:
                    mean = step_of_one_block(
                        state, xs, ys, cs, network, cost, penalty, scratch, sweep, rates[k], update, now, asked
                    )
                else:
                    mean = mean_gradient(ps[n], xs, ys, cs, plan, own, cost, penalty, block, z, a, d, g)
                    move_stretch(state, 0, g.size, g, 0.0, sweep, rates[k], update, now)
                if asked:
                    batch_costs[k, n] = mean
                if record and (t + k + 1) % record == 0:
                    costs[(t + k + 1) // record - t // record - 1, n] = mean_cost(
                        ps[n], x, y, shares, plan, own, cost, penalty, block, z, a
                    )

    return kernel


def advance(
    bound: BoundCompiled,
    p: Array,
    memory: Memory,
    t: int,
    choices: Choices,
    update: Update,
    record: int,
    batch_costs: bool,
) -> Advanced:
    """See `netbp.engines.Bound.advance`; M networks move one after the other."""
    q, K, full = bound.prepared, len(choices.rates), choices.indices is None
    state = [np.array(np.atleast_2d(array), dtype=float) for array in (p, memory.u, memory.v)]
    code = rule_code(update.rule)
    indices = np.zeros((1, 0), np.int64) if choices.indices is None else checked(choices.indices, len(q.x))
    sweep = sweep_of(code, update.rule if code == OWN else None, update.constants if code == OWN else ())
    costs = np.empty(((t + K) // record - t // record if record else 0, len(state[0])))
    batches = np.empty((K if batch_costs else 0, len(state[0])))
    nothing = np.empty(0)
    advance_kernel()(
        *state,
        t,
        indices,
        np.require(choices.offsets, np.int64, ["C", "W"]),
        full,
        plain(choices.rates),
        *q,
        sweep,
        np.array(padded(update.constants, code), dtype=float),
        nothing if update.multiplier is None else plain(update.multiplier),
        nothing if update.decay is None else plain(update.decay),
        record,
        costs,
        batches,
    )
    if p.ndim == 1:
        state, costs, batches = [array[0] for array in state], costs[:, 0], batches[:, 0]
    return Advanced(state[0], Memory(state[1], state[2]), costs, batches)
