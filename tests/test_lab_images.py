"""The lab's second page: saved runs of images by ids, never by paths; what it answers, refuses and holds; the page in Chromium."""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from made_up import CLASSES, EXPERIMENT, made_up_images, made_up_run
from netbp.experiments import CifarExperiment, MnistExperiment, answers
from netbp.experiments.answers import answers_of
from netbp.experiments.images import opinions
from netbp.lab import image_files, image_runs
from netbp.lab.answers import Lab
from netbp.lab.image_runs import ImageRuns
from netbp.lab.launch import Launch, listen
from netbp.lab.runs import Gone
from netbp.lab.serving import server_of
from netbp.run import UNDER_WAY, Run
from netbp.runfile import glance
from patience import MILLISECONDS, SECONDS

same = np.testing.assert_array_equal
LINE = {"cost": 0.5, "top1": 0.3, "held_out": 0.6, "held_out_top1": 0.25, "seconds": 5.0, "images_per_second": 9.0}


@pytest.fixture(scope="module", autouse=True)
def data() -> Iterator[None]:
    """A small made-up data set in the place of CIFAR-10, and smaller pieces of work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CifarExperiment, "_all", lambda self: made_up_images())
        patch.setattr(answers, "BLOCK", 16)
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of images, one of them under way, a run that is none of images, and files that are no runs."""
    place = tmp_path_factory.mktemp("runs")
    made_up_run(seed=1).save(place / "first.npz")
    made_up_run(seed=2).save(place / "second.npz")
    replace(made_up_run(seed=3), status="interrupted", message=f"{UNDER_WAY} 9 of 15").save(place / "going.npz")
    lines = [{"epoch": float(k), "step": 3 * k, **LINE} for k in range(1, 5)]
    (place / "going.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"epoch": 5, "st')
    replace(made_up_run(), settings={"experiment": "stochastic"}).save(place / "plane.npz")
    (place / "broken.npz").write_bytes(b"PK\x03\x04 no run")
    (place / "empty.npz").write_bytes(b"")
    (place / "a folder.npz").mkdir()
    (place.parent / "secret.npz").write_bytes((place / "first.npz").read_bytes())
    return place


@pytest.fixture
def runs(folder: Path) -> Iterator[ImageRuns]:
    made = ImageRuns(folder)
    yield made
    made.close()


def named(runs: ImageRuns, name: str) -> str:
    (found,) = [entry["id"] for entry in runs.listed()["runs"] if entry["name"] == name]
    return str(found)


def header(frame: bytes) -> dict[str, Any]:
    told = json.loads(frame[8 : 8 + int.from_bytes(frame[4:8], "little")])
    assert isinstance(told, dict)
    return told


def sections(frame: bytes) -> dict[str, Any]:
    at, out = 8 + int.from_bytes(frame[4:8], "little"), {}
    for section in header(frame)["sections"]:
        values = np.frombuffer(frame, section["dtype"], int(np.prod(section["shape"])), at)
        out[section["name"]] = values.reshape(section["shape"])
        at += -(-values.nbytes // 8) * 8
    return out


def waited(question: Any) -> Any:
    """The answer, once it is prepared."""
    for _ in range(round(10 * SECONDS)):
        answer = question()
        if "preparing" not in (answer if isinstance(answer, dict) else header(answer)):
            return answer
        time.sleep(0.1)
    raise AssertionError("the answer was never there")


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 50), **how: Any) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, kind, **how)
    return out.getvalue()


# -- what is there -----------------------------------------------------------------------------------------------------------


def test_the_list_has_the_runs_of_images_and_nothing_else(runs: ImageRuns) -> None:
    listed = {entry["name"]: entry for entry in runs.listed()["runs"]}
    assert set(listed) == {"first", "second", "going"}
    assert len({entry["id"] for entry in listed.values()}) == 3
    first, going = listed["first"], listed["going"]
    assert [first[key] for key in ("experiment", "epochs", "of", "status", "training")] == ["cifar", 3, 3, "finished", False]
    assert first["right"] == 0.5
    assert (going["training"], going["epochs"], going["right"]) == (True, 4, 0.75)  # the log is ahead of the file
    assert not any("/" in str(value) for entry in listed.values() for value in entry.values())


def test_ids_say_nothing_of_paths_and_no_path_is_an_id(runs: ImageRuns, folder: Path) -> None:
    for name in ("first", "first.npz", "../secret", str(folder / "first.npz"), "", "plane"):
        with pytest.raises(Gone):
            runs.held(name)


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert ImageRuns(tmp_path / "none").listed() == {"runs": []}


