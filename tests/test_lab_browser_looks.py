"""What the lab's page shows of each neuron, keeps, and says by itself, in Chromium."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netbp.analysis.regions import grid_neuron
from netbp.experiments import PlaneExperiment

pytest_plugins = ["lab_pages"]


# -- what the server would refuse is told at the field -----------------------------------------------------------------------

WRONG = [
    ("", "batch", "0", "from 1 to 10,000"),
    ("", "batch", "1.5", "whole number"),
    ("", "rate", "-1", "at least 0"),
    ("", "rate", "fast", "is a number"),
    ("", "held_out", "0.95", "from 0 to 0.9"),
    ("", "penalty", "-0.1", "from 0 to 1,000,000"),
    ("", "decay", "1e7", "from 0 to 1,000,000"),
    ("", "changes", "5000", "step:rate"),
    ("", "changes", "50:0.1;20:0.2", "growing"),
    ("", "width-2", "0", "from 1 to 64 neurons"),
    ("", "width-3", "65", "from 1 to 64 neurons"),
    ("", "width-3", "", "from 1 to 64 neurons"),
    ("layers=2-64-64-3-2", "width-4", "64", "at most 5,000 parameters"),
    ("", "seed", "-5", "from 0 to 4,294,967,295"),
    ("", "scale", "-1", "from 0 to"),
    ("", "steps", "1000000000", "from 0 to 100,000,000"),
    ("", "start", "2000000", "from 0 to 1,000,000"),
    ("", "record", "-1", "from 0 to"),
    ("points=spirals", "set-n", "7", "multiple of 2"),
    ("points=moons", "set-n", "1", "from 2 to 10,000"),
    ("points=moons", "set-noise", "2", "from 0 to 1"),
    ("points=moons", "set-seed", "-1", "from 0 to"),
    ("batch=20", "sampling", "epochs", "epoch of 10 points"),
    ("batch=10&sampling=epochs", "batch", "11", "epoch of 10 points"),
    ("batch=10&sampling=epochs", "held_out", "0.1", "epoch of 9 points"),
    ("cost=softmax_log_loss", "method", "levenberg-marquardt", "sum of squares"),
    ("method=levenberg-marquardt", "damping", "0", "number above 0"),
    ("method=levenberg-marquardt", "lm_tolerance", "2", "from 0 to 1"),
    ("method=l-bfgs", "pairs", "0", "from 1 to 1,000"),
    ("method=l-bfgs", "tolerance", "-1", "from 0 to 1"),
    ("rule=momentum", "constant-mu", "much", "is a number"),
]


@pytest.mark.parametrize("fragment", sorted({row[0] for row in WRONG}))
def test_what_the_server_would_refuse_is_told_at_the_field_and_not_asked(lab: Any, fragment: str) -> None:
    if fragment:
        lab.open(fragment)
    before = lab.fragment
    for _, name, value, line in (row for row in WRONG if row[0] == fragment):
        asked = len(lab.asked)
        lab.write(name, value)
        lab.settled()
        control = lab.control(name)
        assert control.get_attribute("aria-invalid") == "true", (name, value)
        said = lab.page.locator(f"#{control.get_attribute('aria-errormessage')}")
        assert line in said.text_content(), (name, value)
        assert said.is_visible()
        assert not [url for url in lab.asked[asked:] if url.endswith("/open")], (name, value)
        assert lab.fragment == before
        if control.evaluate("(input) => input.tagName") == "INPUT":
            control.press("Escape")
            assert control.get_attribute("aria-invalid") is None
            assert said.count() == 0
    assert lab.problems == []


# -- each neuron's picture of the plane --------------------------------------------------------------------------------------

TILES = """(side) => {
    const canvas = document.querySelector('.network-tiles'), ratio = canvas.width / canvas.clientWidth;
    const {data, width} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return [...document.querySelectorAll('#network .tile')].map((tile) => {
      const box = tile.getBBox();
      return Array.from({length: side * side}, (_, k) => {
        const at = [box.x + box.width * (k % side + 0.5) / side, box.y + box.height * (Math.floor(k / side) + 0.5) / side];
        const place = 4 * (Math.round(ratio * at[1]) * width + Math.round(ratio * at[0]));
        return [...data.slice(place, place + 3)];
      });
    });
}"""
CIVIDIS = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"]


def cividis(values: Any) -> Any:
    """The colours of values from 0 to 1, as the page mixes them."""
    stops = np.array([[int(colour[k : k + 2], 16) for k in (1, 3, 5)] for colour in CIVIDIS], dtype=float)
    place = np.clip(values, 0.0, 1.0) * (len(stops) - 1)
    k = np.minimum(place.astype(int), len(stops) - 2)
    return stops[k] + (place - k)[..., None] * (stops[k + 1] - stops[k])


def drawn(lab: Any, step: int) -> None:
    """Wait until the tiles are those of a step."""
    lab.until("(step) => document.querySelector('.network-tiles').dataset.step === String(step)", step)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height", "projector"), [(1440, 900, False), (1440, 900, True), (768, 1024, False)])
def test_a_neurons_tile_is_its_value_over_the_plane(new_lab: Any, scheme: str, width: int, height: int, projector: bool) -> None:
    lab = new_lab(width=width, height=height, color_scheme=scheme).open()
    if projector:
        lab.page.keyboard.press("p")
    p = lab.to_step(150_000).p
    drawn(lab, 150_000)
    lab.settled()
    network, side = PlaneExperiment().problem().network, 5
    tiles = np.array(lab.page.evaluate(TILES, side), dtype=float).reshape(-1, side, side, 3)
    neurons = [(l, j) for l, n in enumerate(network.sizes, start=1) for j in range(1, n + 1)]
    assert len(tiles) == len(neurons) == 9
    inner = (0.5 / side, 1 - 0.5 / side)  # the middles of side x side fields
    for tile, (l, j) in zip(tiles, neurons, strict=True):
        values = grid_neuron(network, p, l, j, side, inner * 2)[::-1]  # pictures begin at the top
        steep = np.abs(np.gradient(grid_neuron(network, p, l, j, 101))).max() * 100  # of a value, over the whole plane
        # a tile's grid has 24 points a side, drawn over its whole width, so that a place is up to half a field off; and 8 bits
        assert np.abs(tile - cividis(values)).max() <= 12 + 255 * steep / 24, (l, j)
    assert lab.page.locator("#network .tile").first.bounding_box()["width"] >= (48 if width == 1440 else 36)


def test_a_chosen_point_has_its_activations_in_the_tiles(lab: Any) -> None:
    p = lab.to_step(50_000).p
    lab.page.mouse.click(*lab.plane(0.1, 0.1))
    lab.until("() => document.querySelector('#network .node text')?.textContent !== ''")
    problem = PlaneExperiment().problem()
    a = problem.explain(p, [0.1, 0.1], [1.0, 0.0]).a
    shown = [text.replace("−", "-") for text in lab.page.locator("#network .node text").all_text_contents()]
    assert shown == [f"{value:.2f}" for layer in a for value in np.ravel(layer)]


def test_a_network_too_wide_for_tiles_has_shaded_circles(new_lab: Any) -> None:
    lab = new_lab(width=360, height=740).open("layers=2-8-8-8-8-8-8-2&seed=3")
    assert lab.page.locator("#network .tile").count() == 0
    lab.until(
        "() => [...document.querySelectorAll('#network .disc')].every((disc) => disc.getAttribute('fill')?.startsWith('rgba'))"
    )
    fills = lab.page.locator("#network .disc").evaluate_all("(all) => all.map((disc) => disc.getAttribute('fill'))")
    assert len(set(fills)) > 10  # no two do the same


def test_tiles_are_asked_for_a_few_times_a_second_and_not_by_a_page_that_stands(lab: Any) -> None:
    """At most every 300 ms of the page's clock, and again and again as long as it plays."""
    lab.slide("#speed", 6)
    drawn(lab, 0)
    before = len(lab.times("/neurons"))
    lab.page.click("#play")
    lab.until("(n) => questions.filter(([what]) => what.endsWith('/neurons')).length > n", before + 3)
    assert min(np.diff(lab.times("/neurons")[before:])) >= 300
    lab.pause()
    drawn(lab, lab.step)
    asked = lab.page.evaluate("() => questions.length")
    lab.page.evaluate("() => new Promise((done) => setTimeout(done, 400))")  # after the page's own timers, which are shorter
    assert lab.page.evaluate("() => questions.length") == asked
    asked = len(lab.times("/neurons"))
    lab.page.keyboard.press("2")  # behind another tab nobody sees them
    lab.page.click("#step")
    lab.settled()
    assert len(lab.times("/neurons")) == asked


