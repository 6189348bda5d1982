-- What restore reads; its statements are the daemon's own: daemon/mediasweep/postgres/journal.sql.

COMMENT ON INDEX mediasweep.journal_restored IS 'restore: whether a deletion was taken back since';
