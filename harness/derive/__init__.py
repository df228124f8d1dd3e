"""Derive: every figure, computed from what was written down and from nothing else."""
