-- The brake: a source from which too much was let go of at once is stopped before the first of it is sent.

COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_finished IS
  'brake: how much of a source was queued within its window; prune: the oldest finished rows of a source';

CREATE OR REPLACE FUNCTION mediasweep.brake(
  candidates mediasweep.cloudinary_cleanup_queue[], terms jsonb, INOUT memory jsonb, INOUT news jsonb)
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
