-- no-transaction
-- The claim asks for each asset whether another row of it is still to wait for; without this, of every row.
CREATE INDEX CONCURRENTLY cloudinary_cleanup_queue_public_id ON mediasweep.cloudinary_cleanup_queue (cloudinary_public_id)
  WHERE processed_at IS NULL;
