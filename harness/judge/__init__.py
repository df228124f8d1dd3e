"""Judge: say whether what was measured can be believed, and why."""
