-- The rows that have failed, to be counted without reading all that is done. `status` may stand in no index of the queue, or a
-- claim were no heap-only update; what failed is never pruned, and seldom.
CREATE TABLE mediasweep.failed (
  id  uuid  PRIMARY KEY
);
INSERT INTO mediasweep.failed (id)
SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q WHERE q.status = 'failed';

-- What the fleet's state was when somebody last counted, and how long that took: one row, for all replicas.
CREATE TABLE mediasweep.fleet_state (
  one    boolean      PRIMARY KEY DEFAULT true CHECK (one),
  at     timestamptz  NOT NULL,
  took   interval     NOT NULL,
  state  jsonb        NOT NULL
);

REVOKE ALL ON ALL TABLES IN SCHEMA mediasweep FROM PUBLIC;
