"""How fast untrusted programs run in the sandbox, beside the other ways to run them."""
