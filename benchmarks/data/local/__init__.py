"""A folder of images as people have it: its files listed, the captions among them found, and read in whatever form."""
