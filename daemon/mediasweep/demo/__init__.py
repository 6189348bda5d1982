"""The demonstration: a throw-away Postgres, the emulator and the daemon at work on real files."""
