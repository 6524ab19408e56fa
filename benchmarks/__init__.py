"""Measurements: each prints its command, its figures and, with --json, both for a program."""
