"""The cells of an experiment, checked before anything runs."""
