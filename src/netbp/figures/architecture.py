"""Figure 10: a network as a row of blocks, each volume of neurons as large as it is, with what stands between them in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

from netbp.activations import identity
from netbp.figures.style import BLUE, INK, letters
from netbp.layers import Conv, Dense, Dropout, Elementwise, Flatten, Flip, Layer, Pool, geometry
from netbp.messages import counted
from netbp.network import Network
from netbp.windows import Shape

ROW = 6
"""The most blocks that stand side by side."""
SLANT, DEPTH = 0.42, 0.34
"""How far a unit of depth goes to the right and up."""
TALL, THICK = 0.24, 0.055
"""Height per root of the number of pixels, thickness per root of the number of channels, in inches."""
LETTERS, LETTER, LINE = 10.5, 0.085, 0.19
"""The size of the words in points, and about how wide a letter and how high a line is, in inches."""
TITLE, SHAPE, BETWEEN, BESIDE = 0.42, 0.34, 0.2, 0.3
"""Room in inches for a title above and a shape below a volume, between volumes, and between blocks."""
TINTS = {"input": "#e6e6e6", "conv": "#bcd6ec", "pool": "#f3e3b3", "dense": "#d9cbe6"}


class Volume(NamedTuple):
    """A block of neurons. shape: of its output; kind: a key of TINTS; window: of the layer that reads it, or ()."""

    shape: Shape
    kind: str
    window: tuple[int, ...] = ()


@dataclass
class Block:
    """Volumes that stand together under a title, and what the layers between them do, in words."""

    title: str
    volumes: list[Volume] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def blocks_of(network: Network) -> list[Block]:
    """The network in blocks as section 7.4 has them: the input, then one for each layer with parameters and what follows it."""
    blocks = [Block("Input", [Volume(network.input, "input")])]
    count = 0
    for layer in network.layers:
        if layer.size:
            count += 1
            blocks.append(Block(f"Layer {count + 1}" if network.is_dense else f"Block {count}"))
        block = blocks[-1]
        block.words += words(layer)
        if layer.size or isinstance(layer, Pool):
            mark_window(blocks, layer)
            kind = "pool" if isinstance(layer, Pool) else "conv" if isinstance(layer, Conv) else "dense"
            block.volumes.append(Volume(layer.output, kind))
    return blocks


def mark_window(blocks: list[Block], layer: Layer) -> None:
    """Note on the last volume so far the window through which the layer reads it."""
    last = next(block for block in reversed(blocks) if block.volumes)
    if isinstance(layer, Conv | Pool):
        last.volumes[-1] = last.volumes[-1]._replace(window=geometry(layer).window)


def words(layer: Layer) -> list[str]:
    """What a layer does, in a line or a few."""
    match layer:
        case Conv():
            window, stride, _ = geometry(layer)
            lines = [f"{layer.filters} filters {times(window)}", *([strides(stride)] if set(stride) != {1} else [])]
        case Pool():
            window, stride, _ = geometry(layer)
            lines = [f"{layer.kind} pool {times(window)}", strides(stride)]
        case Dense():
            lines = [f"dense, {layer.inputs:,} → {layer.outputs:,}"]
        case Dropout():
            lines = [f"dropout {layer.rate:g}"]
        case Flip():
            lines = ["mirrored", "at random"]
        case Elementwise() | Flatten():
            lines = []
        case _:
            lines = [type(layer).__name__]
    if layer.size:
        lines.append(counted(layer.size, "parameter"))
    sigma = getattr(layer, "activation", identity)
    return lines if sigma is identity else [*lines, activation_name(sigma.name)]


def activation_name(name: str) -> str:
    """An activation as the paper writes it."""
    return {"relu": "ReLU", "leaky_relu": "leaky ReLU"}.get(name, name)


def times(sizes: tuple[int, ...]) -> str:
    """5×5, or "of 5" along one axis."""
    return "×".join(str(n) for n in sizes) if len(sizes) > 1 else f"of {sizes[0]}"


def strides(stride: tuple[int, ...]) -> str:
    """stride 2, or stride 2×1."""
    return f"stride {times(stride) if len(set(stride)) > 1 else stride[0]}"


def shape_label(shape: Shape) -> str:
    """A shape as section 7.4 writes it: height × width × channels."""
    return times((*shape[1:], shape[0])) if len(shape) > 1 else f"{shape[0]:,}"


class Row(NamedTuple):
    """Blocks side by side: each with its left and right end and the left ends of its volumes; top: the highest volume's height."""

    placed: list[tuple[Block, float, float, list[float]]]
    top: float

    @property
    def width(self) -> float:
        """Where it ends at the right, from 0."""
        return self.placed[-1][2]

    @property
    def lines(self) -> float:
        """The room for the words below, in inches."""
        return LINE * max(len(block.words) for block, *_ in self.placed)


