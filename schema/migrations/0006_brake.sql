-- An acknowledgement by snapshot knows when the newest of its rows was queued: what it does not cover was queued later, so
-- that the brake, counting what came since, need not walk over ten million rows that were acknowledged.
ALTER TABLE mediasweep.acknowledgement ADD COLUMN newest timestamptz;
