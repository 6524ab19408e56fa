"""Verifiers and the killable processes they run in. A newcomer reads logic.py, pool.py, completions.py, host.py."""
