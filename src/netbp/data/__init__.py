"""Data sets: points in the plane, tables, images."""

from __future__ import annotations

from netbp.data.mat import read_mat, write_mat
from netbp.data.mnist import mnist
from netbp.data.points import eleven_points, ten_points
from netbp.data.table import read_table

__all__ = ["eleven_points", "mnist", "read_mat", "read_table", "ten_points", "write_mat"]
