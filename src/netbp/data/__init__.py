"""Data sets: points in the plane, tables, images."""

from __future__ import annotations

from netbp.data.mnist import mnist
from netbp.data.points import eleven_points, ten_points

__all__ = ["eleven_points", "mnist", "ten_points"]
