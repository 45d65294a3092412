"""Runs whose step torch.compile has translated go on, in another process, as if they had never stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

import netbp as nb
import translated


def test_a_translated_run_goes_on_in_another_process_to_the_same_bits(tmp_path: Path) -> None:
    """From the end of an epoch and from its middle; both processes share what torch.compile keeps on the disk, as at home."""
    for what in ("begin", "go_on"):
        command = [sys.executable, translated.__file__, what, str(tmp_path)]
        environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "kept"), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=1800)
        assert done.returncode == 0, done.stderr
    whole = nb.Run.load(tmp_path / "whole.npz")
    assert whole.step == translated.STEPS
    for name in translated.STOPPED:
        run = nb.Run.load(tmp_path / f"{name}, gone on.npz")
        assert run.p.tobytes() == whole.p.tobytes(), name
        for kind, memory in whole.state.memory.items():
            np.testing.assert_array_equal(run.state.memory[kind], memory)
        for kind, curve in whole.series.items():
            np.testing.assert_array_equal(run.series[kind].values, curve.values)
