"""The lab's page as files: nothing from elsewhere, no inline scripts, ids that exist; its JavaScript in node, against Python."""

import json
import re
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

import netbp.lab
from netbp.lab.address import address_of, different, experiment_at, experiment_of
from netbp.lab.fields import fields
from netbp.lab.frames import encoded
from patience import SECONDS

STATIC = Path(netbp.lab.__file__).parent / "static"
OWN = [path for path in sorted(STATIC.rglob("*")) if path.suffix in {".html", ".css", ".js", ".svg"} and "vendor" not in path.parts]
SCRIPTS = [path for path in OWN if path.suffix == ".js"]
INDEX = (STATIC / "index.html").read_text()
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML", "http://www.w3.org/1999/xhtml"}

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="runs the page's JavaScript in node, which is not installed")


def node(script: str, given: object = None) -> object:
    """What a module script hands to `out`; `given` is its input, and "js/..." in its imports is the page's."""
    script = re.sub(r'from "js/', f'from "{(STATIC / "js").as_uri()}/', script)
    prelude = 'import { readFileSync } from "node:fs"; const given = JSON.parse(readFileSync(0, "utf-8"));'
    prelude += "const out = (value) => console.log(JSON.stringify(value));"
    done = subprocess.run(
        ["node", "--input-type=module", "--eval", prelude + script],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# -- the files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_no_file_asks_for_anything_elsewhere(path):
    found = set(re.findall(r"https?://[^\s\"'`)<>]+", path.read_text()))
    assert found <= NAMESPACES | {"http://127.0.0.1"}
    assert not re.search(r"url\(\s*['\"]?//|import\s*\(\s*['\"]https?:", path.read_text())


def test_the_page_has_no_inline_script_and_no_inline_style():
    assert not re.search(r"\sstyle\s*=|\son\w+\s*=|<style|javascript:", INDEX)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", INDEX))
    assert not any(re.search(r"setAttribute\(\s*[\"']style[\"']|\beval\(|new Function\(", path.read_text()) for path in SCRIPTS)


def test_whatever_replaces_elements_keeps_the_focus():
    """By the two `fill`, which keep it."""
    found = {path.relative_to(STATIC).as_posix() for path in SCRIPTS if re.search(r"replaceChildren|outerHTML", path.read_text())}
    assert found == {"js/controls/dom.js", "js/views/dom.js"}


def test_what_the_page_links_to_exists():
    linked = re.findall(r'(?:href|src)="(static/[^"]+)"', INDEX)
    assert linked
    assert [link for link in linked if not (STATIC.parent / link).is_file()] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_what_a_module_imports_exists(path):
    imported = re.findall(r'^(?:import|export)\s[^;]*?from\s+"([^"]+)"|^import\s+"([^"]+)"', path.read_text(), re.MULTILINE)
    assert [name for pair in imported for name in pair if name and not (path.parent / name).is_file()] == []


def test_ids_are_unique_and_the_ids_that_scripts_and_labels_name_exist():
    ids = re.findall(r'\sid="([^"]+)"', INDEX)
    assert len(set(ids)) == len(ids)
    made = {name for path in SCRIPTS for name in re.findall(r"\bid: \"([\w-]+)\"", path.read_text())}
    tabs = {f"tab-{name}" for name in ("network", "walk", "compare", "multistart", "surface")}
    asked = {name for path in SCRIPTS for name in re.findall(r"\bslot\(\"([\w-]+)\"\)", path.read_text())}
    labels = {name for names in re.findall(r'aria-(?:labelledby|controls)="([^"]+)"', INDEX) for name in names.split()}
    assert asked <= set(ids) | made
    assert labels <= set(ids) | tabs


def test_every_region_and_every_tool_of_the_page_has_a_name():
    regions = re.findall(r"<(?:section|aside|nav)\b[^>]*>", INDEX)
    assert regions
    assert [tag for tag in regions if "aria-label" not in tag] == []
    for name in ("plane", "network", "cost", "gradient", "weights", "walk", "compare", "multistart", "surface", "images"):
        assert f'class="slot" id="{name}"' in INDEX


def test_every_icon_button_has_a_label():
    for path in SCRIPTS:
        for call in re.findall(r"\bbutton\(\{(.*?)click", path.read_text(), re.DOTALL):
            assert "label" in call, f"{path.name}: {call}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_files_stay_short(path):
    assert len(path.read_text().splitlines()) <= 400


def test_every_colour_stands_once_for_light_and_dark():
    text = (STATIC / "style" / "tokens.css").read_text()
    names = re.findall(r"^\s*(--[\w-]+):", text, re.MULTILINE)
    assert len(names) == len(set(names))
    pairs = re.findall(r"(--[\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", text)
    assert len(pairs) == len(re.findall(r"#[0-9a-f]{3,8}\b", text)) / 2 > 20
    assert {name for name, _, _ in pairs} >= {f"--category-{k}" for k in range(8)} | {"--ink", "--paper", "--card", "--line"}
    assert re.findall(r"color-scheme: ([\w ]+);", text) == ["light dark", "light", "dark"]


# -- addresses: the same text in both languages ---------------------------------------------------------------------------------

EXPERIMENTS = [
    {},
    {"rate": 0.1},
    {"rate": 1.0, "layers": "2-4-2"},
    {"rate": 1e-7, "penalty": 1.5e-5, "tolerance": 0.0},
    {"rate": 123456789.25, "decay": 1e-10, "scale": 2.0},
    {"rate": 1e22, "damping": 2e-300},
    {"rate": 0.1 + 0.2, "held_out": 1 / 3},
    {"points": "spirals:200:0.1:0", "activation": "tanh,relu,identity", "seed": 2**32 - 1},
    {"points": "0.1,0.1,A;0.3,0.4,B;-1e-07,1e-3,C", "layers": "2-3-3", "cost": "softmax_log_loss"},
    {"method": "levenberg-marquardt", "residual": "norms", "steps": 500},
    {"rule": "adam", "constants": "beta1=0.8,epsilon=1e-08", "changes": "5000:0.01;10000:0.001", "sampling": "epochs", "batch": 5},
]


@needs_node
def test_addresses_are_the_same_text_in_python_and_javascript():
    script = 'import { addressOf } from "js/address.js"; out(given.all.map((e) => addressOf(e, given.fields)));'
    whole = [{entry["name"]: entry["default"] for entry in fields()["fields"]} | given for given in EXPERIMENTS]
    expected = [address_of(experiment_of(given)) for given in EXPERIMENTS]
    assert node(script, {"all": whole, "fields": fields()["fields"]}) == expected


@needs_node
def test_javascript_reads_back_what_python_writes_and_the_other_way():
    script = """import { experimentOf, differencesOf } from "js/address.js";
    out(given.all.map((a) => differencesOf(experimentOf(a, given.fields), given.fields)));"""
    addresses = [address_of(experiment_of(given)) for given in EXPERIMENTS]
    found = node(script, {"all": addresses, "fields": fields()["fields"]})
    assert found == [different(experiment_of(given)) for given in EXPERIMENTS]
    assert [experiment_at(address) for address in addresses] == [experiment_of(given) for given in EXPERIMENTS]


@needs_node
@pytest.mark.parametrize(
    ("address", "line"),
    [
        ("nonsense=1", 'the address has "nonsense", which is no field of an experiment'),
        ("rate=fast", 'rate is a number, but "fast" was given'),
        ("rate=", 'rate is a number, but "" was given'),
        ("seed=1.5", 'seed is a whole number, but "1.5" was given'),
        ("rate=1&rate=2", "an address names each field once"),
    ],
)
def test_an_address_that_says_nothing_is_refused_in_a_line(address, line):
    script = """import { experimentOf } from "js/address.js";
    try { experimentOf(given.address, given.fields); out(""); } catch (error) { out(error.message); }"""
    assert node(script, {"address": address, "fields": fields()["fields"]}) == line


@needs_node
def test_what_gets_a_page_in_is_taken_out_of_the_fragment():
    script = 'import { splitFragment } from "js/address.js"; out(given.map(splitFragment));'
    hashes = ["", "#token=a-_b", "#token=x&rate=0.1", "#rate=0.1&token=x&seed=1", "#code=c&seed=1", "#token=%&code=", "#seed=1"]
    assert node(script, hashes) == [
        {"address": "", "token": None, "code": None},
        {"address": "", "token": "a-_b", "code": None},
        {"address": "rate=0.1", "token": "x", "code": None},
        {"address": "rate=0.1&seed=1", "token": "x", "code": None},
        {"address": "seed=1", "token": None, "code": "c"},
        {"address": "", "token": "%", "code": ""},
        {"address": "seed=1", "token": None, "code": None},
    ]


@needs_node
@pytest.mark.parametrize(
    ("kept", "token", "code", "after"),
    [
        ("", None, None, ""),
        ("", "right", None, "right"),
        ("", "wrong", None, ""),
        ("right", "wrong", None, "right"),
        ("right", "right too", None, "right"),
        ("old", "right", None, "right"),
        ("old", "wrong", None, "old"),
        ("", None, "good", "right"),
        ("old", None, "good", "right"),
        ("right", None, "used", "right"),
        ("", None, "used", ""),
        ("old", "right", "used", "right"),
        ("right", "wrong", "used", "right"),
    ],
)
def test_a_link_never_takes_the_place_of_a_token_that_fits(kept, token, code, after):
    script = """import { enter } from "js/entry.js";
    let token = given.kept;
    const answered = (status, told) => ({ ok: status === 200, status, json: async () => told });
    const send = async (path, { headers, body }) => path === "api/enter"
      ? (JSON.parse(body).code === "good" ? answered(200, { token: "right" }) : answered(401, { error: "used" }))
      : (headers["X-Netbp-Token"].startsWith("right") ? answered(200, { fields: [] }) : answered(401, { error: "no" }));
    await enter(given, { token: () => token, setToken: (value) => (token = value) }, send);
    out(token);"""
    assert node(script, {"kept": kept, "token": token, "code": code}) == after


# -- frames and curves --------------------------------------------------------------------------------------------------------


@needs_node
def test_a_frame_that_python_writes_is_read_where_it_lies(tmp_path):
    rng = np.random.default_rng(0)
    p, grid = rng.standard_normal(23), rng.standard_normal((7, 7)).astype(np.float32)
    sections = {"p": p, "grid": grid, "category": np.arange(49, dtype=np.uint8).reshape(7, 7), "costs": rng.random((3, 4))}
    (tmp_path / "frame").write_bytes(encoded({"step": 3, "seen": 4, "message": "δ"}, sections))
    script = """import { decodeFrame } from "js/frame.js";
    const bytes = readFileSync(given);
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const { header, p, grid, category, costs, held } = decodeFrame(buffer);
    const shared = [p, grid.values, category, costs].every((array) => array.buffer === buffer);
    out({ header, p: [...p], n: grid.n, grid: [...grid.values], category: [...category], costs: [...costs], held, shared });"""
    found = node(script, str(tmp_path / "frame"))
    assert found["header"]["step"] == 3
    assert found["header"]["message"] == "δ"
    assert found["p"] == p.tolist()
    assert found["grid"] == grid.ravel().tolist()
    assert (found["n"], found["held"], found["shared"]) == (7, None, True)
    assert found["category"] == list(range(49))
    assert found["costs"] == sections["costs"].ravel().tolist()


@needs_node
@pytest.mark.parametrize("content", [b"", b"NBF", b"<html>..", b"NBF2" + struct.pack("<I", 0)])
def test_bytes_that_are_no_frame_are_refused(content, tmp_path):
    (tmp_path / "frame").write_bytes(content)
    script = """import { decodeFrame } from "js/frame.js";
    const bytes = readFileSync(given);
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    try { decodeFrame(buffer); out(""); } catch (e) { out(e.message); }"""
    assert "a frame begins with NBF1" in node(script, str(tmp_path / "frame"))


@needs_node
def test_thinned_curves_keep_every_step_and_the_extremes():
    script = """import { appendCurves, emptyCurves, copyCurves, BINS } from "js/curves.js";
    let curves = emptyCurves(), kept = null;
    const least = [], most = [];
    for (let block = 0; block < 60; block++) {
      const costs = new Float64Array(4 * 1000), held = new Float64Array(2 * 300);
      for (let i = 0; i < 1000; i++) {
        const step = 1000 * block + i, cost = Math.abs(Math.sin(step * step)) + (step === 31234 ? 100 : 0);
        costs.set([step, step, cost, cost], 4 * i);
      }
      for (let i = 0; i < 300; i++) held.set([300 * block + i, block], 2 * i);
      curves = appendCurves(curves, { costs, held, norms: null });
      if (block === 3) kept = copyCurves(curves);
    }
    const n = curves.length;
    let gaps = 0;
    for (let i = 1; i < n; i++) if (curves.first[i] !== curves.last[i - 1] + 1) gaps++;
    out({ n, gaps, first: curves.first[0], last: curves.last[n - 1], greatest: Math.max(...curves.max.subarray(0, n)),
      ordered: curves.min.subarray(0, n).every((m, i) => m <= curves.max[i]), held: curves.held.length,
      heldLast: curves.held.step[curves.held.length - 1], kept: kept.length, keptLast: kept.last[kept.length - 1], BINS });"""
    found = node(script)
    assert found["n"] <= found["BINS"]
    assert found["held"] <= found["BINS"]
    assert (found["gaps"], found["first"], found["last"], found["ordered"]) == (0, 0, 59999, True)
    assert 100 < found["greatest"] <= 101
    assert found["heldLast"] == 17999
    assert (found["kept"], found["keptLast"]) == (4000, 3999)


# -- state, player and opener, with a server that is made up ------------------------------------------------------------------

FAKE = """
import { createStore, initialState } from "js/state.js";
import { createActions } from "js/actions.js";
import { Lost, Refused } from "js/client.js";
const settle = async () => { for (let i = 0; i < 60; i++) await new Promise((resolve) => setImmediate(resolve)); };
const frames = []; // calls put off to the next animation frame
const tick = async () => { for (const call of frames.splice(0)) call(); await settle(); };
const log = [];
const server = { end: 100, gone: new Set(), down: false, most: 0, flying: 0, next: 0 };
const frame = (run, body) => {
  const step = Math.min(server.end, body.steps < 0 ? body.after + 7 : body.after + body.steps);
  const status = step === server.end ? "finished" : "running";
  return { header: { step, seen: step + 1, status, message: "", cost: 1, run }, p: new Float64Array(0), grid: null, category: null,
    costs: null, held: null, norms: null, sections: {} };
};
async function ask(name, run, answer) {
  log.push(name);
  server.most = Math.max(server.most, ++server.flying);
  await new Promise((resolve) => setImmediate(resolve));
  server.flying--;
  if (server.down) throw new Lost("down");
  if (server.gone.has(run)) throw new Refused("dropped", 410, true);
  return answer();
}
const opened = (experiment, step) => ({ run: `r${++server.next}`, experiment: { ...defaults, ...experiment }, step, status: "ready",
  address: new URLSearchParams(experiment).toString(), layers: [], size: 23, points: [[0.1, 0.1, 0, 0], [0.6, 0.3, 1, 0]],
  categories: ["A", "B"], extent: [0, 1, 0, 1], N: 2, epoch_steps: 10, scale_of_cost: 4 });
const client = {
  fields: () => ask("fields", "", () => given),
  open: (experiment, step) => ask(`open ${JSON.stringify(experiment)} ${step}`, "", () => {
    if (experiment.batch === 0) throw new Refused("batch must be from 1 to 10000, but it is 0", 422);
    return opened(experiment, step); }),
  frame: (run, body) => ask(`frame ${body.after} ${body.steps}`, run, () => frame(run, body)),
  post: (path, body) => ask(`post ${path}`, path.split("/")[2], () => opened({ changes: `${body.step}:${body.rate}` }, body.step)),
  postBinary: (path) => ask("curve", path.split("/")[2], () => frame("", { after: 0, steps: 0 })),
};
const defaults = Object.fromEntries(given.fields.map((field) => [field.name, field.default]));
let address = null;
const store = createStore(initialState(), (call) => frames.push(call));
const actions = createActions(store, client, { later: (call) => frames.push(call), wait: () => settle(),
  address: (text) => (address = store.get().opened.address), save: () => {}, enter: async () => {} });
store.set({ fields: given, speed: 30 });
await actions.start({ experiment: defaults, shown: 0, reached: 0, play: false });
await settle(); await tick();
const told = () => { const s = store.get(); return { shown: s.shown, reached: s.reached, playing: s.playing, run: s.opened.run,
  connection: s.connection, error: s.error, undo: s.undo, redo: s.redo }; };
log.length = 0;
"""


@needs_node
def test_a_paused_page_asks_nothing_and_a_playing_one_asks_once_a_frame():
    script = """for (let i = 0; i < 5; i++) await tick();
    const paused = [...log];
    actions.play(); await settle();
    const first = [...log];
    for (let i = 0; i < 8; i++) await tick();
    out({ paused, first, all: log, most: server.most, told: told() });"""
    found = node(FAKE + script, fields())
    assert found["paused"] == []
    assert found["first"] == ["frame 0 30"]
    assert found["all"] == ["frame 0 30", "frame 30 30", "frame 60 30", "frame 90 30"]
    assert found["most"] == 1
    assert found["told"] == found["told"] | {"shown": 100, "reached": 100, "playing": False}


@needs_node
def test_subscribers_hear_once_an_animation_frame():
    script = """let heard = 0; store.subscribe(() => heard++);
    for (let i = 0; i < 10; i++) actions.say(`message ${i}`);
    const before = heard; await tick(); out([before, heard]);"""
    assert node(FAKE + script, fields()) == [0, 1]


@needs_node
def test_steps_epochs_and_scrubbing():
    script = """const shown = [];
    const back = () => actions.scrub(5);
    for (const act of [actions.stepOnce, actions.stepOnce, actions.epochOnce, actions.epochOnce, back, actions.rewind]) {
      act(); await settle(); shown.push(store.get().shown);
    }
    actions.stepOnce(); actions.stepOnce(); actions.stepOnce(); await settle(); shown.push(store.get().shown);
    out({ shown, log, reached: store.get().reached });"""
    found = node(FAKE + script, fields())
    assert found["shown"] == [1, 2, 10, 20, 5, 0, 3]
    assert found["reached"] == 20
    assert found["log"][4:6] == ["frame 5 0", "frame 0 0"]


@needs_node
def test_a_dropped_run_is_made_again_where_it_stood_and_says_so():
    script = """actions.play(); await tick(); await tick(); actions.pause(); await settle();
    server.gone.add("r1"); actions.stepOnce(); await settle(); await tick();
    out({ log, told: told(), message: store.get().message });"""
    found = node(FAKE + script, fields())
    assert found["told"]["connection"] == "rebuilt"
    assert found["told"]["run"] == "r2"
    assert found["told"]["shown"] >= 60
    assert "open {} 60" in found["log"]
    assert "same digits" in found["message"]


@needs_node
def test_a_lost_server_is_told_and_the_page_goes_on_when_it_is_back():
    script = """server.down = true; actions.stepOnce(); await settle();
    const lost = told(); server.down = false; await settle(); await settle(); out([lost.connection, store.get().connection]);"""
    assert node(FAKE + script, fields()) == ["lost", "ok"]


@needs_node
def test_edits_are_undone_one_by_one_and_a_drag_as_one():
    script = """const experiments = [];
    const note = async () => {
      await settle();
      const { experiment, undo, redo } = store.get();
      experiments.push([experiment.points, undo, redo]);
    };
    actions.addPoint(0.3, 0.7, 1); await note();
    for (let i = 0; i < 5; i++) actions.movePoint(0, 0.2 + i / 100, 0.1);
    await note();
    actions.undo(); await note(); actions.undo(); await note(); actions.redo(); await note();
    out({ experiments, address });"""
    found = node(FAKE + script, fields())
    points = [points for points, _, _ in found["experiments"]]
    assert points[0] == "0.1,0.1,A;0.6,0.3,B;0.3,0.7,B"
    assert points[2:] == [points[0], "ten", points[0]]
    assert [(undo, redo) for _, undo, redo in found["experiments"]] == [(1, 0), (2, 0), (1, 1), (0, 2), (1, 1)]
    assert found["address"] == "points=0.1%2C0.1%2CA%3B0.6%2C0.3%2CB%3B0.3%2C0.7%2CB"


@needs_node
def test_a_new_category_widens_the_network():
    script = "actions.addPoint(0.5, 0.5, 2); await settle(); out(store.get().experiment.layers);"
    assert node(FAKE + script, fields()) == "2-2-3-3"


@needs_node
def test_a_refused_experiment_says_why_and_leaves_the_run():
    script = """actions.setField("batch", 0); await settle(); const refused = told();
    actions.undo(); await settle(); out([refused, told()]);"""
    refused, after = node(FAKE + script, fields())
    assert refused["error"] == "batch must be from 1 to 10000, but it is 0"
    assert refused["run"] == "r1"
    assert after["error"] == ""


@needs_node
def test_the_rate_changed_in_the_middle_joins_the_experiment():
    script = """actions.play(); await tick(); actions.pause(); await settle(); actions.changeRate(0.1); await settle();
    const middle = store.get().experiment.changes; actions.rewind(); await settle(); actions.changeRate(0.2); await settle();
    out([middle, store.get().experiment.rate, address, log]);"""
    middle, rate, address, log = node(FAKE + script, fields())
    assert middle in {"30:0.1", "60:0.1"}
    assert rate == 0.2
    assert address == "rate=0.2"
    assert any(line.endswith("/rate") for line in log)


@needs_node
def test_a_changed_rate_is_undone_at_the_step_shown():
    script = """actions.play(); await tick(); actions.pause(); await settle(); actions.changeRate(0.1); await settle();
    actions.undo(); await settle(); out([store.get().experiment.changes, log.filter((line) => line.startsWith("open")).at(-1)]);"""
    changes, asked = node(FAKE + script, fields())
    assert changes == ""
    assert asked in {"open {} 30", "open {} 60"}


@needs_node
def test_machine_code_that_is_not_ready_is_waited_for():
    script = """const real = client.frame; let calls = 0;
    client.frame = async (run, body) => {
      const still = frame(run, { after: body.after, steps: 0 });
      still.header.preparing = true;
      return calls++ < 3 && body.steps ? still : real(run, body);
    };
    actions.stepOnce(); await settle(); for (let i = 0; i < 6; i++) await tick();
    const one = store.get().shown; calls = 0; actions.play(); for (let i = 0; i < 12; i++) await tick();
    out([one, store.get().shown, store.get().playing]);"""
    assert node(FAKE + script, fields()) == [1, 100, False]


@needs_node
def test_what_is_shown_stays_when_paused_under_way():
    script = """actions.play(); actions.pause(); await settle(); await tick(); out(told());"""
    assert node(FAKE + script, fields())["shown"] == 0


@needs_node
def test_the_newest_wish_wins_while_an_experiment_is_being_opened():
    script = """for (let seed = 1; seed < 20; seed++) actions.setField("seed", seed); await settle();
    out([log.filter((line) => line.startsWith("open")).length, store.get().opened.experiment.seed]);"""
    opens, seed = node(FAKE + script, fields())
    assert seed == 19
    assert opens <= 3
