"""The benchmarks: one script per claim, each timing netbp and its rivals in turn in one run.

    python -m benchmarks                    all of them, then RESULTS.md (about 25 minutes on 2 cores)
    python -m benchmarks listing startup    some of them, then RESULTS.md
    python -m benchmarks.listing            one, without touching RESULTS.md
    python -m benchmarks.tables             RESULTS.md again, from results/*.jsonl
    nice python -m benchmarks mnist_seeds   only when asked for: 100 seeds, 10 minutes
    python -m benchmarks lab_soak           only when asked for: the lab under siege, an hour

They want the extra `[bench]` (jax, torch, threadpoolctl), gcc and, for `mnist`, the four MNIST files in $NETBP_DATA/mnist; GNU
Octave is left out, and the table says so, where it is not installed. Close everything else: the numbers are wall-clock time.
"""

import os

# One thread for NumPy's and SciPy's linear algebra, before they are loaded: claims are per core. `mnist` says when it wants more.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
