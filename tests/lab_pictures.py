"""The screenshots of docs/lab.md, taken anew: `python tests/lab_pictures.py [NAME ...]` writes docs/figures/lab-NAME.png.

With Pillow installed they are kept with 256 colours, at a third of the size: nobody sees a difference.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lab_pages import Lab, Server, chromium_with

FIGURES = Path(__file__).parent.parent / "docs" / "figures"


def trained(lab: Lab, step: int = 1_000_000, fragment: str = "") -> Lab:
    """The page when the run has passed this step, and its pointer out of the way."""
    lab.open(fragment)
    if step:
        lab.to_step(step)
    lab.page.mouse.move(5, 5)
    return lab


def light(lab: Lab) -> None:
    trained(lab)
    lab.page.mouse.click(*lab.plane(0.3, 0.4))  # a point, for its activations in the neurons
    lab.page.mouse.move(5, 5)


def dark(lab: Lab) -> None:
    lab.page.emulate_media(color_scheme="dark")
    trained(lab, 0, "points=spirals&layers=2-12-12-2&activation=tanh&rule=adam&rate=0.005&batch=10&seed=3")
    lab.page.select_option(".plane-shades", "margin")
    lab.flat_out()
    lab.page.click("#play")
    lab.until("() => Number(document.getElementById('scrubber').value) > 60000")
    lab.pause()


def walk(lab: Lab) -> None:
    trained(lab, 100_000)
    lab.page.click("#tab-walk")
    lab.page.select_option("#walk select", "5")
    lab.page.click("#walk .walk-chip >> nth=11")
    lab.page.click("#walk .pickable >> nth=-1")
    lab.page.wait_for_selector("#walk .walk-agree")


def compare(lab: Lab) -> None:
    trained(lab, 200_000)
    lab.page.keyboard.press("k")
    lab.page.keyboard.press("3")
    lab.write("rate", "0.2")
    lab.becomes(changes="200000:0.2")
    lab.to_step(300_000)
    lab.settled()


def multistart(lab: Lab) -> None:
    trained(lab, 0, "rate=0.2")
    lab.page.keyboard.press("4")
    lab.page.fill('#multistart [aria-label="Number of starts"]', "200")
    lab.page.fill('#multistart [aria-label="Steps of each start"]', "50000")
    lab.page.click("text=Train them all")
    lab.page.wait_for_selector("#multistart .start-bar")
    lab.page.locator("#multistart .start-bar").first.click()


def surface(lab: Lab) -> None:
    trained(lab, 200_000)
    lab.page.keyboard.press("5")
    lab.page.click("text=Slice the surface here")
    lab.until("() => /Around step/.test(document.querySelector('.surface-words').textContent)")


def projector(lab: Lab) -> None:
    trained(lab, 200_000)
    lab.page.keyboard.press("p")
    lab.settled()


def narrow(lab: Lab) -> None:
    trained(lab, 300_000)


def saturated(lab: Lab) -> None:
    lab.open()
    lab.page.keyboard.press("g")
    lab.page.click('[aria-label^="Stop 4"]')
    lab.becomes(rate="100")
    lab.to_step(2_000)
    lab.page.mouse.move(5, 5)


def images(lab: Lab) -> None:
    """The second page, with the newest of the runs in runs/ of the working directory: it needs one of `netbp run cifar`."""
    lab.open()
    lab.page.click("#tab-images")
    lab.page.wait_for_selector(".gallery-item")
    lab.page.wait_for_selector(".filters-box canvas")


PICTURES: dict[str, tuple[Callable[[Lab], None], int, int]] = {
    "light": (light, 1440, 900),
    "dark": (dark, 1440, 900),
    "walk": (walk, 1440, 900),
    "compare": (compare, 1440, 900),
    "multistart": (multistart, 1440, 900),
    "surface": (surface, 1440, 900),
    "projector": (projector, 1440, 900),
    "narrow": (narrow, 360, 780),
    "saturated": (saturated, 1440, 900),
    "images": (images, 1440, 900),
}


def lessen(path: Path) -> None:
    """256 colours, where Pillow is there: the most frequent ones, then again and again the one that is furthest from those."""
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    counted = sorted(image.getcolors(2**24) or (), reverse=True)
    colours = np.array([colour for _, colour in counted], dtype=float)
    kept = list(range(min(64, len(colours))))
    distance = np.min([((colours - colours[k]) ** 2).sum(axis=1) for k in kept], axis=0)
    while len(kept) < min(256, len(colours)):
        kept.append(int(distance.argmax()))
        distance = np.minimum(distance, ((colours - colours[kept[-1]]) ** 2).sum(axis=1))
    palette = Image.new("P", (1, 1))
    palette.putpalette([int(part) for k in kept for part in colours[k]])
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    server = Server()
    try:
        with chromium_with() as browser:
            for name in sys.argv[1:] or [name for name in PICTURES if name != "images"]:
                take, width, height = PICTURES[name]
                context = browser.new_context(viewport={"width": width, "height": height})
                lab = Lab(context.new_page(), server)
                take(lab)
                lab.page.wait_for_timeout(1500)  # what is drawn at leisure
                path = FIGURES / f"lab-{name}.png"
                lab.page.screenshot(path=path, full_page=name == "narrow")
                if name != "images":
                    lessen(path)
                lab.check()
                context.close()
                print(name, flush=True)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
