"""What the parts around the teacher cost: attempts a second, full slots, start-up."""
