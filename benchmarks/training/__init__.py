"""Training: the loop, its batches, its optimizer and its objective."""
