-- The private schema and the ledger of what has been applied to it.
-- Idempotent: `mediasweep migrate` and the output of `mediasweep sql` both begin with this file.

-- asked first: CREATE SCHEMA IF NOT EXISTS wants the right to make one also where it is there
DO $$
BEGIN
  IF to_regnamespace('mediasweep') IS NULL THEN
    CREATE SCHEMA mediasweep;
  END IF;
END $$;
REVOKE ALL ON SCHEMA mediasweep FROM PUBLIC;

CREATE TABLE IF NOT EXISTS mediasweep.migration (
  name        text        PRIMARY KEY,
  sha256      text        NOT NULL,
  applied_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE mediasweep.migration IS
  'What `mediasweep migrate` has applied: migrations never change, function files are re-applied when their sha256 does.';
