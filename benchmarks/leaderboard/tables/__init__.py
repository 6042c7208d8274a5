"""What the leaderboard says: rows, statistics and wording, without HTML."""
