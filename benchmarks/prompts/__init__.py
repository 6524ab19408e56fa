"""Screens of prompts, measured on planted and on real ones."""
