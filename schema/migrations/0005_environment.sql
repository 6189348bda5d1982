-- How a server is known again: by its process, or by an address under which it was reached, or because a daemon that was
-- at home before vouches for it. `version` counts the adoptions; what a daemon was told under an older one is void.
ALTER TABLE mediasweep.installation
  ADD COLUMN version            integer      NOT NULL DEFAULT 1,
  ADD COLUMN places             text[]       NOT NULL DEFAULT '{}',
  ADD COLUMN server_started_at  timestamptz;

-- The version of the installation in which this daemon was last found to be at home.
ALTER TABLE mediasweep.daemon ADD COLUMN home integer;

DROP FUNCTION IF EXISTS mediasweep.recognise(text);
