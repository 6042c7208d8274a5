"""Train and score every combination, write one record per run, and rank them."""
