"""A card per run: its captions, attention maps, scores and speed, and how to reproduce it."""

from benchmarks.leaderboard.card.html import card
from benchmarks.leaderboard.card.markdown import model_card

__all__ = ["card", "model_card"]
