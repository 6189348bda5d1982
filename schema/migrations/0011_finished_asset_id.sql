-- no-transaction
-- The same, where the asset was renamed.
CREATE INDEX CONCURRENTLY IF NOT EXISTS cloudinary_cleanup_queue_finished_asset_id ON mediasweep.cloudinary_cleanup_queue (hashtextextended(asset_id, 0))
  WHERE processed_at IS NOT NULL AND asset_id IS NOT NULL;
