"""Networks as ONNX graphs, compared with the network before they are written."""

from __future__ import annotations

import logging
import os
import warnings
from typing import Any

import numpy as np
import torch
from torch import nn

from netbp.engines.tensor.export import to_torch
from netbp.engines.tensor.kept import workshop
from netbp.engines.tensor.module import TorchNetwork
from netbp.files import check_writable, write_atomically
from netbp.network import Network
from netbp.types import Array

CLOSE = 1e-4
"""How far an ONNX graph may be from the network, relative to the largest output: it computes in single precision."""


def export_onnx(network: Network, p: Array, path: str | os.PathLike[str], tolerance: float = CLOSE) -> float:
    """Write the network with parameters p, (s,), in evaluation mode, as an ONNX graph in single precision, any number of points.

    Its input "x" is (m, *network.input), its output "a" (m, n_L). The graph is run in onnxruntime on random points and compared
    before the file is written, atomically; returned is the largest difference, relative to the largest output. Raises ValueError
    when it is above `tolerance`, and NotWrittenError.
    """
    # Its telemetry writes to a file of a known name in /tmp, through a link that anybody may have put there, and to the network.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    check_writable(path)
    module = _Flat(to_torch(network, p).float()).eval()
    integers = isinstance(network, TorchNetwork) and network.integers
    points = torch.zeros((4, *network.input), dtype=torch.int64)
    if not integers:
        points = torch.randn((4, *network.input), generator=torch.Generator().manual_seed(1))
    content = _graph(module, points)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    worst = 0.0
    for m in (4, 1, 3):
        with torch.no_grad():
            expected = module(points[:m]).numpy()
        found = session.run(None, {"x": points[:m].numpy()})[0]
        if found.shape != expected.shape:
            raise ValueError(f"the ONNX graph gives {found.shape} where the network gives {expected.shape}: it was not written")
        worst = max(worst, float(np.abs(found - expected).max() / max(np.abs(expected).max(), np.finfo(np.float32).tiny)))
    if not worst <= tolerance:
        raise ValueError(f"the ONNX graph differs from the network by {worst:.1e} of its outputs: it was not written")
    write_atomically(path, content)
    return worst


class _Flat(nn.Module):
    """The module with its outputs as rows."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, x: Any) -> Any:
        """(m, n_L)."""
        return self.inside(x).flatten(1)


def _graph(module: nn.Module, points: torch.Tensor) -> bytes:
    """The ONNX graph of a module, as bytes."""
    quiet = logging.getLogger("torch.onnx")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), workshop():  # the exporter loads parts of torch.compile
            warnings.simplefilter("ignore")  # what PyTorch's exporter says of its own parts
            program = torch.onnx.export(
                module,
                (points,),
                dynamo=True,
                input_names=["x"],
                output_names=["a"],
                dynamic_shapes=({0: torch.export.Dim("m")},),
                verbose=False,
            )
    except Exception as error:  # the exporter raises dozens of kinds
        told = " ".join(str(error).split())[:200]
        raise ValueError(f"the network cannot be written as an ONNX graph: {type(error).__name__}: {told}") from error
    finally:
        quiet.setLevel(level)
    assert program is not None
    return program.model_proto.SerializeToString()
