"""Section 7 of the report, from made-up runs: every part is there, and claims that do not hold are said not to."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from made_up import CLASSES, EXPERIMENT, made_up_images, made_up_run
from netbp.cli import main
from netbp.experiments import CifarExperiment
from netbp.report import claims, computing, section7, write_report
from netbp.report.page import rendered
from netbp.report.printed import printed
from netbp.report.results import Results

OVERFITTING = {"cost": [1.5, 0.6, 0.2], "held_out": [1.2, 0.7, 0.9], "top1": [0.5, 0.3, 0.1], "held_out_top1": [0.4, 0.22, 0.2]}
DROPOUT = {"cost": [1.6, 0.9, 0.6], "held_out": [1.3, 0.8, 0.55], "top1": [0.6, 0.4, 0.2], "held_out_top1": [0.4, 0.3, 0.19]}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CifarExperiment, "_all", lambda self: made_up_images())
        folder = tmp_path_factory.mktemp("report")
        runs = made_up_run(curves=OVERFITTING), made_up_run(replace(EXPERIMENT, dropout=True), 2, DROPOUT)
        report = write_report(folder, starts=2, images=runs)
        yield report, folder, runs


def test_everything_of_section_7_is_written(written):
    _, folder, _ = written
    names = [f"figure-{n}" for n in range(10, 16)] + ["filters", "maps", "convolution", "dropout"]
    for name in names:
        for kind in ("png", "pdf", "svg"):
            assert (folder / "figures" / f"{name}.{kind}").stat().st_size > 2000
    for n in (13, 14):
        for kind in ("txt", "csv", "tex"):
            assert "airplane" in (folder / "data" / f"confusion-{n}.{kind}").read_text(encoding="utf-8")
    found = json.loads((folder / "data/section-7.json").read_text())
    assert found["cifar"]["total"] == 40
    assert found["cifar"]["right"] == sum(found["cifar"]["diagonal"])
    assert found["cifar-dropout"]["curves"]["held_out"] == DROPOUT["held_out"]


def test_the_page_has_section_7_beside_the_papers_numbers(written):
    report, _, _ = written
    page = report.page.read_text(encoding="utf-8")
    for part in ("sections 2 to 7", 'id="section-7"', 'id="figure-15"', "81.4 &nbsp;", "netbp figure filters", "Seventy thousand"):
        assert part in page
    assert "5 larger, 1 equal and 4 smaller" in page.replace("\n", " ")
    for name in CLASSES:
        assert f"<td>{name}</td>" in page


def test_numbers_that_made_up_runs_cannot_reach_fail_and_the_others_agree(written):
    report, folder, _ = written
    rows = [row for row in json.loads((folder / "data/numbers.json").read_text()) if row["section"] == 7]
    failed = {row["what"] for row in rows if not row["passed"]}
    assert not report.agrees
    # The made-up runs had 60 and 40 images, batches of 20 and 3 epochs, and classify at random.
    assert {"training images", "test images", "images in a mini-batch, m", "epochs, without and with dropout"} <= failed
    assert "figure 13: test images put into the right category" in failed
    passed = {row["what"] for row in rows} - failed
    for n in range(1, 6):
        assert {f"block {n}: output", f"block {n}: weights"} <= passed
    assert sum(what.startswith(("(29)", "(30)", "(a)", "(b)", "figure 11", "figure 12")) for what in passed) == 7


def test_a_later_report_without_section_7_is_without_it(written, tmp_path):
    import shutil

    _, folder, _ = written
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "data/section-7.json").unlink()
    page = rendered(copy)
    assert 'id="section-7"' not in page
    assert "sections 2 to 6" in page


def numbers(curves_without, curves_dropout):
    values = [{name: list(values) for name, values in curves.items()} for curves in (curves_without, curves_dropout)]
    return {row.what: row.passed for row in claims.curves({"curves": values[0]}, {"curves": values[1]})}


def changed(curves, **other):
    return curves | {name: list(values) for name, values in other.items()}


def test_claims_about_the_curves_hold_for_the_curves_they_describe():
    assert all(numbers(OVERFITTING, DROPOUT).values())


@pytest.mark.parametrize(
    ("without", "dropout", "failing"),
    [
        (changed(OVERFITTING, held_out=[1.2, 0.7, 0.6]), DROPOUT, "figure 11"),
        (OVERFITTING, changed(DROPOUT, top1=[0.6, 0.4, 0.11]), "training error at the end"),
        (OVERFITTING, changed(DROPOUT, held_out_top1=[0.6, 0.4, 0.3]), "validation error at the end"),
        (OVERFITTING, changed(DROPOUT, cost=[1.6, 0.9, 0.5]), "(a) with dropout"),
        (OVERFITTING, changed(DROPOUT, held_out=[0.3, 0.5, 0.45]), "(b) with dropout"),
        (OVERFITTING, changed(DROPOUT, held_out=[0.9, 0.4, 0.45]), "(b) with dropout"),
    ],
)
def test_each_claim_can_fail(without, dropout, failing):
    failed = [what for what, passed in numbers(without, dropout).items() if not passed]
    assert len(failed) == 1
    assert failing in failed[0]


def test_the_papers_own_numbers_would_pass():
    found = [{"right": printed(n).right, "total": printed(n).total} for n in (13, 14)]
    assert [row.passed for row in claims.success(*found)] == [True, True, True]
    assert [row.passed for row in claims.success(*found[::-1])] == [True, False, False]


def test_per_class_rows_and_columns_pair_the_papers_with_ours(written):
    _, folder, _ = written
    table = section7.rows(Results(folder).json("section-7"))
    assert [row["name"] for row in table] == list(CLASSES)
    assert table[0]["cifar recall"][0] == 0.814
    assert table[0]["cifar precision"][0] == pytest.approx(814 / 988)
    assert table[8]["cifar-dropout recall"][0] == 0.915
    assert section7.diagonals(Results(folder).json("section-7"))["paper"] == [5, 1, 4]


def test_runs_of_another_kind_are_refused_before_any_work(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = made_up_run()
    with pytest.raises(ValueError, match="with dropout, but the one given was trained without"):
        section7.tasks(tmp_path, run, run)
    other = replace(run, state=run.state._replace(p=np.zeros(23)), settings={"experiment": "stochastic", "fields": {}})
    with pytest.raises(ValueError, match="a run of stochastic"):
        section7.trained(other, dropout=False)
    run.save("cifar.npz")
    for words, line in {
        "paper --section 7 --cifar cifar.npz --cifar-dropout cifar.npz": "is a run with dropout",
        "paper --section 3": "--section 7 adds section 7",
        "paper --cifar cifar.npz": "say --section 7",
    }.items():
        assert main(words.split()) == 2
        assert line in capsys.readouterr().err
    assert not (tmp_path / "paper").exists()


def test_what_is_not_saved_is_trained_first(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr("netbp.cli.paper.run_experiment", lambda *what: asked.append(what) or 9)
    assert main(["paper", "--section", "7"]) == 9
    assert asked[0] == (CifarExperiment(), None, False)
    (tmp_path / "runs").mkdir()
    stopped = replace(made_up_run(CifarExperiment()), status="interrupted")
    stopped.save(tmp_path / "runs" / "cifar.npz")
    assert main(["paper", "--section", "7", "--resume"]) == 9
    assert asked[1] == (CifarExperiment(), None, True)
    assert "section 7, without dropout, needs a trained network" in capsys.readouterr().err


def test_the_figures_of_sections_2_to_6_are_those_of_the_report_without_section_7(tmp_path):
    names = [what for what, _ in computing.tasks(tmp_path, 2)]
    assert [what for what in names if what.startswith("figure")] == [f"figure {n}" for n in range(1, 10)]
    assert np.array_equal(printed(13).counts.sum(axis=0), np.full(10, 1000))
