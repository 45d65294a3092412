"""Parameters and buffers as safetensors: files of numbers that nothing can execute."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import numpy as np
import torch

from netbp.engines.tensor.export import to_torch
from netbp.engines.tensor.module import BUFFERS, TorchNetwork
from netbp.files import named, read_regular, write_atomically
from netbp.network import Network
from netbp.types import Array, State

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
"""What parameters may be stored in."""
HEADER = 2**16
"""Bytes that a file may have for each tensor beside its numbers, and besides."""


def save_safetensors(network: Network, p: Array, path: str | os.PathLike[str]) -> None:
    """Write p, (s,), and the network's buffers to a safetensors file, atomically, by the names that `to_torch` gives them.

    `to_torch(network, p).load_state_dict(safetensors.torch.load_file(path))` reads it without netbp. Raises ValueError for
    parameters that are not finite, NotWrittenError when the file cannot be written.
    """
    from safetensors.torch import save

    if not np.isfinite(p).all():
        raise ValueError(f"p has {np.count_nonzero(~np.isfinite(p))} entries that are not finite: they are not written")
    tensors = {name: value.detach().clone().contiguous() for name, value in to_torch(network, p).state_dict().items()}
    write_atomically(path, save(tensors, {"format": "pt", "netbp": json.dumps({"network": network.title})}))


def load_safetensors(network: Network, path: str | os.PathLike[str]) -> State:
    """What `save_safetensors` wrote, or any file with the same names and shapes: a State of p, (s,), and buffers in its memory.

    Raises ValueError, in one line, for a file that is damaged, of another network, of other numbers or not finite; OSError when it
    cannot be read, is no regular file, or is larger than this network's can be.
    """
    template = to_torch(network, np.zeros(network.size)).state_dict()
    largest = HEADER * (1 + len(template)) + sum(8 * value.numel() for value in template.values())
    tensors, where, title = _read(path, largest), named(path), network.title
    for name, value in template.items():
        if name not in tensors:
            raise ValueError(f"{where} has no tensor {named(name)}, which {title} needs: it is of another network")
        found, shape = tensors[name], tuple(value.shape)
        if tuple(found.shape) != shape:
            raise ValueError(f"{where} has {named(name)} of shape {tuple(found.shape)}, but {title} needs {shape}")
        if found.dtype not in (FLOATS if value.dtype in FLOATS else (value.dtype,)):
            raise ValueError(
                f"{where} has {named(name)} in {found.dtype}, but {title} needs {value.dtype}: it is of another network"
            )
        if not torch.isfinite(found).all():
            raise ValueError(f"{where} has entries of {named(name)} that are not finite")
    if strange := sorted(set(tensors) - set(template)):
        raise ValueError(f"{where} has the tensor {named(strange[0], 60)}, which {title} does not have: it is of another network")
    if isinstance(network, TorchNetwork):
        return _of_module(network, tensors, where)
    pairs = _pairs(network, tensors)
    p = np.empty(network.size, np.result_type(*(array.dtype for pair in pairs for array in pair)))
    for (W, b), (w, c) in zip(network.views(p), pairs, strict=True):
        W[...], b[...] = w, c
    return State(p)


def _pairs(network: Network, tensors: Mapping[str, torch.Tensor]) -> list[tuple[Array, Array]]:
    names = sorted({int(name.partition(".")[0]) for name in tensors})
    return [(_array(tensors[f"{k}.weight"]), _array(tensors[f"{k}.bias"])) for k in names]


def _of_module(network: TorchNetwork, tensors: Mapping[str, torch.Tensor], where: str) -> State:
    for name, twin in _ties(network).items():
        if not torch.equal(tensors[name], tensors[twin]):
            raise ValueError(
                f"{where} has different values for {name} and {twin}, which {network.title} ties: it is of another network"
            )
    p = np.concatenate([_array(tensors[name]).reshape(-1) for name, _ in network.parameter_names])
    kept = {name: _array(tensors[real]) for name, real in network.buffer_names.items() if real in tensors}
    return State(p, 0, {f"{BUFFERS}{name}": array for name, array in kept.items()})


def _ties(network: TorchNetwork) -> dict[str, str]:
    """Other names of a parameter, and the name it has in p."""
    first: dict[int, str] = {}
    ties = {}
    for name, q in network.module.named_parameters(remove_duplicate=False):
        if id(q) in first:
            ties[name] = first[id(q)]
        else:
            first[id(q)] = name
    return ties


def _read(path: str | os.PathLike[str], largest: int) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(read_regular(path, largest))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {named(path)}: check the name") from None
    except OSError:
        raise
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"{named(path)} is damaged or no safetensors file: {named(str(error), 120)}") from None


def _array(values: torch.Tensor) -> Array:
    """As NumPy has it: half precision becomes single."""
    return (values.float() if values.dtype in (torch.float16, torch.bfloat16) else values).numpy()
