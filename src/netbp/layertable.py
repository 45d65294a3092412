"""The table of a network's layers: sizes, parameters, work, what each neuron sees of the input, memory."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from netbp.frames import Library, fields_of, frame
from netbp.layers import Conv, Dense, Layer, Pool, geometry
from netbp.windows import Shape, shown


@dataclass(frozen=True)
class LayerRow:
    """One layer l = 1, ..., L of a network; layer 1 is the input.

    output: the shape of what goes out. parameters: how many. multiply_adds: of one point's forward pass. field: how large a window
    of the input, along each axis and with the padding counted, a neuron sees; () where it sees everything.
    step: how far the window moves in the input from one neuron to the next.
    """

    l: int
    layer: Layer | None
    output: Shape
    parameters: int
    multiply_adds: int
    field: Shape
    step: Shape

    def activations(self, itemsize: int) -> int:
        """The bytes of one point's activations in numbers of `itemsize` bytes."""
        return prod(self.output) * itemsize


@dataclass(frozen=True)
class LayerTable:
    """All layers of a network, to print or to compute with."""

    rows: tuple[LayerRow, ...]

    @property
    def parameters(self) -> int:
        """The number of parameters s."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """Multiplications with an addition in one point's forward pass; the way back takes about twice as many."""
        return sum(row.multiply_adds for row in self.rows)

    def memory(self, itemsize: int) -> tuple[int, int]:
        """The bytes of all parameters and of all activations of one point, in numbers of `itemsize` bytes."""
        return self.parameters * itemsize, sum(row.activations(itemsize) for row in self.rows)

    def frame(self, library: Library = "pandas") -> Any:
        """One row for each layer.

        l, layer, output (its shape), parameters, multiply_adds (of one point), sees and every (shapes, in numbers of the input;
        empty where it sees all), and bytes, of one point's activations in float32.
        """
        columns: dict[str, list[Any]] = fields_of(self.rows, ("l",))
        columns["layer"] = ["input" if row.layer is None else repr(row.layer) for row in self.rows]
        columns["output"] = [shown(row.output) for row in self.rows]
        columns |= fields_of(self.rows, ("parameters", "multiply_adds"))
        columns["sees"] = [shown(row.field) if row.field else "" for row in self.rows]
        columns["every"] = [shown(row.step) if row.field else "" for row in self.rows]
        columns["bytes"] = [row.activations(4) for row in self.rows]
        return frame(columns, library)

    def __str__(self) -> str:
        (p4, a4), (p8, a8) = self.memory(4), self.memory(8)
        head = ("l", "layer", "output", "parameters", "multiply-adds", "sees", "every", "bytes")
        total = ("", "total", "", f"{self.parameters:,}", f"{self.multiply_adds:,}", "", "", f"{a4:,}")
        cells = [head, *map(_cells, self.rows), total]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        aligned = ">", "<", ">", ">", ">", ">", ">", ">"
        lines = ["  ".join(f"{c:{side}{w}}" for c, side, w in zip(row, aligned, widths, strict=True)) for row in cells]
        bytes_are = f"Bytes are one point's activations in float32, {a4:,} in all ({a8:,} in float64);"
        return "\n".join([*lines, f"{bytes_are} the parameters take {p4:,} ({p8:,})."])


def _cells(row: LayerRow) -> tuple[str, ...]:
    if row.layer is None:
        return str(row.l), "input", shown(row.output), "-", "-", "-", "-", f"{row.activations(4):,}"
    counts = (f"{n:,}" if n else "-" for n in (row.parameters, row.multiply_adds))
    sees = (shown(row.field), shown(row.step)) if row.field else ("all", "-")
    return str(row.l), repr(row.layer), shown(row.output), *counts, *sees, f"{row.activations(4):,}"


def table_of(input: Shape, layers: tuple[Layer, ...]) -> LayerTable:
    """The table of layers that stand behind an input of this shape."""
    field: Shape = (1,) * max(1, len(input) - 1)  # of a vector, each neuron sees itself at first
    step = field
    rows = [LayerRow(1, None, input, 0, 0, field, step)]
    for l, layer in enumerate(layers, start=2):
        if isinstance(layer, Dense):
            field, step = (), ()
        if isinstance(layer, Conv | Pool) and field:
            window, stride, _ = geometry(layer)
            field = tuple(n + (k - 1) * s for n, k, s in zip(field, window, step, strict=True))
            step = tuple(s * t for s, t in zip(step, stride, strict=True))
        rows.append(LayerRow(l, layer, layer.output, layer.size, layer.multiply_adds, field, step))
    return LayerTable(tuple(rows))
