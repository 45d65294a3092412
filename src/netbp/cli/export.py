"""`netbp export`: a run's network for other programs."""

from __future__ import annotations

import sys
from pathlib import Path

from netbp.cli.inspection import network_trained
from netbp.data.mat import write_mat
from netbp.experiments.loaded import best_of
from netbp.experiments.settings import told_of
from netbp.files import check_writable
from netbp.messages import counted
from netbp.network import Network
from netbp.run import Run
from netbp.types import Vector

KINDS = (".mat", ".onnx", ".safetensors")


def export_run(run: Path, out: Path) -> int:
    """Write a run as a .mat file, or its network as an ONNX graph or as safetensors. Raises ValueError for another ending."""
    kind = out.suffix.lower()
    if kind not in KINDS:
        raise ValueError(f"export writes {', '.join(KINDS)}, but {out} ends in none of them: give it one of these endings")
    check_writable(out)
    loaded = Run.load(run)
    if kind == ".mat":
        write_mat(loaded, out, network_trained(loaded))
        print(f"wrote {out}")
        return 0
    p = best_of(loaded) if told_of(loaded.settings)[0] == "fit" else loaded.p
    if p.ndim != 1:
        raise ValueError(f"{run} holds {counted(len(p), 'network')}, but {kind} has room for one")
    _write(network_trained(loaded), p, out)
    if loaded.arrays:
        print("its inputs are what the run saw: preprocess them as netbp predict does", file=sys.stderr)
    return 0


def _write(network: Network, p: Vector, out: Path) -> None:
    if out.suffix.lower() == ".onnx":
        from netbp.engines.tensor.onnx_graph import export_onnx

        worst = export_onnx(network, p, out)
        print(f"wrote {out}: onnxruntime gives the network's outputs to {max(worst, 1e-9):.0e} of their size")
        return
    from netbp.engines.tensor.weights import save_safetensors

    save_safetensors(network, p, out)
    print(f"wrote {out}: {counted(network.size, 'parameter')}")
