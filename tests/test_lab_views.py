"""The lab's drawing functions with made-up models: laws of the pure ones in node, pictures in Chromium."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import netbp as nb
from netbp.analysis.regions import grid_outputs, margin
from patience import MILLISECONDS, SECONDS

JS = Path(__file__).parents[1] / "src" / "netbp" / "lab" / "static" / "js"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
TEN = nb.Problem(nb.Network.dense(2, 2, 3, 2), nb.quadratic, nb.data.ten_points())


def js(module, expression, given=None, path="views"):
    """What `expression` of the module's exports `m` and of `given` is, through JSON."""
    script = f"""
      import * as m from {json.dumps((JS / path / module).as_uri())};
      let text = ""; for await (const part of process.stdin) text += part;
      const given = JSON.parse(text);
      const plain = (_, v) => ArrayBuffer.isView(v) ? Array.from(v) : v instanceof Map ? [...v] : v;
      process.stdout.write(JSON.stringify(await ({expression}), plain) ?? "null");
    """
    command = [str(NODE), "--input-type=module", "-e", script]
    done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def lines_of(values, level=0.0):
    """The chains of `boundary` on a grid, each (n, 2): column, row."""
    rows, columns = values.shape
    chains = js(
        "contour.js",
        "m.boundary(given.rows, given.columns, m.levelSides(given.values, given.level))",
        {"rows": rows, "columns": columns, "values": values.ravel().tolist(), "level": level},
    )
    return [np.reshape(chain, (-1, 2)) for chain in chains]


def crossings(above):
    """How many edges of the grid have their ends on two sides."""
    return int(np.count_nonzero(above[1:] != above[:-1]) + np.count_nonzero(above[:, 1:] != above[:, :-1]))


@needs_node
@pytest.mark.parametrize(("slope", "shift"), [((1.0, 0.0), 3.3), ((0.3, -1.7), 1.1), ((1.0, 1.0), 9.25), ((-2.0, 0.9), -4.0)])
def test_the_boundary_of_a_linear_function_is_its_line(slope, shift):
    i, j = np.mgrid[0:12, 0:15]
    values = slope[0] * j + slope[1] * i - shift
    (line,) = lines_of(values)
    # each place comes from one interpolation: a few roundings of numbers up to 30
    np.testing.assert_allclose(slope[0] * line[:, 0] + slope[1] * line[:, 1], shift, atol=64 * np.finfo(float).eps * 30)
    assert len(line) == crossings(values > 0)


@needs_node
def test_every_crossed_edge_is_passed_once_and_lines_end_at_the_rim_only():
    rng = np.random.default_rng(3)
    for _ in range(4):
        values = rng.standard_normal((9, 11))
        chains = lines_of(values)
        closed = [np.array_equal(chain[0], chain[-1]) for chain in chains]
        assert sum(len(chain) - is_closed for chain, is_closed in zip(chains, closed, strict=True)) == crossings(values > 0)
        for chain, is_closed in zip(chains, closed, strict=True):
            assert (np.abs(np.diff(chain, axis=0)) <= 1 + 1e-12).all()
            if not is_closed:
                for x, y in (chain[0], chain[-1]):
                    assert x in (0, 10) or y in (0, 8)


@needs_node
def test_the_boundary_of_categories_passes_where_margins_vanish():
    rng = np.random.default_rng(8)
    F1, F2 = rng.random((2, 10, 10))
    two = lines_of(F1 - F2)
    chains = js(
        "contour.js",
        "m.boundary(10, 10, m.categorySides(given.category, given.margins))",
        {"category": (F1 <= F2).astype(int).ravel().tolist(), "margins": np.abs(F1 - F2).ravel().tolist()},
    )
    by_category = {tuple(np.round(place, 9)) for chain in chains for place in np.reshape(chain, (-1, 2))}
    assert by_category == {tuple(np.round(place, 9)) for chain in two for place in chain}


@needs_node
def test_where_three_categories_meet_the_lines_meet():
    category = np.zeros((8, 8), dtype=int)
    category[:, 4:] = 1
    category[5:, 2:6] = 2
    chains = js("contour.js", "m.boundary(8, 8, m.categorySides(given, null))", category.ravel().tolist())
    places = [[tuple(place) for place in np.reshape(chain, (-1, 2))] for chain in chains]
    lines = sum(1 if k in (0, len(chain) - 1) else 2 for chain in places for k, at in enumerate(chain) if at == (3.5, 4.5))
    assert lines == 3


