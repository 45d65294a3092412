"""The lab's analyses in Chromium: what has to be said at once, the walk, comparisons, many starts, the surface."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

import netbp as nb
from netbp.experiments import PlaneExperiment
from netbp.lab.address import address_of

pytest_plugins = ["lab_pages"]
TEN = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")


def read(text: str) -> float:
    """The number that the page wrote: −1.5, 7.32×10⁻⁴, 10⁻³."""
    plain = text.replace(",", "").translate(RAISED)
    found = re.fullmatch(r"(-?[\d.]+)×10(-?\d+)", plain)
    if found:
        return float(f"{found[1]}e{found[2]}")
    found = re.fullmatch(r"(-?)10(-\d+|\d+)", plain) if "⁻" in text else None
    return float(f"{found[1]}1e{found[2]}") if found else float(plain)


# -- too large a rate ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("activation", "rate"), [("relu,relu,identity", 3.0), ("identity", 3.0)])
def test_a_divergence_names_step_rate_and_weight_and_offers_the_last_finite_state(lab: Any, activation: str, rate: float) -> None:
    experiment = PlaneExperiment(activation=activation, rate=rate, steps=10_000)  # ends before a tenth of the rate diverges
    lab.open(address_of(experiment))
    lab.slide("#speed", 9)
    lab.page.click("#play")
    lab.page.wait_for_selector("#last-finite")
    run = experiment.run()
    assert run.status == "diverged"
    left = run.step + 1  # the run keeps its last finite state
    said = lab.page.text_content("#banners")
    assert re.search(rf"at step {left:,}: with the rate 3, the weight [wb]_\d+\^\[\d\] became", said), said
    shown = lab.frame(lambda: lab.page.click("#last-finite"))
    assert shown.header["step"] == left - 1
    assert np.isfinite(shown.p).all()
    lab.at(left - 1)
    lab.page.click("text=Try the rate 0.3")
    lab.becomes(rate="0.3")
    lab.until("() => !document.getElementById('last-finite')")


def test_sigmoids_saturate_and_the_page_says_how_many(lab: Any) -> None:
    lab.open("rate=100&steps=2000")
    lab.flat_out()
    lab.page.click("#play")
    lab.until("() => /saturated/.test(document.getElementById('banners').textContent)")
    lab.at(2000)
    said = lab.page.text_content("#banners")
    assert re.search(r"^(\d+ %|All neurons) of (layer \d|the neurons) (is|are) saturated: ", said), said
    run = PlaneExperiment(rate=100.0, steps=2000).run()
    assert float(lab.reading("cost")) == pytest.approx(run.final_cost, rel=1e-4)
    assert float(lab.reading("gradient")) == pytest.approx(np.linalg.norm(TEN.gradient(run.p)), rel=1e-2)


# -- back propagation ------------------------------------------------------------------------------------------------------


def numbers(lab: Any, selector: str) -> list[float]:
    return [read(text) for text in lab.page.locator(selector).all_text_contents()]


def test_the_walks_numbers_are_explains(lab: Any) -> None:
    page = lab.page
    shown = lab.to_step(50_000)
    page.keyboard.press("2")
    page.select_option("#walk select", "6")
    page.wait_for_selector("#walk .walk-chip")
    x, y = np.asarray(TEN.data.x)[6], np.asarray(TEN.data.y)[6]
    told = TEN.explain(shown.p, x, y)
    L = 4
    wanted = [[*told.a[0], *y]]
    for l in range(2, L + 1):
        W, b = TEN.network.views(shown.p)[l - 2]
        wanted.append([*np.ravel(W), *told.a[l - 2], *b, *told.z[l - 2]])
        wanted.append([*told.z[l - 2], *told.a[l - 1]])
    seen = []
    for _ in range(page.locator("#walk .walk-chip").count()):
        seen.append(numbers(lab, "#walk .walk-body .matrix mn"))
        page.click('#walk [aria-label="Step on"]')
    for got, want in zip(seen, wanted, strict=False):
        np.testing.assert_allclose(got, want, rtol=2e-3, atol=1e-12)
    # the whole gradient: b then delta, a and W in each of the last steps
    for l, got in zip(range(L, 1, -1), seen[-1 - (L - 1) : -1], strict=True):
        db, dW = told.db[l - 2], told.dW[l - 2]
        np.testing.assert_allclose(got, [*db, *told.delta[l - 2], *told.a[l - 2], *np.ravel(dW)], rtol=2e-3, atol=1e-12)


def test_every_kind_of_entry_agrees_with_its_difference(lab: Any) -> None:
    page = lab.page
    shown = lab.to_step(50_000)
    page.keyboard.press("2")
    page.select_option("#walk select", "2")
    page.click('#walk [aria-label="Last step"]')
    page.click('#walk [aria-label="Step back"]')  # the gradient of layer 2
    told = TEN.explain(shown.p, np.asarray(TEN.data.x)[2], np.asarray(TEN.data.y)[2])
    cells = page.locator("#walk .pickable")
    assert cells.count() == 2 + 4
    for at, derivative in ((1, told.db[0][1]), (2 + 2, told.dW[0][1, 0])):
        before = page.text_content("#walk .walk-check")
        cells.nth(at).click()
        lab.until("(before) => document.querySelector('#walk .walk-check').textContent !== before", before)
        page.wait_for_selector("#walk .walk-agree")
        got = read(page.locator("#walk .walk-check td").first.text_content())
        assert got == pytest.approx(derivative, rel=1e-9)


def test_one_gradient_step_is_taken_and_told(lab: Any) -> None:
    page = lab.page
    shown = lab.to_step(50_000)
    page.keyboard.press("2")
    page.select_option("#walk select", "2")
    page.click('#walk [aria-label="Last step"]')
    page.select_option('#walk [aria-label="Times the rate"]', "100")
    lab.until("() => /Cost of all/.test(document.querySelector('.walk-effect').textContent)")
    said = page.text_content(".walk-effect")
    one = nb.Problem(TEN.network, nb.quadratic, nb.Data(np.asarray(TEN.data.x)[[2]], np.asarray(TEN.data.y)[[2]]))
    after = shown.p - 5.0 * one.gradient(shown.p)
    texts = re.search(r"from (\S+) to (\S+), Cost of all from (\S+) to (\S+)\. ", said).groups()
    wanted = [one.value(shown.p), one.value(after), TEN.value(shown.p), TEN.value(after)]
    assert [read(text) for text in texts] == pytest.approx(wanted, rel=1e-4)


# -- several runs ----------------------------------------------------------------------------------------------------------


def test_a_pinned_run_is_compared_with_the_field_that_was_changed(lab: Any) -> None:
    page = lab.page
    shown = lab.to_step(20_000)
    page.keyboard.press("3")
    page.click("text=Pin this run")
    lab.write("rate", "0.2")
    lab.becomes(changes="20000:0.2")
    page.wait_for_selector("#compare tbody tr:has-text('20000:0.2')")
    rows = [[cell.strip() for cell in row.split("\t")] for row in page.inner_text("#compare tbody").splitlines()]
    assert ["changes", "none", "20000:0.2"] in rows
    (cost,) = [row for row in rows if row[0] == "cost"]
    assert read(cost[1]) == pytest.approx(shown.header["cost"], rel=1e-4)
    drawn = page.locator("#compare .compare-planes canvas")
    assert drawn.count() == 2
    for canvas in drawn.all():
        colours = canvas.evaluate(
            "(c) => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
        )
        assert colours > 3
    page.click("text=Open the pinned run")
    lab.becomes(changes=None)
    lab.at(20_000)


def test_many_starts_and_one_of_them(lab: Any) -> None:
    page = lab.page
    lab.open("steps=5000")
    page.keyboard.press("4")
    page.fill('#multistart [aria-label="Number of starts"]', "20")
    page.fill('#multistart [aria-label="Steps of each start"]', "300")
    page.click("text=Train them all")
    page.wait_for_selector(".start-words:has-text('After 300 steps')")  # bars of those that are done come before
    result = nb.multistart(TEN, nb.StochasticGradient(rate=0.05), 20, 300, rng=5000)
    bars = page.locator("#multistart .start-bar")
    assert sum(int(re.match(r"\d+", bar.get_attribute("aria-label"))[0]) for bar in bars.all()) == 20
    bars.first.press("Enter")
    chosen = page.locator("#multistart .start-buttons button").first
    i, cost = chosen.text_content().split(": ")
    costs = result.costs
    assert int(i) - 1 == costs.argmin()
    assert read(cost) == pytest.approx(costs.min(), rel=1e-2)
    chosen.click()
    lab.becomes(start=i, steps="300")
    lab.at(300)
    assert float(lab.reading("cost")) == pytest.approx(costs.min(), rel=1e-4)


@pytest.mark.parametrize("kind", ["path", "random", "filter", "between"])
def test_a_slice_of_the_surface(lab: Any, kind: str) -> None:
    page = lab.page
    lab.to_step(20_000)
    page.keyboard.press("5")
    page.select_option("#surface select", kind)
    if kind == "between":
        assert page.is_disabled("text=Slice the surface here")
        page.focus("#surface select")
        page.keyboard.press("k")  # the list has the focus: nothing happens
        page.locator("#surface select").evaluate("(list) => list.blur()")
        page.keyboard.press("k")
        lab.slide("#scrubber", 100)
        lab.at(100)
    with page.expect_response(lambda answer: answer.url.endswith("/surface")) as found:
        page.click("text=Slice the surface here")
    content = found.value.body()
    header = json.loads(content[8 : 8 + int.from_bytes(content[4:8], "little")])
    lab.until("() => /Around step/.test(document.querySelector('.surface-words').textContent)")
    told = re.search(r"costs from (\S+) to (\S+) on", page.text_content(".surface-words"))
    assert read(told[1]) <= header["lowest"] * 1.05
    assert read(told[2]) >= header["highest"] * 0.95
    colours = page.evaluate(
        """() => { const c = document.querySelector("#surface canvas");
        return new Set(new Uint32Array(c.getContext("2d").getImageData(0, 0, c.width, c.height).data.buffer)).size; }"""
    )
    assert colours > 10
