"""The report: computed in one go, read from its own files, self-contained, and honest about what does not agree."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

import netbp as nb
from netbp.experiments import FIGURES
from netbp.files import NotWrittenError
from netbp.report import computing, numbers, write_report
from netbp.report.evidence import decay, plateau, slope
from netbp.report.page import rendered, seconds, setting, short, typeset
from netbp.report.results import Results
from netbp.run import Run

VOID = {"meta", "img", "link", "br", "hr"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    told = []
    folder = tmp_path_factory.mktemp("paper") / "new" / "paper"
    report = write_report(folder, progress=lambda *what: told.append(what), starts=40)
    return report, folder, told


class Page(HTMLParser):
    """Collects links, pictures and text, and checks that tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.pictures, self.words = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "a":
            self.links.append(values["href"])
        if tag == "img":
            assert values["alt"]
            self.pictures.append(values["src"])

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_every_number_agrees(written):
    report, folder, _ = written
    assert [n["what"] for n in json.loads((folder / "data/numbers.json").read_text()) if not n["passed"]] == []
    assert report.agrees
    assert report.compared > 50
    assert "all agree" in str(report)


def test_figures_runs_and_data_are_there(written):
    _, folder, _ = written
    for n in range(1, 10):
        for kind in ("png", "pdf", "svg"):
            assert (folder / f"figures/figure-{n}.{kind}").stat().st_size > 2000
    for n in (4, 5, 7, 8, 9):
        assert Run.load(folder / f"runs/figure-{n}.npz").settings["experiment"] == FIGURES[n].name
    table = np.loadtxt(folder / "data/costs.csv", delimiter=",", skiprows=1)
    run = Run.load(folder / "runs/figure-7.npz")
    np.testing.assert_array_equal(table[:, 1], 20.0 * run.costs[::10_000])
    assert not list(folder.rglob("*.tmp"))


def test_the_page_is_whole_and_needs_no_network(written):
    report, folder, _ = written
    page = Page(report.page.read_text(encoding="utf-8"))
    assert len(page.pictures) == 10
    assert all(source.startswith("data:image/svg+xml;base64,") for source in page.pictures)
    for link in page.links:
        assert link.startswith("#") or (folder / link).is_file()
    assert f"✓ {report.passed} of {report.compared} numbers agree" in " ".join(page.words)


def test_the_page_follows_its_files(written, tmp_path):
    import shutil

    _, folder, _ = written
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    entries = json.loads((copy / "data/numbers.json").read_text())
    entries[0] |= {"ours": "4711.25", "passed": False}
    (copy / "data/numbers.json").write_text(json.dumps(entries))
    text = rendered(copy)
    assert "4711.25" in text
    assert "✗ fail" in text
    assert f"✗ {len(entries) - 1} of {len(entries)} numbers agree" in text
    assert "✗ fail" not in rendered(folder)


def test_numbers_are_read_from_the_files_and_can_fail(written, tmp_path):
    import shutil

    _, folder, _ = written
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    run = Run.load(copy / "runs/figure-7.npz")
    replace(run, initial_cost=1.02 * run.initial_cost, final_cost=1.01 * run.final_cost).save(copy / "runs/figure-7.npz")
    failed = {n.what for n in numbers.compared(Results(copy)) if not n.passed}
    assert failed == {"cost of the initial guess", "cost after 1e6 steps", "cost after step 0"}


def test_progress_counts_to_its_end(written):
    _, _, told = written
    total = told[0][1]
    assert [done for done, _, _ in told] == list(range(total + 1))
    assert {count for _, count, _ in told} == {total}
    assert all(what for _, _, what in told)


@pytest.mark.parametrize(
    ("paper", "ours", "passed"),
    [("5.3", 5.349, True), ("5.3", 5.251, True), ("5.3", 5.351, False), ("7.3e-4", 7.349e-4, True), ("7.3e-4", 7.24e-4, False)],
)
def test_printed_digits_allow_half_a_unit_of_the_last(paper, ours, passed):
    assert numbers.rounded(6, "cost", paper, ours).passed is passed


def test_slopes_of_a_power_law_are_its_exponent():
    squares = 5.0 * np.arange(1.0, 1_000_001.0) ** -1.5
    assert slope(squares, 100, 1000) == pytest.approx(-1.5, rel=1e-13)
    found = decay(squares)
    assert [w["slope"] for w in found["windows"]] == pytest.approx([-1.5] * 3, rel=1e-12)
    assert found["windows"][0]["per_step"] > found["windows"][2]["per_step"]
    assert plateau(squares)["during"] == pytest.approx(5**1.5)


def test_a_report_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWrittenError, match="another folder"):
        write_report(tmp_path / "file")
    with pytest.raises(ValueError, match="at least 2 starts"):
        write_report(tmp_path, starts=1)


def test_an_interrupted_run_ends_the_report():
    run = nb.train(FIGURES[7].problem(), FIGURES[7].method(), 0)
    assert computing.finished(run) is run
    with pytest.raises(KeyboardInterrupt):
        computing.finished(replace(run, status="interrupted"))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("7.3e-4", "7.3 × 10<sup>−4</sup>"),
        ("1e-06 at most", "10<sup>−6</sup> at most"),
        ("1.5e+07", "1.5 × 10<sup>7</sup>"),
        ("figure 6", "figure 6"),
        ("a < b", "a &lt; b"),
        ("0.61e", "0.61e"),
        ("w_43^[3]", "<i>w</i><sub>43</sub><sup>[3]</sup>"),
        ("shape of W[2]", "shape of <i>W</i><sup>[2]</sup>"),
    ],
)
def test_powers_and_indices_are_typeset(text, html):
    assert typeset(text) == html.replace(" × ", "\u00a0×\u00a0")


def test_formats():
    assert (seconds(0.012), seconds(1.234), seconds(1620.0)) == ("12 ms", "1.23 s", "27.0 min")
    assert (setting(1_000_000), setting(""), setting(0.05), setting(None)) == ("1,000,000", "–", "0.05", "–")
    assert (short(1.76936), short(-0.5), short(7.3035e-4)) == ("1.77", "−0.5", "7.30\u00a0×\u00a010<sup>−4</sup>")
