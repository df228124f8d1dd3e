"""Publish: turn checked runs into a catalogue and a static site."""
