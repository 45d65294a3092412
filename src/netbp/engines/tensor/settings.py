"""PyTorch's settings: subnormal numbers, precision, determinism, and how much fits into the memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch

from netbp.network import Network

if TYPE_CHECKING:
    from netbp.engines.tensor import Tensor

SMALLEST = 5e-324
AT_ONCE = {"cpu": 2**28, "cuda": 2**32}
"""Bytes that the outputs of all layers may take in one pass outside of training; they bound the number of points in a block."""
PARTS = {"cpu": 4, "cuda": 1}
"""Parts of a block that derivatives take one by one: on a processor, hvp of section 7.4's network takes 1.7 times as long on whole
blocks."""


@contextmanager
def context(engine: Tensor) -> Iterator[None]:
    """Subnormal numbers flushed to zero, and deterministic algorithms if asked for; as it was before, afterwards.

    Subnormals slow convolutions 3 to 50 times late in training. Threads take the setting over from the one that starts them, so
    the first use of the engine sets it for PyTorch's threads.
    """
    flushed = SMALLEST * one() == 0.0
    strict, warn = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.set_flush_denormal(True)
    if engine.deterministic:
        torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushed)
        if engine.deterministic:
            torch.use_deterministic_algorithms(strict, warn_only=warn)


def one() -> float:
    """1, unknown to Python's compiler, which would otherwise multiply beforehand."""
    return 1.0


def precision_of(engine: Tensor) -> tuple[bool, dict[str, str]]:
    """Whether training steps compute in bfloat16, and what to tell about device and precision. Raises ValueError without GPU."""
    device = torch.device(engine.device)
    facts = {"device": engine.device, "precision": engine.precision}
    if device.type == "cuda":
        if not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count():
            raise ValueError(
                f"there is no device {engine.device!r} here: PyTorch {torch.__version__} sees "
                f'{torch.cuda.device_count()} GPUs; use device="cpu"'
            )
        if engine.deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        facts["device"] = f"{engine.device} ({torch.cuda.get_device_name(device)})"
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = engine.precision == "tf32"
    if engine.precision != "bfloat16":
        return False, facts
    if has_bfloat16(device):
        return True, facts
    facts["precision"] = "float32, since this device has no bfloat16"
    return False, facts


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 numbers itself."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def autocast(device: torch.device, wanted: bool) -> Callable[[], AbstractContextManager[Any]]:
    """The context in which a training step goes through the layers."""
    return (lambda: torch.autocast(device.type, torch.bfloat16, cache_enabled=False)) if wanted else nullcontext


def block_of(network: Network, dtype: torch.dtype, device: torch.device) -> int:
    """How many points go through the network at once outside of training."""
    numbers = sum(network.sizes) * (4 if dtype == torch.float32 else 8)
    return max(1, AT_ONCE[device.type] // numbers)
