"""Verifiers and the killable processes they run in. A newcomer reads math, logic.py, pool.py, host.py."""
