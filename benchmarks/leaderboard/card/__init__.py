"""A card per run: what it said, where it looked, how good and how fast it is, and how to do it again."""

from benchmarks.leaderboard.card.html import card
from benchmarks.leaderboard.card.markdown import model_card

__all__ = ["card", "model_card"]
