"""Frames in, frames out, in constant memory."""

from stvsr.inference.engine import RenderReport, RenderSettings, render
from stvsr.inference.timeline import Target, largest_deviation

__all__ = ["RenderReport", "RenderSettings", "Target", "largest_deviation", "render"]
