"""How fast things are: `run` times one trained captioner, `speed` the project itself beside what others would use."""