def rows_of(network: Network) -> list[Row]:
    """The network's blocks in rows, placed."""
    blocks, out = blocks_of(network), []
    count = -(-len(blocks) // ROW)
    share = -(-len(blocks) // count)  # rows of about equal length
    for k in range(0, len(blocks), share):
        row, x = [], 0.0
        for block in blocks[k : k + share]:
            spans = [max(extent(volume.shape), LETTER * len(shape_label(volume.shape))) for volume in block.volumes]
            inner = sum(spans) + BETWEEN * (len(spans) - 1)
            room = max(inner, LETTER * max(len(word) for word in (*block.words, block.title + "  ")))
            at, starts = x + 0.5 * (room - inner), []
            for volume, span in zip(block.volumes, spans, strict=True):
                starts.append(at + 0.5 * (span - extent(volume.shape)))
                at += span + BETWEEN
            row.append((block, x, x + room, starts))
            x += room + BESIDE
        out.append(Row(row, max(height(volume.shape) for block, *_ in row for volume in block.volumes)))
    return out


def architecture_size(network: Network) -> tuple[float, float]:
    """Width and height in inches that `draw_architecture` needs, for `new_figure`."""
    rows = rows_of(network)
    return max(row.width for row in rows) + 0.3, sum(TITLE + row.top + SHAPE + row.lines for row in rows) + 0.3 * len(rows)


def draw_architecture(ax: Any, network: Network) -> None:
    """The network as blocks: figure 10, or any other network.

    Each volume is drawn with its height and width (as depth) growing like the root of the pixels, and its thickness like the root
    of the channels; a window of the next layer stands on its face. Labels give height × width × channels, as section 7.4 does. A
    row has at most six blocks; `architecture_size` says how large the figure should be.
    """
    width, tall = architecture_size(network)
    y = 0.0
    for row in rows_of(network):
        y -= TITLE + row.top
        draw_row(ax, row, y)
        faces = [(volume, start) for block, _, _, starts in row.placed for volume, start in zip(block.volumes, starts, strict=True)]
        for (volume, start), (_, after) in pairwise(faces):
            draw_window(ax, volume, start, after, y + 0.5 * row.top)
        y -= SHAPE + row.lines + 0.3
    ax.set(xlim=(-0.15, width - 0.15), ylim=(-tall, 0.0), aspect="equal")
    ax.set_axis_off()


def draw_row(ax: Any, row: Row, y: float) -> None:
    """One row of blocks whose volumes are centred above y, with titles above and words below."""
    words = {"ha": "center", "va": "top", "fontsize": LETTERS}
    for block, left, right, starts in row.placed:
        for volume, start in zip(block.volumes, starts, strict=True):
            draw_volume(ax, volume, start, y + 0.5 * row.top)
            ax.text(start + 0.5 * extent(volume.shape), y - 0.08, shape_label(volume.shape), **words)
        centre = 0.5 * (left + right)
        ax.text(centre, y + row.top + 0.12, block.title, ha="center", va="bottom", fontsize=letters(13), fontweight="bold")
        ax.text(centre, y - SHAPE, "\n".join(block.words), linespacing=1.25, **words)
        if block is not row.placed[-1][0]:
            ax.plot([right + 0.5 * BESIDE] * 2, [y - SHAPE - row.lines, y + row.top + 0.3], color=INK, alpha=0.2, linewidth=0.8)


def box(shape: Shape) -> tuple[float, float, float]:
    """Thickness, height and depth of a volume as drawn; a vector is a column."""
    if len(shape) == 1:
        return 0.12, TALL * min(shape[0], 64) ** 0.5, 0.12
    depth = shape[2] if len(shape) == 3 else 1
    return THICK * min(shape[0], 512) ** 0.5, TALL * min(shape[1], 256) ** 0.5, TALL * min(depth, 256) ** 0.5


def height(shape: Shape) -> float:
    """How high a volume reaches, its depth included."""
    _, tall, deep = box(shape)
    return tall + DEPTH * deep


def extent(shape: Shape) -> float:
    """How wide a volume is, its depth included."""
    thick, _, deep = box(shape)
    return thick + SLANT * deep


def draw_volume(ax: Any, volume: Volume, x: float, middle: float) -> None:
    """The front, the top and the right side of a box whose left end is x."""
    thick, tall, deep = box(volume.shape)
    low, dx, dy = middle - 0.5 * height(volume.shape), SLANT * deep, DEPTH * deep
    right, high = x + thick, low + tall
    front = [(x, low), (right, low), (right, high), (x, high)]
    top = [(x, high), (right, high), (right + dx, high + dy), (x + dx, high + dy)]
    side = [(right, low), (right + dx, low + dy), (right + dx, high + dy), (right, high)]
    for face, shade in ((front, 0.93), (top, 1.0), (side, 0.86)):
        tint = tuple(shade * int(TINTS[volume.kind][k : k + 2], 16) / 255 for k in (1, 3, 5))
        ax.fill(*zip(*face, strict=True), facecolor=tint, edgecolor=INK, linewidth=0.8, joinstyle="round", zorder=2)


def draw_window(ax: Any, volume: Volume, x: float, after: float, middle: float) -> None:
    """The window through which the next layer sees a volume, on its right side, and lines to where it goes."""
    if not volume.window or len(volume.shape) < 2:
        return
    thick, tall, deep = box(volume.shape)
    low, right = middle - 0.5 * height(volume.shape), x + thick
    part = [min(1.0, k / n) for k, n in zip(volume.window, volume.shape[1:], strict=True)]
    tall_part, deep_part = part[0], part[1] if len(part) > 1 else 1.0
    z0, y0 = 0.5 * (1 - deep_part) * deep, low + 0.5 * (1 - tall_part) * tall
    corners = [(z0, 0.0), (z0 + deep_part * deep, 0.0), (z0 + deep_part * deep, tall_part * tall), (z0, tall_part * tall)]
    face = [(right + SLANT * z, y0 + up + DEPTH * z) for z, up in corners]
    ax.fill(*zip(*face, strict=True), facecolor="none", edgecolor=BLUE, linewidth=1.3, zorder=3)
    for corner in (face[1], face[2]):
        ax.plot([corner[0], after], [corner[1], middle], color=BLUE, linewidth=0.9, alpha=0.8, zorder=2.5)
