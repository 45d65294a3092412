"""Saved runs of images, taken apart: confusion, mistakes, filters, feature maps, and what a network says of a file.

What takes long, reading a data set and asking the network about each test image, is done once for each run, in a thread behind
the requests, which meanwhile answer {"preparing": ...} at once. At most a few runs are held, and one is asked at a time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, cast

import numpy as np

from netbp.data.download import offline
from netbp.data.images import Images, pictures
from netbp.data.picture import image_from_bytes
from netbp.data.whitening import Whitening
from netbp.experiments.answers import Answers, Order, answers_of
from netbp.experiments.image_drawings import Stage, stages, test_images
from netbp.experiments.images import Opinions, kept_of, opinions
from netbp.lab.frames import encoded, number
from netbp.lab.image_files import Folder, Saved, about, curves, is_training, last_lines
from netbp.lab.runs import Gone
from netbp.lab.turns import aside, long_work
from netbp.record import Run
from netbp.types import Array, Data

HELD, SETS = 2, 1
PATIENCE = 0.3
"""Seconds that a request waits for work that is under way before it says so."""
PAGE = 48
"""Images in one answer, at most."""
FILTERS = 1024
PIXELS = 2**24
"""The most pixels of an image file as it is unpacked: a JPEG far larger than needed is, at a fraction of its size."""


class ClosedError(Exception):
    """The lab is being closed."""


class Held:
    """A run, and the answers of its network to the test images once they are there."""

    def __init__(self, entry: Saved) -> None:
        self.entry, self.run = entry, Run.load(entry.path)
        if self.run.p.ndim != 1:
            raise ValueError("this run is one of several networks at once: the lab looks at one")
        self.experiment, self.network, self.shape, self.classes, self.preprocessing = kept_of(self.run)
        self.ready = threading.Event()
        self.begun, self.dropped = False, False
        self.done, self.total = 0, 0
        self.answers: Answers | None = None
        self.error = ""

    @property
    def epochs(self) -> int:
        """Epochs that were recorded before this state."""
        return self.entry.epochs


def _loaded(entry: Saved) -> Held:
    try:
        return Held(entry)
    except FileNotFoundError:
        raise Gone("this run is no longer in the folder: choose another one") from None


class ImageRuns:
    """The saved runs of a folder, as the second page of the lab shows them. Its methods may be called from any thread."""

    def __init__(self, folder: Path, limit: int = HELD) -> None:
        self.folder, self.limit = Folder(folder), limit
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._sets: OrderedDict[tuple[str, int], Images] = OrderedDict()
        self._lock, self._work, self._asking = threading.Lock(), threading.Lock(), threading.Lock()
        self.closed = False

    def close(self) -> None:
        """Stop what goes on."""
        self.closed = True

    # -- what is there ------------------------------------------------------------------------------------------------

    def listed(self) -> dict[str, Any]:
        """The saved runs, the newest first."""
        return {"runs": [about(entry) for entry in self.folder.saved()]}

    def curves(self, name: str) -> dict[str, Any]:
        """Objective and errors by epoch."""
        entry = self.folder.find(name)
        return curves(entry, lambda: self.held(name).run)

    def held(self, name: str, fresh: bool = False) -> Held:
        """The run of an id, loaded. A run that trains stays as it was loaded until `fresh` is asked for. Raises Gone."""
        entry = self.folder.find(name)
        with self._lock:
            held = self._held.get(name)
            changed = held is not None and held.entry.stamp != entry.stamp
            if held is not None and changed and (fresh or not is_training(entry, last_lines(entry.log))):
                held.dropped, held = True, None
            if held is None:
                held = self._held[name] = _loaded(entry)
            self._held.move_to_end(name)
            while len(self._held) > self.limit:
                self._held.popitem(last=False)[1].dropped = True
            return held

    # -- what the network says of the test images ---------------------------------------------------------------------

    def confusion(self, name: str, fresh: bool = False) -> dict[str, Any]:
        """The confusion matrix in the paper's layout, as counts and as the texts of its cells."""
        held = self.held(name, fresh)
        answers = self._answers(held)
        if answers is None:
            return self._preparing(held)
        counted = answers.confusion()
        K = len(counted.classes)
        return {
            "classes": list(counted.classes),
            "counts": counted.counts.tolist(),
            "cells": [[list(cell) for cell in row] for row in counted.cells],
            "images": counted.total,
            "accuracy": number(counted.accuracy),
            "top5": number(counted.top(5)) if K > 5 else None,
            "wrong": counted.total - counted.right,
            "probabilities": answers.probabilities,
            "epochs": held.epochs,
            "newer": held.entry.stamp != self.folder.find(name).stamp,
        }

    def cell(self, name: str, row: int, column: int, first: int, count: int) -> bytes:
        """Test images of the class `column` that the network takes for `row`, both counted from 0."""
        held = self.held(name)
        answers = self._answers(held)
        if answers is None:
            return encoded(self._preparing(held), {})
        K = len(answers.classes)
        if max(row, column) >= K:
            raise ValueError(f"there are {K} classes, counted from 0, so there is no cell in row {row} and column {column}")
        return self._gallery(held, answers, answers.taken(row, column), first, count)

    def mistakes(self, name: str, first: int, count: int, order: str) -> bytes:
        """Test images that the network takes for something else."""
        if order not in ("test", "surest"):
            raise ValueError(f'the order is "test" or "surest", but {order[:40]!r} was asked for')
        held = self.held(name)
        answers = self._answers(held)
        if answers is None:
            return encoded(self._preparing(held), {})
        return self._gallery(held, answers, answers.mistakes(cast("Order", order)), first, count)

    def _gallery(self, held: Held, answers: Answers, which: Array, first: int, count: int) -> bytes:
        shown = which[first : first + min(count, PAGE)]
        header = {
            "of": len(which),
            "first": first,
            "classes": list(answers.classes),
            "probabilities": answers.probabilities,
            "image": (shown + 1).tolist(),
            "true": answers.true[shown].tolist(),
            "predicted": answers.predicted[shown].tolist(),
        }
        shapes = pictures(answers.x[shown], answers.shape)
        return encoded(header, {"pixels": shapes, "outputs": answers.outputs[shown].astype(np.float32)})

    # -- the network itself -------------------------------------------------------------------------------------------

    def filters(self, name: str) -> bytes:
        """The weights of the first layer that has some: filters (F, C, h, w), or of a dense layer one image for each neuron."""
        held = self.held(name)
        W = np.asarray(held.network.views(held.run.p)[0][0])
        filters = W if W.ndim == 4 else W.reshape(-1, *held.shape) if W.shape[1] == np.prod(held.shape) else None
        if filters is None:
            raise ValueError(f"the first layer with weights is {held.network.weighted[0]!r}, whose weights are no pictures")
        header = {
            "of": len(filters),
            "dense": W.ndim != 4,
            "whitened": any(isinstance(fitted.step, Whitening) for fitted in held.preprocessing.steps),
            "epochs": held.epochs,
        }
        return encoded(header, {"filters": filters[:FILTERS].astype(np.float32)})

    def maps(self, name: str, image: int) -> bytes:
        """What the layers make of a test image, counted from 1."""
        held = self.held(name)
        long_work()
        images = self._images(held)
        x, y = np.asarray(images.test.x), np.asarray(images.test.y)
        if not 1 <= image <= len(x):
            raise ValueError(f"there are {len(x):,} test images, counted from 1, but image {image} was asked for")
        true = int(y[image - 1].argmax())
        return self._taken_apart(held, x[image - 1], {"image": image, "of": len(x), "true": true})

    def classify(self, name: str, content: bytes) -> bytes:
        """What the network says of an image file, and what its layers make of it."""
        held = self.held(name)
        if not content:
            raise ValueError("the file is empty: drop an image")
        long_work()
        try:
            x = image_from_bytes(content, held.shape, pixels=PIXELS)
        except ImportError as error:
            raise ValueError(str(error)) from None
        return self._taken_apart(held, x, {"image": None})

    def _taken_apart(self, held: Held, x: Array, header: dict[str, Any]) -> bytes:
        from netbp.figures.pictures import black_and_white

        with self._work:
            said: Opinions = opinions(held.run, x[None])
            found: list[Stage] = stages(held.network, held.run.p, held.preprocessing.apply(x))
        listed = []
        sections: dict[str, Array] = {"pixels": pictures(x[None], held.shape), "outputs": said.outputs.astype(np.float32)}
        for k, (title, a) in enumerate(found):
            flat = a.ndim == 1 or a[0].size == 1
            listed.append({"title": title, "bars": flat, "scale": list(black_and_white(a))})
            sections[f"stage{k}"] = (a.reshape(-1) if flat else a).astype(np.float32)
        about = {"classes": list(said.classes), "probabilities": said.probabilities, "stages": listed, "epochs": held.epochs}
        return encoded(header | about | {"predicted": int(said.outputs[0].argmax())}, sections)

    # -- the work behind ----------------------------------------------------------------------------------------------

    def _answers(self, held: Held) -> Answers | None:
        """The answers to all test images, or None while they are being found. Raises ValueError when they cannot be."""
        with self._lock:
            if not held.begun:
                held.begun, held.error = True, ""
                held.ready.clear()
                threading.Thread(target=self._find, args=(held,), name="netbp lab images", daemon=True).start()
        if not held.ready.is_set():
            with aside():
                if not held.ready.wait(PATIENCE):
                    return None
        if held.error:
            held.begun = False  # who asks again tries again
            raise ValueError(held.error)
        return held.answers

    def _find(self, held: Held) -> None:
        def told(done: int, total: int) -> bool:
            held.done, held.total = done, total
            return not (self.closed or held.dropped)

        try:
            images = self._images(held)
            with self._asking:
                told(0, len(np.asarray(images.test.x)))
                held.answers = answers_of(held.run, images, told)
            if held.answers is None:
                held.error = "this run was put away meanwhile: ask again"
        except Exception as error:  # whoever asks must hear of it: nobody waits for this thread
            held.error = " ".join(str(error).split()) or type(error).__name__
        held.ready.set()

    def _preparing(self, held: Held) -> dict[str, Any]:
        what = "the network looks at the test images" if held.total else "reading the test images"
        return {"preparing": what, "done": held.done, "images": held.total}

    def _images(self, held: Held) -> Images:
        """The run's images, of which only the test images are kept. Raises ValueError when the data set is not on this machine."""
        name, only = str(held.run.settings["experiment"]), int(held.run.settings["fields"].get("test_images", 0))
        with self._work:
            images = self._sets.get((name, only))
            if images is None:
                try:
                    with offline():
                        images = test_images(held.experiment)
                except FileNotFoundError as error:
                    raise ValueError(f"the data set is not here: {error}") from None
                test = images.test._replace(x=np.array(images.test.x), y=np.array(images.test.y))
                nothing = Data(np.empty((0, np.prod(images.shape)), np.uint8), np.empty((0, len(images.classes))))
                images = self._sets[name, only] = Images(images.name, nothing, test, images.shape, images.classes)
                while len(self._sets) > SETS:
                    self._sets.popitem(last=False)
            return images
