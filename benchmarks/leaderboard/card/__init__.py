"""A model's card: what a run was, for whoever finds its weights."""
