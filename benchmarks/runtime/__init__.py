"""What every stage needs of the machine: its devices, its description, files written whole, progress."""