LOGS = {
    "NaN": '{"epoch": NaN}', "infinity": '{"epoch": 1e999}', "a long number": '{"epoch": 1' + "0" * 400 + "}",
    "longer": '{"epoch": ' + "9" * 5000 + "}", "text": '{"epoch": "7"}', "a list": "[]", "null": "null", "deep": "[" * 100_000,
    "no UTF-8": "\udc80", "numbers that are none": json.dumps(LINE | {"epoch": 4.0, "held_out_top1": np.nan, "seconds": np.inf}),
    "texts": json.dumps(dict.fromkeys(LINE, "x") | {"epoch": 4.0}), "a long cost": '{"epoch": 4.0, "cost": 1' + "0" * 400 + "}",
}  # fmt: skip


@pytest.mark.parametrize("line", LOGS)
def test_no_log_keeps_the_list_from_being_sent(tmp_path: Path, line: str) -> None:
    replace(made_up_run(), status="interrupted", message=f"{UNDER_WAY} 9 of 15").save(tmp_path / "going.npz")
    (tmp_path / "going.jsonl").write_text(f"{LOGS[line]}\n", encoding="utf-8", errors="surrogateescape")
    runs = ImageRuns(tmp_path)
    (entry,) = runs.listed()["runs"]
    for answer in (entry, runs.curves(entry["id"])):
        json.dumps(answer, allow_nan=False, ensure_ascii=False).encode()


HEADERS: dict[str, Any] = {
    "settings are a list": {"settings": []}, "settings are a text": {"settings": "preprocessing classes shape"},
    "fields are a list": {"settings": {"preprocessing": 1, "classes": 1, "shape": 1, "fields": [1]}},
    "half a character": {"message": "\ud800"}, "an infinite step": {"step": "1e999"},
}  # fmt: skip


@pytest.mark.parametrize("what", HEADERS)
def test_a_file_that_says_what_no_run_says_is_not_listed(monkeypatch: pytest.MonkeyPatch, folder: Path, what: str) -> None:
    def other(path: Path, *names: str) -> Any:
        header, arrays = glance(path, *names)
        text = json.dumps({**header, **HEADERS[what]} if path.stem == "first" else header)
        return json.loads(text.replace('"1e999"', "1e999")), arrays

    monkeypatch.setattr(image_files, "glance", other)
    assert {entry["name"] for entry in ImageRuns(folder).listed()["runs"]} == {"second", "going"}


def test_the_list_is_bounded_and_reads_a_file_once(folder: Path, runs: ImageRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_files, "NEWEST", 2)
    assert len(runs.listed()["runs"]) <= 2
    monkeypatch.setattr(image_files, "NEWEST", 100)
    runs.listed()
    monkeypatch.setattr(image_files, "glance", None)  # would fail, were it called
    assert len(runs.listed()["runs"]) == 3


def test_curves_come_from_the_log_while_a_run_trains_and_from_the_run_after(runs: ImageRuns, tmp_path: Path, folder: Path) -> None:
    told = runs.curves(named(runs, "going"))
    assert told["epoch"] == [1.0, 2.0, 3.0, 4.0]
    assert told["curves"]["top1"] == [30.0] * 4
    assert told["curves"]["top5"] == [None] * 4
    told = runs.curves(named(runs, "first"))
    assert told["epoch"] == [1.0, 2.0, 3.0]
    assert told["curves"]["cost"] == [0.9, 0.6, 0.5]
    assert told["curves"]["held_out_top1"] == [90.0, 60.0, 50.0]
    # a log that does not grow is that of a run that stands still
    shutil.copy(folder / "going.npz", tmp_path / "going.npz")
    (tmp_path / "going.jsonl").write_bytes((folder / "going.jsonl").read_bytes())
    for name in ("going.npz", "going.jsonl"):
        os.utime(tmp_path / name, (1e9, 1e9))
    (stopped,) = ImageRuns(tmp_path).listed()["runs"]
    assert (stopped["training"], stopped["status"], stopped["epochs"]) == (False, "interrupted", 3)


# -- what the network says ---------------------------------------------------------------------------------------------------


