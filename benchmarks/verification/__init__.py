"""Whether a record can be believed: scored again, run again, compared."""
