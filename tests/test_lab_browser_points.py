"""Points in Chromium: clicks of each category, classic sets, tables that are dropped, pasted or bad, too many for a link, JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from netbp.experiments import PlaneExperiment
from netbp.lab.address import experiment_at
from netbp.lab.fields import fields

pytest_plugins = ["lab_pages"]
SETS = ["eleven", *fields()["sets"]]

TRANSFER = """([kind, target, text, name]) => {
  const data = new DataTransfer();
  if (name) data.items.add(new File([text], name, {type: "text/csv"}));
  else data.setData("text/plain", text);
  const at = document.querySelector(target);
  const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})
    : new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
  at.dispatchEvent(event);
  return event.defaultPrevented;
}"""


def transfer(lab: Any, kind: str, text: str, name: str = "", target: str = "body") -> bool:
    """Drag, drop or paste a text, or a file with this name; whether the page has taken it."""
    return bool(lab.page.evaluate(TRANSFER, [kind, target, text, name]))


def points_of(lab: Any) -> list[tuple[float, float, int]]:
    """The points in the address."""
    x, labels, _ = experiment_at(lab.fragment).labelled
    return [(float(a), float(b), int(label)) for (a, b), label in zip(x, labels, strict=True)]


def drawn(lab: Any) -> list[str]:
    """The points as the page names them for who cannot see them."""
    return list(lab.page.locator(".plane-point").evaluate_all("(all) => all.map((e) => e.getAttribute('aria-label'))"))


# -- by hand ---------------------------------------------------------------------------------------------------------------


def test_a_click_adds_a_point_of_the_category_that_is_chosen(lab: Any) -> None:
    page = lab.page
    for c, letter in enumerate("ABCD"):  # each new letter makes room for the next
        page.click(f"#add-{letter}")
        page.wait_for_selector(f"#add-{letter}[aria-checked=true]")
        place = (0.15 + 0.2 * c, 0.95)
        page.mouse.click(*lab.plane(*place))
        lab.until("(n) => document.querySelectorAll('.plane-point').length === n", 11 + c)
        lab.settled()
        assert points_of(lab)[-1] == pytest.approx((*place, c), abs=0.005)
        assert f"category {letter}," in drawn(lab)[-1]
    assert lab.fields["layers"] == "2-2-3-4"
    assert page.locator("#add-E").count() == 1


def test_a_point_dragged_out_of_the_plane_stays_at_its_rim_and_is_undone_at_once(lab: Any) -> None:
    page, ten = lab.page, points_of(lab)
    page.click("#tool-move")
    page.mouse.move(*lab.plane(*ten[3][:2]))
    page.mouse.down()
    for way in np.linspace(0, 1, 20):
        page.mouse.move(*lab.plane(ten[3][0], ten[3][1] - 1.5 * way))
    page.mouse.up()
    lab.until("() => location.hash !== ''")
    lab.settled()
    assert points_of(lab)[3] == pytest.approx((ten[3][0], 0.0, ten[3][2]), abs=0.005)
    page.click("#undo")  # one gesture
    lab.becomes(points=None)
    assert page.is_disabled("#undo")
    page.mouse.click(*lab.plane(0.9, 0.95))  # the tool moves points and adds none
    lab.settled()
    assert lab.fragment == ""


def test_what_a_point_does_is_seen_while_it_moves(lab: Any) -> None:
    """A point that moves in every animation frame, until costs have been shown on the way: not one at the end only."""
    lab.page.evaluate(
        """() => { const point = document.querySelector(".plane-point"), cost = document.getElementById("reading-cost"); let k = 0;
        window.shown = new Set();
        const move = () => {
          shown.add(cost.textContent);
          const key = k % 40 < 20 ? "ArrowRight" : "ArrowLeft";
          point.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
          if (++k % 40 || !window.enough) requestAnimationFrame(move); else window.enough = "done";
        };
        move(); }"""
    )
    lab.until("() => shown.size > 5")
    lab.page.evaluate("() => { window.enough = true; }")
    lab.until("() => enough === 'done' && location.hash === ''")  # where it was: the ten
    lab.settled()
    assert points_of(lab)[0] == (0.1, 0.1, 0)


def test_the_last_point_stays(lab: Any) -> None:
    lab.open("points=0.5,0.5,A")
    lab.page.click("#tool-delete")
    lab.page.mouse.click(*lab.plane(0.5, 0.5))
    lab.until("() => /The last point stays/.test(document.getElementById('status').textContent)")
    assert points_of(lab) == [(0.5, 0.5, 0)]


def test_the_category_of_a_point_is_its_letters_key_or_its_number(lab: Any) -> None:
    page = lab.page
    page.locator(".plane-point").nth(2).focus()
    for key, letter in (("b", "B"), ("a", "A"), ("2", "B")):
        page.keyboard.press(key)
        lab.until("(said) => document.activeElement.getAttribute('aria-label').includes(said)", f"category {letter},")
    lab.settled()
    assert [c for _, _, c in points_of(lab)] == [0, 0, 1, 0, 0, 1, 1, 1, 1, 1]
    page.keyboard.press("u")
    page.keyboard.press("u")
    page.keyboard.press("u")
    lab.becomes(points=None)


# -- classic sets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETS)
def test_a_classic_set_is_the_librarys(lab: Any, name: str) -> None:
    lab.write("points", name)
    known = fields()["sets"].get(name)
    text = name if known is None else f"{name}:{known['n']}:{known['noise']:g}:0"
    lab.becomes(points=text, layers=None if known is None or known["categories"] == 2 else f"2-2-3-{known['categories']}")
    x, labels, _ = experiment_at(lab.fragment).labelled
    opened = lab.server.post("/api/open", {"experiment": lab.fields, "step": 0})
    np.testing.assert_array_equal(np.array(opened["points"])[:, :3], np.column_stack([x, labels]))
    assert lab.page.locator(".plane-point").count() == min(len(labels), 200)
    assert lab.page.is_visible("#controls [data-name=set-n]") == (known is not None)
    lab.page.click("#reset-points")
    lab.becomes(points=None)


# -- tables ----------------------------------------------------------------------------------------------------------------


TABLE = "x,y,kind\n0.25,0.5,left\n0.75,0.5,right\n0.5,0.125,left\n"
READ = [(0.25, 0.5, 0), (0.75, 0.5, 1), (0.5, 0.125, 0)]


@pytest.mark.parametrize("how", ["dropped file", "dropped text", "pasted", "chosen file"])
def test_a_table_becomes_the_points_however_it_comes(lab: Any, how: str) -> None:
    page = lab.page
    if how == "dropped file":
        transfer(lab, "dragover", TABLE, "points.csv", "#plane")
        assert page.evaluate("() => document.body.classList.contains('dropping')")
        assert transfer(lab, "drop", TABLE, "points.csv", "#plane")
        assert not page.evaluate("() => document.body.classList.contains('dropping')")
    elif how == "dropped text":
        assert transfer(lab, "drop", TABLE)
    elif how == "pasted":
        transfer(lab, "paste", TABLE)
    else:
        page.set_input_files("[data-name=csv-file]", {"name": "p.csv", "mimeType": "text/csv", "buffer": TABLE.encode()})
    lab.becomes(points="0.25,0.5,A;0.75,0.5,B;0.5,0.125,A")
    assert points_of(lab) == READ
    assert len(drawn(lab)) == 3
    lab.until("() => /3 points were read/.test(document.getElementById('status').textContent)")
    page.click("#undo")
    lab.becomes(points=None)
    page.click("#redo")
    lab.becomes(points="0.25,0.5,A;0.75,0.5,B;0.5,0.125,A")


BAD = {
    "0.25,0.5,left\n0.75,oops,right\n": r"row 2.*(column|2)",
    "x,y,kind\n0.25,0.5,A\n0.75,,B\n": r"row 3.*'y'",
    "0.1,0.2,A\n0.3,0.4\n": r"row 2",
    "0.1\n0.2\n": r"column",
    "0.1,nan,A\n0.2,0.3,B\n": r"row 1",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_table_names_row_and_column_and_nothing_is_lost(lab: Any, text: str) -> None:
    page = lab.page
    lab.open("rate=0.1")
    page.click("#epoch")
    lab.at(10)
    cost = lab.reading("cost")
    lab.expected = ["status of 422"]
    assert transfer(lab, "drop", text, "bad.csv")
    lab.until("(said) => new RegExp(said).test(document.getElementById('status').textContent)", BAD[text])
    assert page.locator("#controls [data-field=points] .row-note").text_content() == page.text_content("#status")
    lab.settled()
    assert lab.fragment == "rate=0.1"
    assert (lab.step, lab.reading("cost")) == (10, cost)
    assert page.is_disabled("#undo")
    assert transfer(lab, "drop", TABLE)  # and a good one is read
    lab.becomes(points="0.25,0.5,A;0.75,0.5,B;0.5,0.125,A", rate="0.1")


def test_what_is_pasted_into_an_input_or_is_no_table_is_left_alone(lab: Any) -> None:
    transfer(lab, "paste", TABLE, target="#field-seed")
    transfer(lab, "paste", "a few words")
    transfer(lab, "drop", "  ")
    lab.settled()
    assert lab.fragment == ""
    assert lab.page.text_content("#status").strip() == ""


# -- more than a link holds ------------------------------------------------------------------------------------------------


def test_too_many_points_for_a_link_go_by_a_json_file(lab: Any, tmp_path: Any) -> None:
    page, rng = lab.page, np.random.default_rng(1)
    x = rng.random((501, 2)).round(3)
    transfer(lab, "drop", "".join(f"{a},{b},{'AB'[i % 2]}\n" for i, (a, b) in enumerate(x.tolist())), "many.csv")
    lab.until(
        "() => /501 points are too many for a link/.test(document.querySelector('[data-field=points] .row-note').textContent)"
    )
    lab.settled()
    assert lab.fragment == ""
    page.click("#epoch")
    lab.at(501)
    cost = lab.reading("cost")
    page.keyboard.press("s")
    assert page.input_value("#link") == ""
    assert page.is_disabled("#copy-link")
    with page.expect_download() as download:
        page.click("#export-json")
    download.value.save_as(tmp_path / "run.json")
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["step"] == 501
    np.testing.assert_array_equal(np.asarray(PlaneExperiment(**told["experiment"]).labelled[0]), x)
    page.keyboard.press("Escape")
    page.click("#back-to-listing")
    lab.until("() => document.querySelectorAll('.plane-point').length === 10")
    page.keyboard.press("s")
    page.set_input_files("[data-name=json-file]", tmp_path / "run.json")
    page.wait_for_selector("#takeaway", state="hidden")
    lab.at(501)
    assert lab.reading("cost") == cost
    page.reload()  # what no address holds is still there
    lab.ready()
    lab.at(501)
    assert lab.reading("cost") == cost


@pytest.mark.parametrize("content", [b"no json", b"[]", b'{"experiment": null}', b'{"experiment": {"speed": 3}}', b"null"])
def test_a_file_that_is_no_experiment_is_told(lab: Any, content: bytes) -> None:
    page = lab.page
    lab.expected = ["status of 422"]
    page.keyboard.press("s")
    page.set_input_files("[data-name=json-file]", {"name": "x.json", "mimeType": "application/json", "buffer": content})
    lab.until(
        """() => /could not be read|speed/.test(document.querySelector("#takeaway .row-note").textContent
        + document.getElementById("banners").textContent)"""
    )
    page.keyboard.press("Escape")
    page.click("#step")
    lab.at(1)
