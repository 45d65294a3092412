"""The lab's page with the keyboard alone, from its address to an answer, and each stop of the tour as an address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from netbp.lab.address import experiment_at
from netbp.lab.fields import fields

pytest_plugins = ["lab_pages"]
TOUR = fields()["tour"]


def tab_to(lab: Any, wanted: str, key: str = "Tab") -> None:
    """Press a key until the focus is on what this selector finds."""
    for _ in range(150):
        lab.page.keyboard.press(key)
        if lab.page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
            return
    raise AssertionError(f"{key} never comes to {wanted}")


def test_run_pause_step_and_rewind_by_their_buttons(lab: Any) -> None:
    press = lab.page.keyboard.press
    tab_to(lab, "#speed")
    press("Home")
    lab.until("() => document.getElementById('speed').getAttribute('aria-valuetext') === '1 step a frame'")
    tab_to(lab, "#play", "Shift+Tab")
    press("Enter")
    lab.until("() => Number(document.getElementById('scrubber').value) > 3")
    press("Space")  # pauses: the button has kept the focus
    lab.pause()
    before = lab.step
    tab_to(lab, "#step")
    press("Enter")
    lab.at(before + 1)
    press("Space")
    lab.at(before + 2)
    tab_to(lab, "#scrubber")
    press("ArrowLeft")
    lab.at(before + 1)
    press("Home")
    lab.at(0)
    tab_to(lab, "#step-shown", "Shift+Tab")
    lab.page.keyboard.type(str(before))
    press("Enter")
    lab.at(before)
    tab_to(lab, "#rewind", "Shift+Tab")
    press("Enter")
    lab.at(0)


def test_a_point_is_chosen_and_walked_through(lab: Any) -> None:
    page, press = lab.page, lab.page.keyboard.press
    tab_to(lab, ".plane-point")
    press("PageDown")
    press("PageDown")
    press("Enter")
    tab_to(lab, "[role=tab]#tab-network")
    for name in ("walk", "compare", "multistart", "surface", "network", "surface"):
        press("ArrowLeft" if name == "surface" and page.is_visible("#panel-network") else "ArrowRight")
        page.wait_for_selector(f"#panel-{name}", state="visible")
        assert page.get_attribute(f"#tab-{name}", "aria-selected") == "true"
    press("2")
    page.wait_for_selector("#walk .walk-chip")
    assert page.input_value("#walk select") == "2"
    tab_to(lab, ".walk-body")
    press("End")
    press("ArrowLeft")
    lab.until("() => /gradient/.test(document.querySelector('.walk-where').textContent)")
    tab_to(lab, ".pickable")
    press("Enter")
    page.wait_for_selector("#walk .walk-agree")
    tab_to(lab, "#tab-walk", "Shift+Tab")
    tab_to(lab, "#tab-plane", "Shift+Tab")
    press("ArrowRight")
    page.wait_for_selector("#page-images", state="visible")
    press("ArrowLeft")
    page.wait_for_selector("#walk .walk-chip", state="visible")


def test_fields_are_changed_and_left(lab: Any) -> None:
    page, press = lab.page, lab.page.keyboard.press
    tab_to(lab, "#field-rate")
    press("Control+a")
    page.keyboard.type("0.2")
    press("Enter")
    lab.becomes(rate="0.2")
    press("ArrowUp")  # 1, 2, 5, 10, ...
    lab.becomes(rate="0.5")
    press("ArrowDown")
    press("ArrowDown")
    lab.becomes(rate="0.1")
    press("u")  # text is being written: no shortcut
    press("Control+a")
    page.keyboard.type("fast")
    press("Enter")
    lab.until("() => document.activeElement.getAttribute('aria-invalid') === 'true'")
    assert lab.fields == {"rate": "0.1"}
    press("Control+a")
    page.keyboard.type("0.3")
    press("Tab")  # leaving it sets it
    lab.becomes(rate="0.3")
    tab_to(lab, "select[data-name=rule]", "Shift+Tab")
    page.keyboard.type("Adam")
    lab.becomes(rule="adam")
    tab_to(lab, "details[data-group=start] > summary")
    press("Enter")
    tab_to(lab, "#field-seed")
    press("ArrowUp")
    lab.becomes(seed="5001")
    tab_to(lab, "[data-name=width-2]", "Shift+Tab")
    press("ArrowUp")
    lab.becomes(layers="2-3-3-2")
    page.evaluate("() => document.activeElement.blur()")
    for _ in range(10):
        press("u")
    lab.until("() => location.hash === ''")
    lab.settled()
    assert page.is_disabled("#undo")


CLICK = "(selector) => document.querySelector(selector).click()"  # which moves no focus

STAYS = {  # who is here, and what happens meanwhile: a key of theirs, or a click elsewhere; then the address and the focus
    "a width below the network": ("#network [aria-label='One neuron more in layer 2']", "Enter", {"layers": "2-3-3-2"}),
    "the width beside it": ("#network [aria-label='One neuron fewer in layer 2']", "Enter", {"layers": None}),
    "a neuron whose network changes": (
        "#network [aria-label='Neuron 1 of layer 2']", "#network .network-depth > :last-child", {"layers": "2-2-3-3-2"}
    ),
    "a layer taken out before another": ("[aria-label='Take layer 3 out']", "Enter", {"layers": None}),
    "a stop of the tour": ("#tour .dot[aria-label^='Stop 2']", "Enter", {"points": "eleven"}),
}  # fmt: skip


def test_the_focus_stays_while_what_has_it_is_made_anew(lab: Any) -> None:
    """Who presses a key again presses the same thing again."""
    page, focused = lab.page, "() => document.activeElement.getAttribute('aria-label')"
    page.keyboard.press("g")
    page.wait_for_selector("#tour .dot")
    lab.settled()
    for name, (here, act, address) in STAYS.items():
        page.locator(here).focus()
        before = page.evaluate(focused)
        page.evaluate(CLICK, act) if act.startswith("#") else page.keyboard.press(act)
        lab.becomes(**address)
        assert page.evaluate(focused) == before, name
    page.locator(".plane-point").first.focus()
    page.keyboard.press("Enter")
    page.evaluate(CLICK, "#tab-walk")
    page.locator("#walk .walk-chip").nth(-2).focus()
    before = page.evaluate(focused)
    page.keyboard.press("Enter")
    page.wait_for_selector("#walk .pickable")
    assert page.evaluate(focused) == before
    page.locator("#walk .pickable").nth(1).focus()
    before = page.evaluate(focused)
    page.evaluate(CLICK, "#step")
    lab.until("() => /training step 1$/.test(document.querySelector('.walk-where').textContent)")
    assert page.evaluate(focused) == before
    page.keyboard.press("Home")  # a step without cells: the focus is where the arrows go on
    assert page.evaluate("() => document.activeElement.className") == "walk-body"


def test_a_network_of_another_size_keeps_its_elements(lab: Any) -> None:
    """The pane is smaller as soon as the numbers below it take a line more, and that is while one goes through with Tab."""
    page = lab.page
    page.locator("#network .node[tabindex='0']").focus()
    page.evaluate("() => { window.held = [...document.querySelectorAll('#network .node, #network button')]; }")
    before = page.get_attribute("#network .disc", "width")
    page.evaluate("() => { document.querySelector('.network-numbers').style.minHeight = '14em'; }")
    lab.until("(before) => document.querySelector('#network .disc').getAttribute('width') !== before", before)
    assert page.evaluate("() => held.every((e) => e.isConnected) && document.activeElement === held.find((e) => e.tabIndex === 0)")


@pytest.mark.parametrize("stop", range(len(TOUR)))
def test_a_stop_of_the_tour_is_an_address(lab: Any, stop: int) -> None:
    lab.open(TOUR[stop]["address"])
    assert lab.fragment == TOUR[stop]["address"]
    experiment = experiment_at(lab.fragment)
    lab.page.click("#step")
    lab.at(1)
    shown = lab.frame(lambda: lab.go(1))
    run = replace(experiment, steps=1).run()
    np.testing.assert_array_equal(shown.p, run.p)
    lab.page.reload()
    lab.ready()
    assert (lab.fragment, lab.step) == (TOUR[stop]["address"], 1)
