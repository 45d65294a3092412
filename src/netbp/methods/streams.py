"""Random streams: seeds, NumPy's generators and MATLAB's; their states as plain values; draws that do not depend on chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netbp.matlab import MatlabRandom
from netbp.types import Indices

GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
PLAIN = ("PCG64", "PCG64DXSM")  # their states hold Python's own numbers only; an ensemble asks for a thousand at a time


def stream_from(rng: Any) -> Any:
    """A random stream: a seed starts numpy.random.default_rng(seed); a Generator or a MatlabRandom is used as it is.

    Raises ValueError for a negative seed and TypeError for anything else.
    """
    if isinstance(rng, np.random.Generator | MatlabRandom):
        return rng
    if isinstance(rng, np.random.SeedSequence):
        return np.random.default_rng(rng)
    if isinstance(rng, int | np.integer) and not isinstance(rng, bool):
        if rng < 0:
            raise ValueError(f"a seed must be a whole number of at least 0, but rng is {rng}")
        return np.random.default_rng(int(rng))
    raise TypeError(f"rng must be a seed, a numpy.random.Generator or a MatlabRandom, but it is {rng!r}")


def streams_from(rng: Any, M: int) -> list[Any]:
    """M random streams: a list of M of them, or a seed or Generator spawned into M (numpy.random.SeedSequence.spawn)."""
    if isinstance(rng, Sequence):
        if len(rng) != M:
            raise ValueError(f"{M} networks need {M} random streams, but rng is a list of {len(rng)}: give one each, or one seed")
        return [stream_from(one) for one in rng]
    if isinstance(rng, np.random.Generator):
        return list(rng.spawn(M))
    if isinstance(rng, MatlabRandom):
        raise ValueError(f"a MatlabRandom cannot be split into {M} streams: give a list of {M} of them, or a seed")
    if isinstance(rng, np.random.SeedSequence):
        return [np.random.default_rng(seed) for seed in rng.spawn(M)]
    stream_from(rng)  # the same complaints about what is no seed
    return [np.random.default_rng(seed) for seed in np.random.SeedSequence(int(rng)).spawn(M)]


def state_of(rng: Any) -> Any:
    """The state of a stream, or of a list of them, as numbers, strings, lists and dictionaries."""
    if isinstance(rng, list):
        return [state_of(one) for one in rng]
    if isinstance(rng, MatlabRandom):
        return rng.state
    state = rng.bit_generator.state
    return state if state["bit_generator"] in PLAIN else _plain(state)


def restored(state: Any) -> Any:
    """A new stream, or a list of them, in the state that `state_of` gave. Raises ValueError when it is no such state."""
    if isinstance(state, list):
        return [restored(one) for one in state]
    try:
        if state.get("kind") == "matlab":
            stream = MatlabRandom(state["seed"])
            stream.state = state
            return stream
        name = state["bit_generator"]
        if name not in GENERATORS:
            raise ValueError(f"an unknown bit generator {name!r}")
        generator = getattr(np.random, name)()
        generator.state = _with_arrays(state, np.uint32 if name == "MT19937" else np.uint64)
    except Exception as error:  # a state read from a file may be anything
        raise ValueError(f"the random stream's state cannot be restored: {type(error).__name__}, {error}") from None
    return np.random.Generator(generator)


def permutations(rng: Any, N: int, count: int) -> Indices:
    """`count` random orders of 0, ..., N - 1, (count, N): the same numbers however the count is split into calls."""
    if isinstance(rng, np.random.Generator):
        return rng.permuted(np.tile(np.arange(N, dtype=np.int64), (count, 1)), axis=1)
    return np.array([rng.permutation(N) for _ in range(count)], dtype=np.int64).reshape(count, N)


def seed_from(rng: Any) -> Any:
    """A whole number of 63 bits drawn from a stream, as an int64; from a list of M streams, (M,) of them."""
    if isinstance(rng, list):
        return np.array([seed_from(one) for one in rng])
    high, middle, low = (int(word) for word in rng.integers(2**21, size=3))  # a MatlabRandom's numbers have 53 bits at most
    return np.int64(high << 42 | middle << 21 | low)


def _plain(value: Any) -> Any:
    if isinstance(value, int | str):
        return value
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [int(entry) for entry in value] if isinstance(value, np.ndarray) else int(value)


def _with_arrays(value: Any, words: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_arrays(entry, words) for key, entry in value.items()}
    return np.array(value, dtype=words) if isinstance(value, list) else value
