"""Derive: every figure is computed from the ledger alone."""
