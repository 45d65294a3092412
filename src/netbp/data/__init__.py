"""Data sets: points in the plane, tables, images."""

from __future__ import annotations

from netbp.data.cifar import cifar10, cifar100
from netbp.data.images import Images, Source, labels, pictures, rows
from netbp.data.mat import read_mat, write_mat
from netbp.data.mnist import mnist
from netbp.data.points import eleven_points, ten_points
from netbp.data.preprocess import PAPER, Preprocessing, preprocessed
from netbp.data.steps import ContrastNormalisation, MeanImage, Scale, Standardise
from netbp.data.table import read_table
from netbp.data.whitening import Whitening

__all__ = [
    "PAPER",
    "ContrastNormalisation",
    "Images",
    "MeanImage",
    "Preprocessing",
    "Scale",
    "Source",
    "Standardise",
    "Whitening",
    "cifar10",
    "cifar100",
    "eleven_points",
    "labels",
    "mnist",
    "pictures",
    "preprocessed",
    "read_mat",
    "read_table",
    "rows",
    "ten_points",
    "write_mat",
]