# -- what stays --------------------------------------------------------------------------------------------------------------


def test_bars_of_many_starts_stay_while_results_come_in(lab: Any) -> None:
    lab.page.keyboard.press("4")
    found = lab.page.evaluate(
        """async () => {
        const {bins, drawMultistart} = await import("/static/js/views/multistart.js");
        const {readTheme} = await import("/static/js/views/theme.js");
        const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg");
        document.querySelector(".start-stage").append(picture);
        picture.style.width = "400px"; picture.style.height = "200px";
        const picked = [], theme = readTheme(document.body);
        const costs = Array.from({length: 60}, (_, k) => 10 ** (-4 + 3 * ((k * 0.381966) % 1)));
        const model = {width: 400, height: 200, theme, level: 1e-3, chosen: null};
        const pick = (bin) => picked.push(bin.starts.length);
        const draw = (n) => drawMultistart(picture, {...model, bins: bins(costs.slice(0, n), 20)}, pick);
        draw(30);
        const bar = picture.querySelector("rect");
        bar.focus();
        draw(45);
        const stayed = bar.isConnected && document.activeElement === bar;
        const {left, top, width, height} = bar.getBoundingClientRect();
        const at = {clientX: left + width / 2, clientY: top + height / 2, bubbles: true};
        bar.dispatchEvent(new PointerEvent("pointerdown", at));
        draw(60);  // between the press and the release
        picture.dispatchEvent(new MouseEvent("click", at));  // where a browser sends the click when the element has gone
        bar.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
        const total = [...picture.querySelectorAll("rect title")].reduce((sum, title) => sum + parseInt(title.textContent), 0);
        picture.remove();
        return {stayed, picked, total};
        }"""
    )
    assert found["stayed"]
    assert len(found["picked"]) == 2
    assert all(count >= 1 for count in found["picked"])
    assert found["total"] == 60


def test_a_reload_keeps_the_tab(new_lab: Any) -> None:
    lab = new_lab().open()
    lab.page.keyboard.press("3")
    lab.settled()
    lab.page.reload()
    lab.ready()
    assert lab.page.get_attribute("#tab-compare", "aria-selected") == "true"
    assert lab.page.locator("#panel-compare").is_visible()
    assert not lab.page.locator("#panel-network").is_visible()
