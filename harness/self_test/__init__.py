"""Self-test: run the whole harness against a built-in fake server and compare the planted values with the recovered ones."""
