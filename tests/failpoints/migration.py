"""The steps of migrate: those at which it is struck, and those that only read."""

from __future__ import annotations

MIGRATE = """
    migrate.applied_files:connection.fetch
    migrate.applied_files:connection.fetchval
    migrate.migrate:connect
    migrate.migrate:connection.close
    migrate.migrate:connection.fetch
    migrate.wait_for_turn:connection.fetchval
    migrate.patiently:connection.execute
    migrate.patiently:connection.execute#2
    migrate.patiently:connection.fetch
    migrate.patiently:connection.transaction
    migrate.refuse_pooler:connect
    migrate.refuse_pooler:is_a_session
    migrate.refuse_pooler:other.close
    migrate.run:connection.execute
    migrate.run:connection.execute#2
"""
READS = {
    "migrate.patiently:connection.fetchval": "only reads, where a right is missing",
    "migrate.pending:connect": "only reads, to print what would be applied",
    "migrate.pending:connection.close": "the same",
    "migrate.migrate:Media(connection).is_there": "only reads whether the library is attached",
    "migrate.refuse_encoding:connection.fetchval": "only reads",
    "migrate.missing:connection.fetchval": "only reads, where a library has been made before",
    "migrate.missing:connection.fetchval#2": "the same",
}
