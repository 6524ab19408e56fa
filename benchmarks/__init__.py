"""Measurements, each a module with a command line of its own. None of them is a test."""
