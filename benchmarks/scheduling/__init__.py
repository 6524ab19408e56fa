"""How the scheduler does: speed, tokens per accepted trace, saturation of slots, and whether a plan comes true."""
