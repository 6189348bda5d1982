-- no-transaction
-- Filled by record, never in a user's transaction: the claim index holds the unfinished rows, this one the others.
CREATE INDEX CONCURRENTLY IF NOT EXISTS cloudinary_cleanup_queue_finished ON mediasweep.cloudinary_cleanup_queue (source_id, queued_at)
  WHERE processed_at IS NOT NULL;
