"""What a doctor makes of what was seen. Each function judges one thing, and is pure."""
