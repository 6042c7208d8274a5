"""Synthetic scenes: a small world of coloured shapes, and a small language that says all of it."""
