-- no-transaction
-- The claim asks for each asset whether another row of it is still to wait for; without this, of every row.
CREATE INDEX CONCURRENTLY cloudinary_cleanup_queue_asset_id ON mediasweep.cloudinary_cleanup_queue (asset_id)
  WHERE processed_at IS NULL AND asset_id IS NOT NULL;
