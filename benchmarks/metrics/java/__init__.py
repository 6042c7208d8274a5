"""Programs in Java that metrics need, and the caches of their input and output."""
