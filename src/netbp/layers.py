"""Layers: shapes and parameter counts, no arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

from netbp.activations import Activation


@dataclass(frozen=True)
class Dense:
    """A fully connected layer, a = sigma(W a' + b), (8): W is outputs by inputs, b has `outputs` entries."""

    inputs: int
    outputs: int
    activation: Activation

    @property
    def weights(self) -> int:
        """The number of entries of W."""
        return self.inputs * self.outputs

    @property
    def biases(self) -> int:
        """The number of entries of b."""
        return self.outputs

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.weights + self.biases
