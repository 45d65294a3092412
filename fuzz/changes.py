"""Inputs for parsers: examples of what they read, changed in a few places, by Hypothesis, which looks for the fewest that fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

PIECES = (
    *(
        b"\0",
        b"\xff",
        b"\xff\xff\xff\xff",
        b"\x80\0\0\0",
        b"\0\0\0\x80",
        b"\xff\xff\xff\x7f",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xc3(",
    ),
    *(b"0", b"-1", b"1e999", b"NaN", b"Infinity", b"1e-320", b"9007199254740993", b"9" * 5_000, b"-", b".", b"'", b'"', b"\\"),
    *(b"\n", b"\r", b"\t", b",", b";", b":", b"=", b"#", b"%", b"&", b"/../", b"\x1b[2J", b"null", b"true", b"{}", b"[]", b'""'),
    *(b"(" * 10_000, b"[" * 10_000, b'{"a":' * 10_000, b"-" * 10_000, b"a" * 10_000, b"\\ud800", "\u202e\u0661".encode()),
)
"""What parsers stumble over: sizes and signs of numbers, depth, length, quotes, what ends a line, what a terminal obeys."""


def changed(examples: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """One of the examples, with up to eight changes."""
    return st.builds(_all_changes, st.sampled_from(examples), st.lists(_change(examples), max_size=8))


Change = Callable[[bytes], bytes]


def _all_changes(content: bytes, changes: Sequence[Change]) -> bytes:
    for change in changes:
        content = change(content)
    return content


def _change(examples: Sequence[bytes]) -> st.SearchStrategy[Change]:
    """Flip a byte, cut a part out, write it twice, cut the end off, put a piece in or over, or go on as another example does."""
    places = st.floats(0.0, 1.0)  # as shares of the length, which earlier changes change
    lengths = st.integers(1, 40)
    pieces = st.one_of(st.sampled_from(PIECES), st.binary(max_size=8))
    return st.one_of(
        st.builds(lambda at, bit: lambda c: _put(c, at, 1, lambda part: bytes(b ^ bit for b in part)), places, st.integers(1, 255)),
        st.builds(lambda at, n: lambda c: _put(c, at, n, lambda part: b""), places, lengths),
        st.builds(lambda at, n: lambda c: _put(c, at, n, lambda part: 2 * part), places, lengths),
        st.builds(lambda at: lambda c: c[: int(at * len(c))], places),
        st.builds(lambda at, n, piece: lambda c: _put(c, at, n, lambda part: piece), places, st.integers(0, 8), pieces),
        st.builds(
            lambda at, other: lambda c: c[: int(at * len(c))] + other[int(at * len(other)) :], places, st.sampled_from(examples)
        ),
    )


def _put(content: bytes, at: float, n: int, change: Change) -> bytes:
    """The content with the n bytes there changed."""
    i = int(at * len(content))
    return content[:i] + change(content[i : i + n]) + content[i + n :]