def test_the_confusion_matrix_is_the_librarys_and_its_cells_hold_its_images(runs: ImageRuns) -> None:
    run, images, name = made_up_run(seed=1), made_up_images(), named(runs, "first")
    told = waited(lambda: runs.confusion(name))
    found = answers_of(run, images)
    assert found is not None
    counted = found.confusion()
    same(told["counts"], counted.counts)
    assert told["cells"] == [[list(cell) for cell in row] for row in counted.cells]
    assert (told["images"], told["wrong"], told["newer"]) == (40, 40 - counted.right, False)
    same(found.outputs, opinions(run, np.asarray(images.test.x)).outputs)  # piece by piece or all at once
    seen = []
    for row in range(10):
        for column in range(10):
            frame = runs.cell(name, row, column, 0, 48)
            assert header(frame)["of"] == counted.counts[row, column]
            seen += header(frame)["image"]
            pixels = sections(frame)["pixels"]
            at = np.array(header(frame)["image"], dtype=int) - 1
            same(pixels, np.asarray(images.test.x)[at].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    assert sorted(seen) == list(range(1, 41))


def test_mistakes_are_those_in_either_order_page_by_page(runs: ImageRuns) -> None:
    name = named(runs, "first")
    told = waited(lambda: runs.confusion(name))
    pages = [runs.mistakes(name, first, 7, "test") for first in range(0, told["wrong"], 7)]
    images = [image for page in pages for image in header(page)["image"]]
    assert images == sorted(images)
    assert len(images) == told["wrong"]
    surest = runs.mistakes(name, 0, 48, "surest")
    assert sorted(header(surest)["image"]) == images
    most = sections(surest)["outputs"].max(axis=1)
    assert (np.diff(most) <= 0).all()
    assert header(runs.mistakes(name, 10**6, 48, "test"))["image"] == []
    with pytest.raises(ValueError, match='"test" or "surest"'):
        runs.mistakes(name, 0, 5, "random")
    with pytest.raises(ValueError, match="10 classes"):
        runs.cell(name, 0, 10, 0, 5)


def test_a_file_is_classified_as_the_same_pixels_are(runs: ImageRuns) -> None:
    """A test image saved as a PNG and dropped gets the answers, and the maps, of the test image."""
    name, x = named(runs, "first"), np.asarray(made_up_images().test.x)
    out = io.BytesIO()
    Image.fromarray(x[6].reshape(3, 32, 32).transpose(1, 2, 0)).save(out, "PNG")
    dropped, tested = runs.classify(name, out.getvalue()), runs.maps(name, 7)
    assert header(dropped)["stages"] == header(tested)["stages"]
    for key, values in sections(tested).items():
        same(sections(dropped)[key], values)
    assert (header(dropped)["image"], header(tested)["image"]) == (None, 7)
    assert [stage["bars"] for stage in header(tested)["stages"]] == [False, False, False, True, True]
    np.testing.assert_allclose(sections(tested)["outputs"].sum(), 1.0, atol=1e-5)
    with pytest.raises(ValueError, match="40 test images"):
        runs.maps(name, 41)


BAD = {
    "nothing": (b"", "empty"),
    "text": (b"<html>", "not an image"),
    "a cut PNG": (picture()[:200], "not an image"),
    "PostScript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", "not an image"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_an_image_is_refused_in_a_line(runs: ImageRuns, name: str) -> None:
    content, said = BAD[name]
    with pytest.raises(ValueError, match=said) as refused:
        runs.classify(named(runs, "first"), content)
    assert "\n" not in str(refused.value)


def test_a_bomb_is_refused_before_it_is_unpacked(runs: ImageRuns) -> None:
    """A few kilobytes that would become fifty million pixels, below Pillow's own limit; only the header is read."""
    out = io.BytesIO()
    Image.new("1", (7_000, 7_000)).save(out, "PNG")
    assert len(out.getvalue()) < 50_000
    with pytest.raises(ValueError, match="too many pixels"):
        runs.classify(named(runs, "first"), out.getvalue())


def test_pictures_are_unpacked_at_a_bounded_size(runs: ImageRuns) -> None:
    """From the head alone: what a screen has and a camera's JPEG are taken, and nothing that becomes hundreds of megabytes."""
    name = named(runs, "first")
    for kind, mode, size, taken in (
        ("PNG", "RGBA", (3840, 2160), True),
        ("PNG", "RGBA", (4097, 4097), False),
        ("PNG", "1", (4097, 4097), False),
        ("WEBP", "RGB", (3000, 3000), False),
        ("JPEG", "L", (6000, 4000), True),
        ("JPEG", "L", (7000, 6000), False),
    ):
        out = io.BytesIO()
        Image.new(mode, size).save(out, kind)
        if taken:
            assert header(runs.classify(name, out.getvalue()))["classes"] == list(CLASSES)
        else:
            with pytest.raises(ValueError, match="too many pixels"):
                runs.classify(name, out.getvalue())


def test_filters_are_the_networks_and_a_dense_network_has_pictures_of_weights(runs: ImageRuns, tmp_path: Path) -> None:
    told = runs.filters(named(runs, "first"))
    W = EXPERIMENT.network().views(made_up_run(seed=1).p)[0][0]
    same(sections(told)["filters"], W.astype(np.float32))
    experiment = MnistExperiment()
    run = made_up_run()
    dense = experiment.network().draw(np.random.default_rng(0))
    settings = dict(run.settings) | {"experiment": "mnist", "fields": {"layers": "784-30-10"}, "shape": [1, 28, 28]}
    replace(run, state=run.state._replace(p=dense), settings=settings).save(tmp_path / "digits.npz")
    digits = ImageRuns(tmp_path)
    told = digits.filters(named(digits, "digits"))
    assert header(told)["dense"] is True
    same(sections(told)["filters"].reshape(30, 784), experiment.network().views(dense)[0][0].astype(np.float32))


def test_a_data_set_that_is_missing_is_told_in_a_line_and_never_fetched(
    runs: ImageRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netbp.data.cifar import cifar10

    monkeypatch.setattr(CifarExperiment, "_all", lambda self: cifar10())
    monkeypatch.setenv("NETBP_CACHE", str(tmp_path))
    monkeypatch.delenv("NETBP_DATA", raising=False)
    name = named(runs, "first")
    for question in (lambda: runs.confusion(name), lambda: runs.maps(name, 1)):
        with pytest.raises(ValueError, match=r"data set is not here.*NETBP_DATA") as refused:
            waited(question)
        assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


# -- what it holds -----------------------------------------------------------------------------------------------------------


def test_few_runs_are_held_and_work_for_one_that_was_put_away_stops(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, going = ImageRuns(folder, limit=1), threading.Event()

    def slow(run: Run, images: Any, told: Any) -> Any:
        going.set()
        while told(1, 40):
            time.sleep(0.01)

    monkeypatch.setattr(image_runs, "answers_of", slow)
    first, second = named(runs, "first"), named(runs, "second")
    assert runs.confusion(first)["preparing"]
    assert going.wait(SECONDS)
    held = runs.held(first)
    runs.held(second)
    assert held.ready.wait(SECONDS)
    assert "put away" in held.error
    assert list(runs._held) == [second]


def test_a_run_that_trains_stays_as_it_was_until_the_newest_is_asked_for(tmp_path: Path) -> None:
    run = replace(made_up_run(seed=4), status="interrupted", message=f"{UNDER_WAY} 9 of 15")
    run.save(tmp_path / "going.npz")
    runs = ImageRuns(tmp_path)
    name = named(runs, "going")
    before = waited(lambda: runs.confusion(name))
    replace(run, state=made_up_run(seed=5).state).save(tmp_path / "going.npz")
    again = waited(lambda: runs.confusion(name))
    assert (again["counts"], again["newer"]) == (before["counts"], True)
    runs.confusion(name, fresh=True)
    after = waited(lambda: runs.confusion(name))
    assert after["newer"] is False
    found = answers_of(made_up_run(seed=5), made_up_images())
    assert found is not None
    same(after["counts"], found.confusion().counts)


# -- over sockets, and in a browser ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Launch]:
    launch, lab = listen(0), Lab(folder)
    server = server_of(launch, lab)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [launch.socket]}, daemon=True)
    thread.start()
    yield launch
    server.should_exit = True
    thread.join(SECONDS)
    lab.close()
    launch.socket.close()


def ask(launch: Launch, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> tuple[int, bytes]:
    headers = {"X-Netbp-Token": launch.token, "Origin": f"http://127.0.0.1:{launch.port}", "Content-Type": kind}
    with closing(http.client.HTTPConnection("127.0.0.1", launch.port, timeout=SECONDS)) as connection:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


REFUSED = {
    "a file's name": ("first.npz/curves", b"{}", 410),
    "an unknown id": ("0123456789abcdef/confusion", b"{}", 410),
    "a path in the body": ("ID/curves", b'{"path": "/etc/passwd"}', 422),
    "a row below 0": ("ID/cell", b'{"row": -1, "column": 0}', 422),
    "no column": ("ID/cell", b'{"row": 1}', 422),
    "image 0": ("ID/maps", b'{"image": 0}', 422),
    "an order that is none": ("ID/mistakes", b'{"order": "../x"}', 422),
    "no JSON": ("ID/mistakes", b"{", 400),
    "no image": ("ID/classify", b"{}", 422),
}


@pytest.mark.parametrize("name", REFUSED)
def test_requests_that_make_no_sense_are_refused_in_a_line(served: Launch, name: str) -> None:
    listed = json.loads(ask(served, "GET", "/api/images")[1])["runs"]
    path, body, expected = REFUSED[name]
    waited(lambda: json.loads(ask(served, "POST", f"/api/images/{listed[0]['id']}/confusion", b"{}")[1]))
    status, content = ask(served, "POST", "/api/images/" + path.replace("ID", listed[0]["id"]), body)
    assert status == expected, content
    said = json.loads(content)["error"]
    assert "\n" not in said
    assert str(Path.home()) not in said


def test_an_image_goes_as_bytes_of_a_limited_length(served: Launch) -> None:
    (name, *_) = (entry["id"] for entry in json.loads(ask(served, "GET", "/api/images")[1])["runs"])
    status, content = ask(served, "POST", f"/api/images/{name}/classify", picture("JPEG"), "application/octet-stream")
    assert status == 200
    assert header(content)["classes"] == list(CLASSES)
    try:
        status, _ = ask(served, "POST", f"/api/images/{name}/classify", bytes(5 * 2**20), "application/octet-stream")
    except ConnectionError:
        status = 413  # it hung up before all was sent
    assert status == 413


CHROMIUM = shutil.which("chromium")


def a_reload_returns_to(page: Any, run: str) -> None:
    """To the page of images, and to the run that was chosen there."""
    page.wait_for_selector(".gallery-item")
    page.reload()
    page.wait_for_selector(f".saved-run[aria-checked=true]:has-text('{run}')")
    page.wait_for_selector(".gallery-item")


@pytest.mark.skipif(CHROMIUM is None, reason="looks at the page in Chromium, which is not installed")
def test_the_page_shows_a_run_and_classifies_a_file(served: Launch, folder: Path, tmp_path: Path) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="drives Chromium with playwright, which is not installed")
    (tmp_path / "mine.png").write_bytes(picture())
    wrong: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.set_default_timeout(MILLISECONDS)
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(served.address)
        page.click("#tab-images")
        page.wait_for_selector(".saved-run")
        assert page.locator(".saved-run").count() == 3
        assert page.locator(".saved-run[aria-checked=true]").inner_text().startswith("going")  # what trains comes first
        page.wait_for_selector(".image-reading:has-text('epoch 4')")
        with (folder / "going.jsonl").open("a") as log:  # it comes further
            log.write("\n" + json.dumps({"epoch": 5.0, "step": 15, **LINE}) + "\n")
        page.wait_for_selector(".image-reading:has-text('epoch 5')")
        page.click(".saved-run:has-text('first')")
        page.wait_for_selector(".image-reading:has-text('epoch 3')")
        a_reload_returns_to(page, "first")
        found = answers_of(made_up_run(seed=1), made_up_images())
        assert found is not None
        counts = found.confusion().counts
        shown = page.locator(".cell-count").all_inner_texts()
        same(np.array(shown, dtype=int).reshape(10, 10), counts)
        # with the keyboard to the fullest cell, whose images are then shown
        row, column = (int(k) for k in np.unravel_index(counts.argmax(), counts.shape))
        page.focus(".cell[tabindex='0']")
        for key, times in (("ArrowDown", row), ("ArrowRight", column)):
            for _ in range(times):
                page.keyboard.press(key)
        page.keyboard.press("Enter")
        page.wait_for_selector(f".gallery-heading:has-text('{CLASSES[column]}, ')")
        assert page.locator(".gallery-item").count() == min(counts.max(), 24)
        assert str(counts.max()) in page.inner_text(".gallery-heading")
        assert page.locator(".cell[aria-pressed=true]").count() == 1
        # an image's pixels on the page are the data set's
        image = int(page.get_attribute(".gallery-item", "data-image") or 0)
        pixels = page.evaluate(
            "() => { const c = document.querySelector('.gallery-item canvas');"
            "return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]; }"
        )
        rgb = np.array(pixels).reshape(32, 32, 4)[..., :3]
        same(rgb, np.asarray(made_up_images().test.x)[image - 1].reshape(3, 32, 32).transpose(1, 2, 0))
        page.click(".gallery-item")
        page.wait_for_selector(f".apart-sentence:has-text('Test image {image},')")
        page.set_input_files(".drop-zone input", tmp_path / "mine.png")
        page.wait_for_selector(".apart-sentence:has-text('mine.png: the network says')")
        assert page.locator(".apart .class-bar").count() == 10
        page.set_input_files(".drop-zone input", {"name": "none.png", "mimeType": "image/png", "buffer": b"no image"})
        page.wait_for_selector(".images-error:has-text('not an image')")
        page.set_viewport_size({"width": 360, "height": 740})
        page.wait_for_function("document.documentElement.scrollWidth <= 360")
        browser.close()
    # the browser itself reports the refusal; anything else would be a fault
    assert [line for line in wrong if "422" not in line] == []
