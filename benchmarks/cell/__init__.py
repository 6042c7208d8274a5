"""One cell, from its request to its record."""