@needs_node
@pytest.mark.parametrize("dark", [False, True])
def test_the_regions_are_the_librarys_pixel_by_pixel(dark):
    p = TEN.network.draw(nb.MatlabRandom(5000)) * 4.0
    p -= 0.3  # a boundary through the middle
    n = 200
    F = grid_outputs(TEN, p, n)[2]
    values = margin(F).astype(np.float32)
    assert 0.05 < np.mean(values > 0) < 0.95
    rgb = {"paper": [27, 29, 32] if dark else [255, 254, 251], "categories": [[0, 114, 178], [213, 94, 0]]}
    given = {"n": n, "values": values.ravel().tolist(), "rgb": rgb, "dark": dark}
    pixels = js(
        "shade.js",
        """(() => { const out = new Uint32Array(given.n ** 2), colours = m.palette(given.rgb, given.dark);
        m.shade(out, {n: given.n, values: given.values, category: null, shading: "category", least: 0, most: 1}, colours);
        return {out, tints: colours.tints}; })()""",
        given,
    )
    drawn = np.array(pixels["out"], dtype=np.uint32).reshape(n, n)[::-1]  # pictures begin at the top
    tints = np.array(pixels["tints"], dtype=np.uint32)
    assert len(set(tints.tolist())) == 2
    np.testing.assert_array_equal(drawn, np.where(F[..., 0] > F[..., 1], tints[0], tints[1]))


@needs_node
def test_thinned_curves_cover_every_step_and_keep_every_extreme():
    rng = np.random.default_rng(5)
    costs = rng.random(60_000)
    frames = np.split(costs, 60)
    expression = """(() => { let c = m.emptyCurves(), t = 0;
      for (const frame of given) { const rows = new Float64Array(4 * frame.length);
        frame.forEach((v, i) => { t++; rows.set([t, t, v, v], 4 * i); });
        c = m.appendCurves(c, {costs: rows, held: null, norms: null}); }
      return Object.fromEntries(["first", "last", "min", "max"].map((name) => [name, c[name].subarray(0, c.length)])); })()"""
    got = {name: np.array(v) for name, v in js("curves.js", expression, [f.tolist() for f in frames], path=".").items()}
    assert len(got["first"]) <= 8192
    np.testing.assert_array_equal(got["first"][1:], got["last"][:-1] + 1)
    assert (got["first"][0], got["last"][-1]) == (1, len(costs))
    for first, last, low, high in zip(*(got[name] for name in ("first", "last", "min", "max")), strict=True):
        inside = costs[int(first) - 1 : int(last)]
        assert (low, high) == (inside.min(), inside.max())
    assert (got["last"] - got["first"] + 1 <= np.maximum(1, len(costs) / 512)).all()  # none much wider than the others


@needs_node
def test_numbers_read_back_as_what_they_are():
    rng = np.random.default_rng(1)
    values = [*(rng.standard_normal(60) * 10.0 ** rng.integers(-12, 12, 60)), 0.0, 1.0, -0.5, 1e-4, 7.3035e-4, 123456.0]
    texts = js("format.js", "given.map((v) => m.number(v, 6))", values)
    raised = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻−", "0123456789--")
    for value, text in zip(values, texts, strict=True):
        mantissa, _, exponent = text.replace("×10", "|").translate(raised).partition("|")
        back = float(mantissa.replace("10", "1e", 1)) if not exponent and "⁻" in text and "×" not in text else None
        back = float(f"{mantissa}e{exponent}") if exponent else float(mantissa) if back is None else back
        assert back == pytest.approx(value, rel=1e-5)


@needs_node
@pytest.mark.parametrize("sizes", [(2, 2, 3, 2), (2, 1, 2), (2, 64, 2), (2, 12, 3, 8, 8, 8, 8, 4)])
def test_the_network_fits_its_picture_and_has_its_edges(sizes):
    drawn = js("networkmodel.js", "m.layout(given, 500, 300, 60, null)", sizes)
    shown = [len(layer) for layer in drawn["circles"]]
    assert shown == [n if n <= 10 else 8 for n in sizes]
    assert len(drawn["edges"]) == sum(a * b for a, b in zip(shown, shown[1:], strict=False))
    for circle in (circle for layer in drawn["circles"] for circle in layer):
        assert drawn["radius"] <= circle["x"] <= 500 - drawn["radius"]
        assert drawn["radius"] <= circle["y"] <= 300 - drawn["radius"]


