"""Data sets of the datasets library: opened, their columns found, their images read row by row."""
