"""Data sets from where they are published: fetched, verified, unpacked, and listed in a manifest."""