@needs_node
def test_weights_are_read_where_the_network_has_them():
    network = nb.Network.dense(2, 4, 3, 2)
    p = network.draw(3)
    from netbp.lab.naming import layers_of

    layers = layers_of(network)
    for l, (W, b) in enumerate(network.views(p), start=2):
        entries = [[l, j + 1, k + 1] for j in range(W.shape[0]) for k in range(W.shape[1])]
        given = {"p": p.tolist(), "layers": layers, "entries": entries}
        got = js("networkmodel.js", "given.entries.map(([l, j, k]) => m.weight(given.p, given.layers, l, j, k))", given)
        np.testing.assert_array_equal(np.reshape(got, W.shape), W)
        got = js("networkmodel.js", f"given.entries.map(([l, j]) => m.bias(given.p, given.layers, {l}, j))", given)
        np.testing.assert_array_equal(np.reshape(got, W.shape)[:, 0], b)
        counted = js("weights.js", "m.histograms(Float64Array.from(given.p), given.layers, m.reach(given.p), 21)", given)[l - 2]
        assert sum(counted["counts"]) == W.size
        assert (counted["least"], counted["most"]) == (W.min(), W.max())


@needs_node
def test_each_start_is_in_the_bin_of_its_cost():
    costs = [*(10.0 ** np.random.default_rng(0).uniform(-5, -1, 300)), None, 0.0, 1e-3, 1e-2]
    bins = js("multistart.js", "m.bins(given, 40)", costs)
    assert sorted(i for one in bins for i in one["starts"]) == [i for i, c in enumerate(costs) if c]
    for one in bins:
        for i in one["starts"]:
            assert one["low"] - 1e-6 <= np.log10(costs[i]) <= one["high"] + 1e-6


@needs_node
def test_a_comparison_names_the_fields_that_differ_and_no_others():
    a, b = {"rate": 0.05, "seed": 5000, "changes": ""}, {"rate": 0.1, "seed": 5000, "changes": "10:0.01"}
    assert js("compare.js", "m.differing(given[0], given[1])", [a, b]) == [["rate", "0.05", "0.1"], ["changes", "none", "10:0.01"]]
    assert js("compare.js", "m.differing(given[0], given[0])", [a]) == []


@pytest.fixture(scope="module")
def page():
    """A page in Chromium that may load the lab's own files only, under the lab's policy."""
    api = pytest.importorskip("playwright.sync_api")
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        one = browser.new_page(viewport={"width": 700, "height": 600})
        one.set_default_timeout(MILLISECONDS)
        one.problems = []
        one.on("console", lambda message: one.problems.append(message.text) if message.type == "error" else None)
        one.on("pageerror", lambda error: one.problems.append(str(error)))

        def answer(route):
            path = route.request.url.removeprefix("http://lab.test/").partition("?")[0]
            if path == "":
                links = "".join(f'<link rel="stylesheet" href="style/{name}.css">' for name in ("tokens", "views"))
                policy = {"Content-Security-Policy": "default-src 'self'"}
                head = f'<title>views</title><link rel="icon" href="icon.svg">{links}'
                html = f'<!doctype html><html lang="en"><head>{head}</head><body></body></html>'
                route.fulfill(body=html, content_type="text/html", headers=policy)
            else:
                route.fulfill(path=JS.parent / path)

        one.route("**/*", answer)
        one.goto("http://lab.test/")
        yield one
        browser.close()


MODEL = """
  const plane = await import("/js/views/plane.js"), {readTheme} = await import("/js/views/theme.js");
  const theme = readTheme(document.body), n = given.n;
  const grid = {n, values: Float32Array.from(given.values), category: null, shading: "category", least: 0, most: 1};
  const canvas = document.createElement("canvas"); canvas.width = canvas.height = 640;
  const image = document.createElement("canvas"); plane.paint(image, grid, theme);
  const extent = [0, 1, 0, 1];
  const model = {width: 640, height: 640, theme, extent, grid, lines: null, pinned: null, next: null, points: given.points,
    categories: ["A", "B"], chosen: null, wrong: null, at: null, legend: "", image};
"""


def test_the_drawn_plane_has_the_grids_colours_at_the_grids_places(page):
    n = 41
    values = margin(grid_outputs(TEN, TEN.network.draw(nb.MatlabRandom(5000)) * 4.0 - 0.3, n)[2])
    given = {"n": n, "values": values.ravel().tolist(), "points": []}
    got = page.evaluate(
        "async (given) => {"
        + MODEL
        + """
        const context = canvas.getContext("2d"); plane.drawPlane(context, model);
        const frame = plane.frameOf(640, 640, extent, theme.size, false), small = image.getContext("2d");
        const wrong = [];
        for (let i = 1; i < n - 1; i++) for (let j = 1; j < n - 1; j++) {
          const a = context.getImageData(Math.floor(frame.x(j / (n - 1))), Math.floor(frame.y(i / (n - 1))), 1, 1).data;
          const b = small.getImageData(j, n - 1 - i, 1, 1).data;
          if (a.join() !== b.join()) wrong.push([i, j, a.join(), b.join()]);
        }
        return wrong; }""",
        given,
    )
    assert got == []
    assert page.problems == []


