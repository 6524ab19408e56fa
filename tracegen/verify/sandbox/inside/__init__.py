"""What runs in the supervisor's processes, between the owner and a candidate. Standard library only, and no secrets."""
