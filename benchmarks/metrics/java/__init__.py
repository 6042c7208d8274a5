"""Programs in Java that metrics need, and what is kept of their input and output."""
