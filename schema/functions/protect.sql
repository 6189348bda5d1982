-- Prefixes of public ids that are never deleted: compared byte for byte, without wildcards. The claim looks at them each
-- time (mark.sql), so they also hold for what was queued before. What a daemon has claimed already is finished.

-- Protect a prefix; tells whether it was not yet.
CREATE OR REPLACE FUNCTION mediasweep.protect(prefix text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  IF coalesce(prefix, '') = '' THEN
    RAISE EXCEPTION 'mediasweep.protect: say how the public ids begin, as in ''logos/''; nothing would be deleted at all'
      USING HINT = 'to stop all deletions, run mediasweep pause';
  END IF;
  INSERT INTO mediasweep.protected (prefix) VALUES (protect.prefix) ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO mediasweep.journal (event, detail, actor) VALUES ('protected', protect.prefix, session_user);
  RETURN true;
END $$;

-- Protect it no more; tells whether it was. What was skipped because of it stays skipped, until it is retried.
CREATE OR REPLACE FUNCTION mediasweep.unprotect(prefix text) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
  DELETE FROM mediasweep.protected p WHERE p.prefix = unprotect.prefix;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  INSERT INTO mediasweep.journal (event, detail, actor) VALUES ('unprotected', unprotect.prefix, session_user);
  RETURN true;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
