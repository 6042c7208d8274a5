"""Trained captioners at work: image files, a local page, other formats."""
