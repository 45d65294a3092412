"""The compiled engine's own promises: the golden values, bits that do not depend on lanes or chunks, a user's own functions."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import netbp as nb
from netbp.engines import Advanced, Choices, Memory, Update
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from netbp.rules import constants_of

EPS = np.finfo(float).eps
PACKAGE = Path(nb.__file__).parent
LISTING = nb.Network.dense(2, 2, 3, 2)
MIXED = nb.Network.dense(2, 3, 4, 2, activation=[nb.relu, nb.tanh, nb.identity])
RULES = [nb.sgd, nb.momentum, nb.nesterov, nb.adagrad, nb.rmsprop, nb.adam]

# 20 times Cost (9) after some steps of Listing 6.1; test_precision.py has the one after 1,000 steps from 80 bits, too.
GOLDEN = {
    1: 5.32431031504514,
    10: 5.29368084387954,
    100: 5.1169224518665,
    1000: 4.98551007566451,
    10_000: 4.76870600040045,
    50_000: 2.58072371363422,
    100_000: 2.30693206943568,
    500_000: 0.00196291012852032,
    1_000_000: 0.000730353650528239,
}


def softplus(z):
    return np.log(1.0 + np.exp(z))


def softplus_slope(z, a):
    return 1.0 / (1.0 + np.exp(-z))


def softplus_curvature(z, a):
    return np.exp(-z) / (1.0 + np.exp(-z)) ** 2


OWN = nb.Activation("softplus", softplus, softplus_slope, softplus_curvature)


def own_rule(p, g, u, v, eta, t, damping=0.5):
    u = damping * u + g
    return p - eta * u / t, u, v


def problem(network, cost=nb.quadratic, general=False):
    """The ten points, with point weights and a penalty where `general`."""
    data = nb.data.ten_points()
    weight = np.linspace(0.5, 2.0, 10) if general else None
    return nb.Problem(network, cost, nb.Data(data.x, data.y, weight), penalty=0.1 if general else 0.0, engine=Compiled())


def update(rule, size, general=False):
    rng = np.random.default_rng(5)
    extras = (rng.uniform(0.5, 1.0, size), rng.uniform(0.0, 0.1, size)) if general else (None, None)
    return Update(rule, constants_of(rule), *extras)


def choices(networks, batches, seed=0):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(batches)])
    indices = rng.integers(10, size=(networks, offsets[-1]))
    return Choices(indices, offsets, rng.uniform(0.01, 0.1, len(batches)))


def start(networks, size):
    p = np.random.default_rng(7).normal(size=(networks, size))
    return p, Memory(np.zeros_like(p), np.zeros_like(p))


def alone(bound, m, p, memory, t, chosen, *rest):
    """Network m of an ensemble, alone."""
    indices = None if chosen.indices is None else chosen.indices[m]
    return bound.advance(p[m], Memory(memory.u[m], memory.v[m]), t, chosen._replace(indices=indices), *rest)


def parts(advanced):
    return advanced.p, *advanced.memory[:2], advanced.costs, advanced.batch_costs


def assert_same_bits(found: Advanced, wanted: Advanced):
    for a, b in zip(parts(found), parts(wanted), strict=True):
        np.testing.assert_array_equal(a, b)


def test_golden_values():
    rng = nb.MatlabRandom(5000)
    p = LISTING.draw(rng)
    K = 1_000_000
    chosen = Choices(rng.integers(10, size=K), np.arange(K + 1), np.full(K, 0.05))
    done = problem(LISTING).bound.advance(p, Memory(0 * p, 0 * p), 0, chosen, Update(nb.sgd), record=1)
    steps = np.array(list(GOLDEN))
    # 1e-11 is promised; the outcome of a million steps is itself firm to about 1e-13.
    np.testing.assert_allclose(20 * done.costs[steps - 1], list(GOLDEN.values()), rtol=1e-11)
    path = Path(__file__).parent / "data" / "netbp_costs.csv"
    with path.open() as file:
        rows = [row for row in csv.reader(file) if row and row[0].strip().isdigit()]
    assert len(rows) == 100
    at, wanted = np.array([int(row[0]) for row in rows]), np.array([float(row[1]) for row in rows])
    np.testing.assert_allclose(20 * done.costs[at - 1], wanted, rtol=1e-11)


BATCHES = {"one": [1] * 9, "ragged": [1, 3, 2, 1, 4, 1, 1, 2, 3], "all points": None}


CASES = [(rule, "ragged") for rule in RULES] + [(rule, batches) for rule in (nb.sgd, nb.adam) for batches in ("one", "all points")]


@pytest.mark.parametrize(("rule", "batches"), CASES, ids=lambda value: getattr(value, "__name__", value))
def test_ensembles_and_chunks_change_no_bit(rule, batches):
    bound, t = problem(LISTING).bound, 11
    networks = 3  # padded to a pack of eight
    p, memory = start(networks, LISTING.size)
    every = Choices(None, 10 * np.arange(10), np.full(9, 0.1))
    chosen = every if BATCHES[batches] is None else choices(networks, BATCHES[batches])
    rest = (update(rule, LISTING.size), 2, True)
    together = bound.advance(p, memory, t, chosen, *rest)
    single = [alone(bound, m, p, memory, t, chosen, *rest) for m in range(networks)]
    for m in range(networks):
        for a, b in zip(parts(together)[:3], parts(single[m])[:3], strict=True):
            np.testing.assert_array_equal(a[m], b)
        for a, b in zip(parts(together)[3:], parts(single[m])[3:], strict=True):
            np.testing.assert_array_equal(a[:, m], b)
    cut = 1  # so that the first call has only batches of one point, which have a kernel of their own
    first = bound.advance(p, memory, t, chosen._replace(offsets=chosen.offsets[: cut + 1], rates=chosen.rates[:cut]), *rest)
    tail = chosen._replace(offsets=chosen.offsets[cut:], rates=chosen.rates[cut:])
    second = bound.advance(first.p, first.memory, t + cut, tail, *rest)
    joined = second._replace(
        costs=np.concatenate([first.costs, second.costs]),
        batch_costs=np.concatenate([first.batch_costs, second.batch_costs]),
    )
    assert_same_bits(joined, together)


@pytest.mark.parametrize("network", [LISTING, MIXED], ids=["listing", "mixed"])
@pytest.mark.parametrize("cost", [nb.quadratic, nb.softmax_log_loss], ids=repr)
def test_weights_penalty_multipliers_and_decay_agree_with_the_reference(network, cost):
    networks = 3
    p, memory = start(networks, network.size)
    chosen = choices(networks, BATCHES["ragged"])
    rest = (update(nb.adam, network.size, general=True), 3, True)
    general = problem(network, cost, general=True)
    found = general.bound.advance(p, memory, 4, chosen, *rest)
    wanted = general.on(Reference()).bound.advance(p, memory, 4, chosen, *rest)
    for a, b in zip(parts(found), parts(wanted), strict=True):
        # nine steps of adam, which divides by the root of a gradient's square: some hundred roundings
        np.testing.assert_allclose(a, b, rtol=1e4 * EPS, atol=1e4 * EPS)


def test_many_networks_fill_packs_and_leave_rests():
    bound, networks = problem(LISTING).bound, 21  # a pack of sixteen, and five networks in the next
    p, memory = start(networks, LISTING.size)
    chosen = choices(networks, [1] * 5)
    rest = (update(nb.sgd, LISTING.size), 1, False)
    together = bound.advance(p, memory, 0, chosen, *rest)
    for m in (0, 15, 16, 20):
        np.testing.assert_array_equal(together.p[m], alone(bound, m, p, memory, 0, chosen, *rest).p)


def test_what_is_given_is_not_changed():
    p, memory = start(1, LISTING.size)
    given = p.copy()
    for array in (p, memory.u, memory.v):
        array.flags.writeable = False
    chosen = choices(1, [1] * 5)
    chosen.indices.flags.writeable = False
    problem(LISTING).bound.advance(p, memory, 0, chosen, Update(nb.momentum, (0.9,)))
    np.testing.assert_array_equal(p, given)
    np.testing.assert_array_equal(memory.u, 0.0)


def test_a_point_that_is_none_is_refused():
    p, memory = start(1, LISTING.size)
    with pytest.raises(IndexError, match="points 0 to 9"):
        problem(LISTING).bound.advance(p, memory, 0, Choices(np.array([[10]]), np.arange(2), np.ones(1)), Update(nb.sgd))


@pytest.mark.parametrize("networks", [1, 3])
def test_own_rule_and_own_activation(networks):
    network = nb.Network.dense(2, 3, 2, activation=[OWN, nb.sigmoid])
    p, memory = start(networks, network.size)
    chosen = choices(networks, [1] * 6)
    rest = (update(own_rule, network.size), 2, True)
    compiled = problem(network)
    found = compiled.bound.advance(p, memory, 0, chosen, *rest)
    wanted = compiled.on(Reference()).bound.advance(p, memory, 0, chosen, *rest)
    for a, b in zip(parts(found), parts(wanted), strict=True):
        np.testing.assert_allclose(a, b, rtol=100 * EPS, atol=100 * EPS)  # six steps of a few dozen roundings


def test_an_own_rule_that_cannot_be_compiled_is_explained():
    def reads_a_file(p, g, u, v, eta, t):
        return p - float(Path("rate").read_text()) * g, u, v

    p, memory = start(1, LISTING.size)
    with pytest.raises(ValueError, match=r"reads_a_file.*reference engine"):
        problem(LISTING).bound.advance(p, memory, 0, choices(1, [1]), Update(reads_a_file))


RUN = """
import numpy as np
import netbp as nb
from netbp.engines import Choices, Memory, Update
network = nb.Network.dense(2, 2)
p = np.full(network.size, 0.25)
bound = nb.Problem(network, nb.quadratic, nb.data.ten_points()).bound
done = bound.advance(p, Memory(0 * p, 0 * p), 0, Choices(np.array([3]), np.arange(2), np.ones(1)), Update(nb.sgd))
print(float(done.p[0]))
"""


def test_an_edited_rule_is_compiled_anew(tmp_path):
    copy = tmp_path / "netbp"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    rules = copy / "rules.py"

    def first_entry():
        out = subprocess.run([sys.executable, "-c", RUN], env=environment, check=True, capture_output=True, text=True, cwd=tmp_path)
        return float(out.stdout)

    before = first_entry()
    kept = sorted((tmp_path / "cache" / "netbp").iterdir())
    assert kept
    assert first_entry() == before
    assert sorted((tmp_path / "cache" / "netbp").iterdir()) == kept  # the second process compiled nothing
    text = rules.read_text()
    assert text.count("return p - eta * g, u, v") == 1
    rules.write_text(text.replace("return p - eta * g, u, v", "return p - 2.0 * (eta * g), u, v"))
    after = first_entry()
    assert after - 0.25 == pytest.approx(2.0 * (before - 0.25), rel=1e-12)
    assert before != 0.25


def test_exp_sigmoid_and_tanh_to_the_last_bits():
    from numba import njit

    from netbp.engines.compiled import formulas

    def over(function):
        @njit
        def loop(x, out):
            for i in range(len(x)):
                out[i] = function(x[i])

        return loop

    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-700.0, 709.0, 5000), rng.normal(size=5000), 10.0 ** rng.uniform(-300, 0, 500)])
    exact = x.astype(np.longdouble)
    ends = np.array([-np.inf, -1e300, -800.0, 800.0, 1e300, np.inf, np.nan])
    cases = [
        (formulas.exp, np.exp(exact), 1.0, [0.0, 0.0, 0.0, np.inf, np.inf, np.inf, np.nan]),
        (formulas.sigmoid, 1.0 / (1.0 + np.exp(-exact)), 2.0, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, np.nan]),
        (formulas.tanh, np.tanh(exact), 3.0, [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0, np.nan]),
    ]
    for function, wanted, ulps, limits in cases:
        found, loop = np.empty_like(x), over(function)
        loop(x, found)
        assert np.max(np.abs(found - wanted) / np.spacing(np.abs(wanted).astype(float))) <= ulps
        at_the_ends = np.empty_like(ends)
        loop(ends, at_the_ends)
        np.testing.assert_array_equal(at_the_ends, limits)


def test_a_small_network_does_not_load_scipy():
    code = (
        "import sys, netbp as nb\n"
        "problem = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())\n"
        "nb.train(problem, nb.StochasticGradient(), 10, record=1)\n"
        "before = 'scipy.linalg' in sys.modules\n"
        "wide = nb.Problem(nb.Network.dense(2, 50, 2), nb.quadratic, nb.data.ten_points())\n"
        "wide.value(wide.network.draw(0))\n"
        "print(before, 'scipy.linalg' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)  # which compiles what is not yet on disk
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.split() == ["False", "True"]
