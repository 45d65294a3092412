"""Windows that move over signals and images: size, stride and padding along each axis, and how many windows there are."""

from __future__ import annotations

from typing import Any, NamedTuple

Shape = tuple[int, ...]
PerAxis = int | tuple[int, ...]
PerSide = int | tuple[int | tuple[int, int], ...]

NEEDS_AXES = "needs a signal (channels, length) or an image (channels, height, width)"


class Geometry(NamedTuple):
    """How a window moves, along each axis: its size, its stride and the padding (before, after)."""

    window: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[tuple[int, int], ...]


def counts(input: Shape, given: Geometry, name: str) -> tuple[int, ...]:
    """How many windows there are along each axis of an input (channels, ...). Raises ValueError when not one fits."""
    out = []
    for n, k, s, (before, after) in zip(input[1:], *given, strict=True):
        if n + before + after < k:
            raise ValueError(
                f"{name} has a window of {k}, but gets {shown(input)}, {n + before + after} with its padding: "
                "take a smaller window or more padding"
            )
        out.append((n + before + after - k) // s + 1)
    return tuple(out)


def shown(shape: Shape) -> str:
    """A shape in words: 3 x 32 x 32."""
    return " x ".join(str(n) for n in shape) if shape else "no shape yet"


def is_count(n: Any, least: int = 1) -> bool:
    """Whether n is a whole number of at least `least`."""
    return isinstance(n, int) and not isinstance(n, bool) and n >= least


def whole(n: Any, what: str) -> None:
    """Raises ValueError, naming it, for what is not a whole number of at least 1."""
    if not is_count(n):
        raise ValueError(f"{what} must be a whole number, at least 1, but it is {n!r}")


def per_axis(given: Any, axes: int, what: str) -> tuple[int, ...]:
    """A number for each axis, from one number or as many as axes. Raises ValueError."""
    values = given if isinstance(given, tuple) else (given,) * axes
    if len(values) != axes or not all(is_count(n) for n in values):
        many = "one in a tuple" if axes == 1 else f"{axes} of them, one for each axis"
        raise ValueError(f"{what} must be a whole number, at least 1, or {many}, but it is {given!r}")
    return values


def per_side(given: Any, axes: int, what: str) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis, from a number, one for each axis, or pairs. Raises ValueError."""
    values = given if isinstance(given, tuple) else (given,) * axes
    sides = tuple(n if isinstance(n, tuple) else (n, n) for n in values)
    if len(sides) != axes or not all(len(pair) == 2 and all(is_count(n, 0) for n in pair) for pair in sides):
        example = "((0, 1),)" if axes == 1 else "((0, 1), (0, 1))"
        raise ValueError(
            f"{what} must be a whole number, at least 0, one for each axis, or (before, after) for each axis, as in {example}, "
            f"but it is {given!r}"
        )
    return tuple((pair[0], pair[1]) for pair in sides)
