"""Measure servers beside each other: what `make bench` does. `run.py` is the command."""
