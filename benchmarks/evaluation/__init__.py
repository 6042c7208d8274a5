"""Captions of a split, and what they are worth."""
