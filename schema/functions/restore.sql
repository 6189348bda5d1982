-- What restore reads; its statements are the daemon's own: daemon/mediasweep/postgres/journal.sql.

COMMENT ON INDEX mediasweep.journal_public_id IS
  'restore: the deletions of an asset or a prefix, and whether one was taken back since';
