"""Training: the loop, its batches, its optimizer and what it minimises."""
