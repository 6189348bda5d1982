"""What an operator can do or ask: one function an operation, shared by command line and HTTP."""
