"""Laws of the spectrum of a sample: all points have no error, a sample brackets them in the mean, by the error that it states."""

from __future__ import annotations

import numpy as np
import pytest

import netbp as nb
from netbp.analysis.operators import hessian
from netbp.analysis.sampled import restricted, sampled_spectrum
from netbp.engines.compiled import Compiled
from netbp.engines.reference import Reference
from netbp.experiments import SpectrumExperiment, StochasticExperiment
from netbp.figures import encoded

N = 200


def problem_of(weight=None, penalty=0.0, engine=None):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((N, 2))
    y = np.eye(2)[(np.sin(2 * x[:, 0]) + x[:, 1] > 0.3 * rng.standard_normal(N)).astype(int)]
    network = nb.Network.dense(2, 4, 2, activation=[nb.tanh, nb.identity])
    return nb.Problem(network, nb.softmax_log_loss, nb.Data(x, y, weight), penalty=penalty, engine=engine)


WEIGHTS = {"alike": None, "weighted": np.where(np.arange(N) % 5 == 0, 0.0, 1.0 + np.arange(N) / N)}
ENGINES = {
    "reference": Reference(),
    "compiled": Compiled(),
    "float32": nb.Tensor(),
    "float64": nb.Tensor(precision="float64"),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("weight", WEIGHTS)
def test_all_points_have_no_error_and_their_own_eigenvalues(engine, weight):
    problem = problem_of(WEIGHTS[weight], 0.3, ENGINES[engine])
    p = problem.network.draw(0)
    exact = np.linalg.eigvalsh(hessian(problem.on(Reference()), p).dense())
    found = sampled_spectrum(problem, p, points=N)
    rounding = 1e-13 if engine != "float32" else 1e-6
    for at, value in ((found.lowest, exact[0]), (found.highest, exact[-1])):
        assert abs(at.value - value) <= at.within + rounding * exact[-1]
        assert (at.error, at.others, at.others_error) == (0.0, at.value, 0.0)
        assert at.within <= 100 * rounding * exact[-1]
    assert (found.unseen, found.sample) == (0, np.count_nonzero(WEIGHTS[weight]) if weight == "weighted" else N)
    assert found.cost == pytest.approx(problem.value(p), rel=1e-6)
    assert found.stability_limit == pytest.approx(2 / exact[-1], rel=1e-6)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_a_sample_brackets_all_points_in_the_mean_and_states_its_error(weight):
    problem = problem_of(WEIGHTS[weight], 0.3)
    p = problem.network.draw(0)
    exact = np.linalg.eigvalsh(hessian(problem, p).dense())[[0, -1]]
    found = [sampled_spectrum(problem, p, points=40, products=22, groups=10, rng=seed) for seed in range(80)]
    for k, end, sign in ((0, "lowest", -1.0), (1, "highest", 1.0)):
        ends = [getattr(one, end) for one in found]
        values, others = np.array([at.value for at in ends]), np.array([at.others for at in ends])
        noise = values.std() / np.sqrt(len(found))
        assert sign * (values.mean() - exact[k]) > -3 * noise
        assert sign * (others.mean() - exact[k]) < 3 * others.std() / np.sqrt(len(found))
        # Standard errors from ten groups, to first order: right to a third in the mean.
        assert np.sqrt(np.mean([at.error**2 for at in ends])) == pytest.approx(values.std(), rel=0.33)
        assert np.sqrt(np.mean([at.others_error**2 for at in ends])) == pytest.approx(others.std(), rel=0.33)


def test_what_the_sample_leaves_is_known_exactly_when_all_others_are_tried():
    problem = problem_of()
    p = problem.network.draw(0)
    H = hessian(problem, p).dense()
    found = sampled_spectrum(problem, p, points=N // 2)
    assert found.unseen == N // 2
    for at, v in zip((found.lowest, found.highest), found.vectors.T, strict=True):
        assert at.others == pytest.approx(v @ H @ v, rel=1e-12, abs=1e-14)
        assert at.others_error == 0.0


def test_the_same_rng_gives_the_same_sample_and_parts_of_a_problem_add_up():
    problem = problem_of(WEIGHTS["weighted"], 0.3)
    p = problem.network.draw(0)
    one, other = (sampled_spectrum(problem, p, points=30, rng=5) for _ in range(2))
    assert np.array_equal(one.indices, other.indices)
    assert (one.lowest, one.highest) == (other.lowest, other.highest)
    weight, half = WEIGHTS["weighted"], N // 2
    parts = [restricted(problem, np.arange(N)[part]) for part in (slice(None, half), slice(half, None))]
    shares = [weight[:half].sum() / weight.sum(), weight[half:].sum() / weight.sum()]
    assert sum(share * part.value(p) for share, part in zip(shares, parts, strict=True)) == pytest.approx(problem.value(p))


def test_it_is_a_table_a_frame_and_refuses_what_has_no_error():
    problem = problem_of()
    p = problem.network.draw(0)
    found = sampled_spectrum(problem, p, points=50)
    assert "50 of 200 points, v tried on 50 others" in str(found)
    assert "all 200 points" in str(sampled_spectrum(problem, p))
    assert list(found.frame().end) == ["lowest", "highest"]
    told = []
    sampled_spectrum(problem, p, points=50, products=6, progress=lambda *at: told.append(at[:2]))
    assert told == [(k, 10) for k in range(6)]
    with pytest.raises(ValueError, match="at least 2 points, 2 groups and 2 products, but got 1, 20 and 50"):
        sampled_spectrum(problem, p, points=1)


def test_the_experiment_takes_a_saved_run(tmp_path):
    saved = tmp_path / "run.npz"
    StochasticExperiment(steps=50).run(save=saved)
    experiment = SpectrumExperiment(saved=saved, sample=6, probes=2, degree=4)
    result = experiment.run()
    run = nb.Run.load(saved)
    assert result.ends.N == 10
    assert result.ends.sample == 6
    problem, p = experiment.place()
    assert np.array_equal(p, run.p)
    assert problem.value(p) == pytest.approx(run.final_cost)
    assert "above 1 % of the largest" in str(result)
    assert encoded(experiment.draw(result), "png").startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="at least 2"):
        SpectrumExperiment(probes=1)
