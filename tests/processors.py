"""The numerical tests as other processors would compute them: `make processors`, of which CI takes a sample.

BLAS, NumPy, the C library, Numba and PyTorch choose their code by the processor, and on the next one they add in another order or
have other elementary functions. Each can be told to take this processor for an older one. What the suite and docs/ promise holds on
all of them. A processor that this one cannot play is left out, and said to be.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from netbp.folders import cache_folder

REPOSITORY = Path(__file__).parent.parent


class Processor(NamedTuple):
    """What each library is told; what is empty leaves it as it is.

    needs: the instructions of `blas`, as Linux calls them. threads: of BLAS and PyTorch. numpy: how the names begin of those of
    NumPy's groups of instructions that it leaves alone. libm: what the C library leaves alone.
    """

    blas: str
    needs: str
    threads: int
    numpy: tuple[str, ...] = ()
    libm: str = ""
    numba: str = ""
    torch: str = ""
    onednn: str = ""


PROCESSORS = {
    "Zen": Processor("Zen", "avx2", 2),
    "SkylakeX": Processor("SkylakeX", "avx512f", 1),
    "Haswell": Processor("Haswell", "avx2", 2, ("X86_V4", "AVX512"), "", "haswell", "avx2", "AVX2"),
    "Sandybridge": Processor("Sandybridge", "avx", 1, ("",), "-AVX2,-FMA", "generic", "default", "SSE41"),
}
NUMERICAL = """
activations any_engine chains check compiled confusion contract convergence convolution costs curvature docs dynamics examples
experiments explain export figures frames generalisation golden landscape layouts least_squares_kernel masks matlab methods module
multistart network precision preprocess problem processes regularity resume rules run sampled sklearn sweeps table table_runs tensor
threads training translated wide
""".split()  # noqa: SIM905
"""The test files whose numbers depend on the arithmetic."""
SAMPLE = {
    "Zen": ["preprocess", "problem"],
    "SkylakeX": ["preprocess", "contract", "problem"],
    "Sandybridge": ["preprocess"],
}
"""What CI runs: little where Numba has to compile all its kernels anew."""


def environment(name: str) -> dict[str, str]:
    """The variables that tell the libraries."""
    it = PROCESSORS[name]
    groups = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    told = {
        "OPENBLAS_CORETYPE": it.blas,
        "OMP_NUM_THREADS": str(it.threads),
        "NPY_DISABLE_CPU_FEATURES": " ".join(group for group in groups if it.numpy and group.startswith(it.numpy)),
        "GLIBC_TUNABLES": f"glibc.cpu.hwcaps={it.libm}" if it.libm else "",
        "NUMBA_CPU_NAME": it.numba,
        "ATEN_CPU_CAPABILITY": it.torch,
        "ONEDNN_MAX_CPU_ISA": it.onednn,
        "NETBP_CACHE": str(cache_folder() / "processors" / name) if it.numba else "",  # beside the kernels of this one
    }
    return {variable: value for variable, value in told.items() if value} | ({"NUMBA_CPU_FEATURES": ""} if it.numba else {})


def tested(name: str, stems: list[str]) -> bool:
    """Run those test files as that processor, and say how it went."""
    processors = Path("/proc/cpuinfo")
    if not processors.exists() or PROCESSORS[name].needs not in processors.read_text().split():
        print(f"{name}: left out, for this processor is not known to have {PROCESSORS[name].needs}", flush=True)
        return True
    cores = len(os.sched_getaffinity(0))
    workers = str(max(1, min(cores, 4) // PROCESSORS[name].threads))
    start = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, *(f"tests/test_{stem}.py" for stem in stems)]
    passed = subprocess.run(command, env=os.environ | environment(name), cwd=REPOSITORY, check=False).returncode == 0
    print(f"{name}: {'passed' if passed else 'FAILED'} in {time.perf_counter() - start:.0f} s", flush=True)
    return passed


def main() -> int:
    """Run them, all of them also after one has failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="processor", help=f"of {', '.join(PROCESSORS)}; none: all")
    parser.add_argument("--sample", action="store_true", help="only what CI runs")
    asked = parser.parse_args()
    known = SAMPLE if asked.sample else dict.fromkeys(PROCESSORS, NUMERICAL)
    if unknown := set(asked.names) - set(known):
        parser.error(f"there is no processor called {', '.join(sorted(unknown))} here: there are {', '.join(known)}")
    passed = [tested(name, known[name]) for name in asked.names or known]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
