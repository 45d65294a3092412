"""Figures: functions that draw on given axes, and a house style to draw in.

with house_style():
    figure, ax = new_figure()
    draw_region(ax, problem, run.p)
save(figure, "region.pdf")
"""

from __future__ import annotations

from netbp.figures.architecture import architecture_size, draw_architecture
from netbp.figures.convolution import draw_convolution_matrix
from netbp.figures.curves import MARGINS, draw_activation, draw_costs, draw_decay
from netbp.figures.dropout import draw_dropout
from netbp.figures.matrix import draw_confusion
from netbp.figures.network import draw_network
from netbp.figures.pictures import draw_feature_maps, draw_filters, draw_misclassified
from netbp.figures.plane import count_in_category, draw_points, draw_region
from netbp.figures.style import encoded, house_style, new_figure, save
from netbp.figures.training import draw_training

__all__ = [
    "MARGINS",
    "architecture_size",
    "count_in_category",
    "draw_activation",
    "draw_architecture",
    "draw_confusion",
    "draw_convolution_matrix",
    "draw_costs",
    "draw_decay",
    "draw_dropout",
    "draw_feature_maps",
    "draw_filters",
    "draw_misclassified",
    "draw_network",
    "draw_points",
    "draw_region",
    "draw_training",
    "encoded",
    "house_style",
    "new_figure",
    "save",
]
