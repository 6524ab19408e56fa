"""Verifiers, and the killable processes they run in. A newcomer reads ``math/__init__.py``, ``logic.py``, ``pool.py``."""
