-- no-transaction
-- The brake counts rows by when they were queued, whenever they fall due: the finished ones by their index, the others by this.
CREATE INDEX CONCURRENTLY IF NOT EXISTS cloudinary_cleanup_queue_queued ON mediasweep.cloudinary_cleanup_queue (source_id, queued_at)
  WHERE processed_at IS NULL;
