-- no-transaction
-- restore: the deletions of one asset or prefix, and whether they were taken back since.
CREATE INDEX CONCURRENTLY journal_public_id ON mediasweep.journal (public_id COLLATE "C")
  WHERE event IN ('completed', 'unknown', 'handed_over', 'restored');
