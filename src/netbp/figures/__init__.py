"""Figures: functions that draw on given axes, and a house style to draw in.

with house_style():
    figure, ax = new_figure()
    draw_region(ax, problem, run.p)
save(figure, "region.pdf")
"""

from __future__ import annotations

from netbp.figures.curves import MARGINS, draw_activation, draw_costs, draw_decay
from netbp.figures.network import draw_network
from netbp.figures.plane import count_in_category, draw_points, draw_region
from netbp.figures.style import encoded, house_style, new_figure, save

__all__ = [
    "MARGINS",
    "count_in_category",
    "draw_activation",
    "draw_costs",
    "draw_decay",
    "draw_network",
    "draw_points",
    "draw_region",
    "encoded",
    "house_style",
    "new_figure",
    "save",
]
