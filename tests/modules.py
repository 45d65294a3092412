"""Modules of PyTorch that tests share: one of each kind that a user may bring."""

from __future__ import annotations

import torch
from torch import nn


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


class Residual(nn.Module):
    """Two convolutions with batch normalisation and a short cut."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.two, self.norm2 = nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = torch.tanh(self.norm(self.one(x)))
        return self.head(torch.tanh(a + self.norm2(self.two(a))).mean((2, 3)))


class Autoencoder(nn.Module):
    """One matrix, used forwards and backwards, under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.inwards, self.outwards = nn.Linear(5, 2), nn.Linear(2, 5)
        self.turned = nn.Linear(5, 2, bias=False)
        self.turned.weight = self.inwards.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.inwards(x)) @ self.turned.weight + self.outwards.bias + self.outwards(torch.tanh(self.turned(x)))


class Recurrent(nn.Module):
    """An LSTM on sequences of three numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.cell(x)[0][:, -1])


class Attention(nn.Module):
    """A block of a transformer, without dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True, activation=torch.tanh)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.block(x).mean(1))


class Words(nn.Module):
    """Tokens in, through an embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(7, 3), nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.table(x)).mean(1))


def dropped() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3))


def normed() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Dropout(0.2), nn.Linear(6, 2))


KINDS = {
    "mlp": (mlp, 4, False),
    "residual": (Residual, (1, 4, 4), False),
    "autoencoder": (Autoencoder, 5, False),
    "lstm": (Recurrent, (4, 3), False),
    "attention": (Attention, (3, 4), False),
    "words": (Words, 5, True),
    "dropout": (dropped, 4, False),
    "normed": (normed, 4, False),
}
"""Name -> (what makes it, the shape of a point, whether its points are whole numbers)."""
RANDOM, BUFFERED = {"dropout", "normed"}, {"residual", "normed"}


def made(name: str, seed: int = 0) -> nn.Module:
    """A module of that kind, its start drawn from the seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return KINDS[name][0]()
