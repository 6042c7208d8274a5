"""Run records: what is in one, and how it is read and written."""
