"""What every stage needs of the machine: its devices, its description, locks, progress."""
