"""Base: what all four rooms speak: records, files, ledgers, names and the console."""
