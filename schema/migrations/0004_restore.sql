-- no-transaction
-- Of restores only, so that no deletion pays for it. Restore itself reads the journal by time, or all of it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS journal_restored ON mediasweep.journal (public_id COLLATE "C") WHERE event = 'restored';
