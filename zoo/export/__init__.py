"""A captioner for other runtimes."""
