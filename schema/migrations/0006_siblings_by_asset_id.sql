-- no-transaction
-- The claim asks for each asset whether another row of it is still to wait for; without this, of every row. By a hash, because
-- a column may hold anything, and an index entry has a limit that must not be able to fail a capture.
CREATE INDEX CONCURRENTLY IF NOT EXISTS cloudinary_cleanup_queue_asset_id ON mediasweep.cloudinary_cleanup_queue (hashtextextended(asset_id, 0))
  WHERE processed_at IS NULL AND asset_id IS NOT NULL;
