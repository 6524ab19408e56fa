"""Filters: traces that may be right and still must not be trained on. A newcomer reads finding.py, form.py, sieve.py."""
