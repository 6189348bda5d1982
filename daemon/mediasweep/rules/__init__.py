"""What is decided, without doing any of it: no I/O, no clock, no randomness."""
