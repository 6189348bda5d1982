-- no-transaction
-- The reference trigger asks whether an asset was deleted. Filled by record, never in a user's transaction.
CREATE INDEX CONCURRENTLY IF NOT EXISTS cloudinary_cleanup_queue_finished_public_id ON mediasweep.cloudinary_cleanup_queue (hashtextextended(cloudinary_public_id, 0))
  WHERE processed_at IS NOT NULL;
