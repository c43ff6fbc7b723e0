"""Frames in, frames out, in constant memory."""

from stvsr.inference.engine import Engine, RenderReport, RenderSettings, render, render_part
from stvsr.inference.timeline import Target, largest_deviation

__all__ = ["Engine", "RenderReport", "RenderSettings", "Target", "largest_deviation", "render", "render_part"]
