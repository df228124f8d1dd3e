"""Publish: turn runs that were judged into pages and pull requests."""
