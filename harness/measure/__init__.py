"""Measure: drive a server through the suites and write down what happened."""
