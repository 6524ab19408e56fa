"""Runs untrusted programs under limits, and tells how they ended. It judges nothing."""
