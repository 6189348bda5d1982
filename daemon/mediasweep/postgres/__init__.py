"""Everything the daemon says to PostgreSQL: `.sql` files, one per noun, and their callers."""