def test_a_chosen_or_wrong_point_and_the_boundary_are_to_be_seen(page):
    given = {"n": 3, "values": [-1.0, 0.0, 1.0] * 3, "points": [[0.25, 0.5, 0, 0], [0.75, 0.5, 1, 1]]}
    changed = page.evaluate(
        "async (given) => {"
        + MODEL
        + """
        const context = canvas.getContext("2d");
        const drawn = (more) => {
          plane.drawPlane(context, {...model, ...more});
          return context.getImageData(0, 0, 640, 640).data;
        };
        const plain = drawn({}).slice();
        const differ = (more) => drawn(more).reduce((sum, v, k) => sum + (v !== plain[k]), 0);
        const line = plane.outline(grid, extent);
        const cases = {same: {}, chosen: {chosen: 0}, wrong: {wrong: [0, 1]}, lines: {lines: line}, next: {next: line},
          at: {at: [0.5, 0.5]}, fewer: {points: []}, legend: {legend: "F"}};
        return Object.fromEntries(Object.entries(cases).map(([name, more]) => [name, differ(more)])); }""",
        given,
    )
    assert changed.pop("same") == 0
    assert all(count > 50 for count in changed.values()), changed
    assert page.problems == []


AXES = [(7e-4, 6.0), (0.04, 0.09), (0.0951, 1.0), (0.2, 6.0), (2.0, 2.4), (0.051, 0.064), (5.2e-4, 6.1e-4), (5.0, 5.0001)]
AXES += [(1e-14, 10.0), (0.999, 1.001), (1e-150, 1e150), (3e-7, 8e-7), (0.1, 1000.0), (9.5, 10.5)]


@needs_node
@pytest.mark.parametrize("room", [40, 95, 400])
def test_labels_of_a_logarithmic_axis_say_their_places_and_never_overlap(room):
    gap = 18
    found = js(
        "logticks.js",
        """given.axes.map(([least, most]) => { const places = m.logPlaces(least, most);
        const at = (v) => given.room * (Math.log(v) - Math.log(least)) / (Math.log(most) - Math.log(least));
        return [places, m.logLabels(places, at, given.gap, false)]; })""",
        {"axes": AXES, "room": room, "gap": gap},
    )
    for (least, most), (places, labels) in zip(AXES, found, strict=True):
        assert all(least * (1 - 1e-8) <= v <= most * (1 + 1e-8) for v in places)
        said = [(v, text) for v, text in zip(places, labels, strict=True) if text is not None]
        assert len(said) >= (2 if room > 90 else 1), (least, most)
        spots = room * np.log([v / least for v, _ in said]) / np.log(most / least)
        assert (np.diff(spots) >= gap * (1 - 1e-9)).all()
        assert [read(text) for _, text in said] == pytest.approx([value for value, _ in said], rel=1e-8)


def read(text):
    """The number that a label says: 0.5, 10⁻³, 5.2×10⁻⁴."""
    raised = "⁰¹²³⁴⁵⁶⁷⁸⁹"
    if not any(c in text for c in raised):
        return float(text)
    mantissa, _, power = text.rpartition("10")
    return float(mantissa.rstrip("×") or 1) * 10.0 ** int(power.translate(str.maketrans(raised + "⁻", "0123456789-")))


@pytest.mark.parametrize("limits", [[7e-4, 6.0], [0.04, 0.09], [0.0951, 1.0], [1e-9, 1e3], [2.0, 2.4], [1e-14, 10.0]])
def test_a_logarithmic_axis_has_labels_whatever_its_ends(page, limits):
    texts = page.evaluate(
        """async (limits) => {
        const {createChart, show} = await import("/js/views/chart.js"), {readTheme} = await import("/js/views/theme.js");
        const host = document.createElement("div"); document.body.append(host);
        const texts = [], plain = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...at) {
          texts.push(text);
          return plain.call(this, text, ...at);
        };
        const range = {x: [1, 1000], y: limits};
        const plot = createChart(host, {theme: readTheme(host), width: 500, height: 200, xLog: true, xLabel: "step", yLabel: "Cost",
          series: [], range: () => range});
        show(plot, [range.x], range);
        for (let k = 0; k < 10_000 && !texts.includes("Cost"); k++) await new Promise(requestAnimationFrame);
        CanvasRenderingContext2D.prototype.fillText = plain; plot.destroy(); host.remove();
        return [...new Set(texts)]; }""",
        limits,
    )
    assert {"1", "10", "100", "10³", "step", "Cost"} <= set(texts)
    assert len(set(texts) - {"1", "10", "100", "10³", "step", "Cost"}) >= 2, texts
    assert page.problems == []
