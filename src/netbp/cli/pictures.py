"""`netbp predict RUN image.png ...`: what a network trained on images says of image files."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from netbp.data.picture import read_image
from netbp.experiments.images import Opinions, kept_of, opinions
from netbp.files import check_writable, write_atomically
from netbp.messages import counted
from netbp.run import Run

SHOWN = 5


def predict_images(run: Run, paths: Sequence[Path], out: Path | None) -> int:
    """Print for each image its classes, the likeliest first, or write all of them as CSV. One bad file, and nothing is said."""
    if out is not None:
        check_writable(out)
    shape = kept_of(run).shape
    with libraries_silent():
        x = np.stack([read_image(path, shape) for path in paths])
    said = opinions(run, x)
    if out is None:
        print("\n".join(lines(paths, said)))
    else:
        write_atomically(out, table(paths, said).encode())
        print(f"wrote {out}: {counted(len(paths), 'image')}")
    return 0


@contextlib.contextmanager
def libraries_silent() -> Iterator[None]:
    """Without the lines that libtiff writes on standard error of a damaged image, beside the one that refuses it."""
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def lines(paths: Sequence[Path], said: Opinions) -> list[str]:
    """For each image its first classes, with their probabilities, or outputs that are no probabilities."""
    told = []
    for path, outputs in zip(paths, said.outputs, strict=True):
        order = np.argsort(-outputs, kind="stable")[:SHOWN]
        shown = (f"{said.classes[k]} {f'{100.0 * outputs[k]:.1f} %' if said.probabilities else f'{outputs[k]:.3f}'}" for k in order)
        told.append(f"{path}: {', '.join(shown)}")
    return told


def table(paths: Sequence[Path], said: Opinions) -> str:
    """All classes of all images as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    word = "probability" if said.probabilities else "output"
    writer.writerow(["image", "predicted", *(f"{word} {name}" for name in said.classes)])
    for path, outputs in zip(paths, said.outputs, strict=True):
        writer.writerow([path, said.classes[int(outputs.argmax())], *(f"{value:.10g}" for value in outputs)])
    return text.getvalue()
