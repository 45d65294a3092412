"""Numba loaded without the settings that it would take from a file in the folder where the command happens to run.

Such a file, .numba_config.yaml, may be another user's, or have come with data; its settings name files that are written to and
the processor that code is for. Settings in the environment (NUMBA_...) hold as always.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

MODULE, READER = "numba.core.config", "yaml"


class WithoutFile(MetaPathFinder):
    """Finds Numba's settings once, and lets them be loaded as where nothing can read such a file."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module as it would be found otherwise."""
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute: Any = spec.loader.exec_module

            def without(module: ModuleType) -> None:
                before: Any = sys.modules.get(READER)
                sys.modules[READER] = None  # type: ignore[assignment]  # what cannot be imported
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        execute(module)
                finally:
                    sys.modules.pop(READER)
                    if before is not None:
                        sys.modules[READER] = before
                module._config_fname = os.devnull  # type: ignore[attr-defined]  # it looks again at every compilation

            spec.loader.exec_module = without  # type: ignore[method-assign]
        return spec


def leave_files_alone() -> None:
    """Do so when Numba is loaded; where it has been, by somebody else, that is somebody else's affair."""
    if MODULE not in sys.modules and not any(isinstance(finder, WithoutFile) for finder in sys.meta_path):
        sys.meta_path.insert(0, WithoutFile())
