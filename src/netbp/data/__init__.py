"""Data sets: points in the plane, tables, images."""

from __future__ import annotations

from netbp.data.card import DataCard, data_card
from netbp.data.cifar import cifar10, cifar100
from netbp.data.folder import image_folder
from netbp.data.imagenet import imagenet
from netbp.data.images import Images, Source, labels, pictures, rows
from netbp.data.mat import read_mat, write_mat
from netbp.data.mnist import fashion_mnist, mnist
from netbp.data.picture import read_image
from netbp.data.planar import blobs, exclusive_or, two_circles, two_moons, two_spirals
from netbp.data.points import eleven_points, ten_points
from netbp.data.preprocess import PAPER, Preprocessing, preprocessed
from netbp.data.steps import ContrastNormalisation, MeanImage, Scale, Standardise
from netbp.data.table import read_table
from netbp.data.whitening import Whitening

__all__ = [
    "PAPER",
    "ContrastNormalisation",
    "DataCard",
    "Images",
    "MeanImage",
    "Preprocessing",
    "Scale",
    "Source",
    "Standardise",
    "Whitening",
    "blobs",
    "cifar10",
    "cifar100",
    "data_card",
    "eleven_points",
    "exclusive_or",
    "fashion_mnist",
    "image_folder",
    "imagenet",
    "labels",
    "mnist",
    "pictures",
    "preprocessed",
    "read_image",
    "read_mat",
    "read_table",
    "rows",
    "ten_points",
    "two_circles",
    "two_moons",
    "two_spirals",
    "write_mat",
]
