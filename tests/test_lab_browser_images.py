"""The lab's second page in Chromium: images that are dropped and pasted, clicks that come before the answer."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from made_up import CLASSES, made_up_images, made_up_run
from netbp.experiments import CifarExperiment, answers
from netbp.experiments.answers import answers_of
from netbp.lab.launch import listen
from netbp.lab.server import Lab as Served
from netbp.lab.serving import server_of
from patience import SECONDS

pytest_plugins = ["lab_pages"]

TRANSFER = """([kind, target, file, type, name]) => {
  const bytes = Uint8Array.from(atob(file), (c) => c.charCodeAt(0)), data = new DataTransfer();
  data.items.add(new File([bytes], name, {type}));
  const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})
    : new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
  document.querySelector(target).dispatchEvent(event);
  return event.defaultPrevented;
}"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A lab in this process with two saved runs of made-up images: what a page needs of a server."""
    folder: Path = tmp_path_factory.mktemp("runs")
    made_up_run(seed=1).save(folder / "first.npz")
    made_up_run(seed=2).save(folder / "second.npz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CifarExperiment, "_all", lambda self: made_up_images())
        patch.setattr(answers, "BLOCK", 16)
        patch.setenv("OMP_NUM_THREADS", "1")
        launch, lab = listen(0), Served(folder)
        server = server_of(launch, lab)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [launch.socket]}, daemon=True)
        thread.start()
        yield SimpleNamespace(origin=f"http://127.0.0.1:{launch.port}", token=launch.token, address=launch.address)
        server.should_exit = True
        thread.join(SECONDS)
        lab.close()
        launch.socket.close()


@pytest.fixture
def images(new_lab: Any, place: Any) -> Any:
    """A page of images, with a run chosen and its answers there."""
    lab = new_lab(place)
    lab.open()
    lab.page.click("#tab-images")
    lab.page.click(".saved-run:has-text('first')")
    lab.page.wait_for_selector(".gallery-item")
    lab.page.wait_for_selector(".apart-sentence:has-text('Test image 1,')")
    return lab


def png(k: int, kind: str = "PNG") -> bytes:
    """Test image k, counted from 1, as a file."""
    out = io.BytesIO()
    pixels = np.asarray(made_up_images().test.x)[k - 1].reshape(3, 32, 32).transpose(1, 2, 0)
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


def give(lab: Any, kind: str, content: bytes, name: str, target: str = "#images", media: str = "image/png") -> bool:
    return bool(lab.page.evaluate(TRANSFER, [kind, target, base64.b64encode(content).decode(), media, name]))


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_an_image_that_is_dropped_or_pasted_is_classified_as_the_library_does(images: Any, how: str) -> None:
    page = images.page
    found = answers_of(made_up_run(seed=1), made_up_images())
    for k in (3, 8):
        if how == "drop":
            assert give(images, "dragenter", png(k), f"image{k}.png", ".images-main")
            page.wait_for_selector(".is-dropping")
            assert not page.evaluate("() => document.body.classList.contains('dropping')")  # it is no table
        assert give(images, how, png(k), f"image{k}.png", "body" if how == "paste" else ".images-main")
        page.wait_for_selector(f".apart-sentence:has-text('image{k}.png: the network says {CLASSES[found.predicted[k - 1]]}')")
        assert page.locator(".is-dropping").count() == 0
        assert page.locator(".apart .class-bar").count() == 10
    assert not any(url.endswith("/api/points") for url in images.asked)  # nobody took it for a table


def test_a_file_that_is_no_image_is_refused_and_the_last_one_stays(images: Any) -> None:
    page = images.page
    images.expected = ["status of 422"]
    assert give(images, "drop", png(3), "mine.png")
    page.wait_for_selector(".apart-sentence:has-text('mine.png: the network says')")
    assert give(images, "drop", b"x,y\n0.1,0.2\n", "table.csv", "#images", "text/csv")
    page.wait_for_selector(".images-error:has-text('not an image')")
    assert "mine.png" in page.text_content(".apart-sentence")
    assert give(images, "drop", png(8, "JPEG"), "other.jpg", "header", "image/jpeg") is True  # beside the page: not opened instead
    images.settled()
    assert "mine.png" in page.text_content(".apart-sentence")
    assert give(images, "drop", png(8), "other.png")
    page.wait_for_selector(".apart-sentence:has-text('other.png')")
    page.wait_for_selector(".images-error", state="hidden")


def test_a_table_pasted_on_the_page_of_images_changes_no_points(images: Any) -> None:
    page = images.page
    page.evaluate(
        """() => { const data = new DataTransfer(); data.setData("text/plain", "0.1,0.2,A\\n0.3,0.4,B\\n");
        document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})); }"""
    )
    images.settled()
    assert images.fragment == ""


def test_clicks_that_come_before_the_answer_are_counted(images: Any) -> None:
    page = images.page
    for _ in range(3):
        page.locator('[aria-label="the next test image"]').evaluate("(button) => { button.click(); button.click(); }")
    page.wait_for_selector(".apart-sentence:has-text('Test image 7,')")
    page.locator('[aria-label="the test image before"]').evaluate("(button) => { button.click(); button.click(); button.click(); }")
    page.wait_for_selector(".apart-sentence:has-text('Test image 4,')")
    images.settled()
    assert page.input_value(".image-number") == "4"
    page.click(".saved-run:has-text('second')")  # and the last of several runs is shown
    page.click(".saved-run:has-text('first')")
    page.click(".saved-run:has-text('second')")
    page.wait_for_selector(".gallery-item")
    images.settled()
    found = answers_of(made_up_run(seed=2), made_up_images())
    shown = page.locator(".cell-count").all_inner_texts()
    np.testing.assert_array_equal(np.array(shown, dtype=int).reshape(10, 10), found.confusion().counts)
    assert page.locator(".saved-run[aria-checked=true]").inner_text().startswith("second")
