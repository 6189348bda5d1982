-- What the fleet shares beside the queue: its configuration, its limit, what is protected, what was acknowledged.

-- The scheduler: what an operator set for all daemons (NULL: each daemon's own setting), and the sweep that was asked for
-- during a pause. `throttled_to`: so many calls at a time since Cloudinary last said that it was too many.
CREATE TABLE mediasweep.scheduler (
  one                    boolean      PRIMARY KEY DEFAULT true CHECK (one),
  interval_minutes       float8,
  batch_size             integer,
  max_retries            integer,
  health_check_interval  float8,
  concurrency            integer,
  configured_by          text,
  configured_at          timestamptz,
  forced                 integer      NOT NULL DEFAULT 0,
  throttled_to           integer,
  throttled_at           timestamptz,
  CONSTRAINT interval_is_positive CHECK (interval_minutes > 0 AND interval_minutes <= 43200),
  CONSTRAINT batch_is_possible CHECK (batch_size BETWEEN 1 AND 100),
  CONSTRAINT retries_are_possible CHECK (max_retries BETWEEN 1 AND 100),
  CONSTRAINT health_check_is_positive CHECK (health_check_interval > 0 AND health_check_interval <= 2592000),
  CONSTRAINT concurrency_is_possible CHECK (concurrency BETWEEN 1 AND 20),
  CONSTRAINT forced_is_not_negative CHECK (forced >= 0)
);
INSERT INTO mediasweep.scheduler DEFAULT VALUES;

-- Public ids that begin like this are never deleted.
CREATE TABLE mediasweep.protected (
  prefix        text         PRIMARY KEY,
  protected_by  text         NOT NULL DEFAULT session_user,
  protected_at  timestamptz  NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT prefix_is_not_empty CHECK (prefix <> '')
);

-- Rows that the brake does not count any more: those of a source that `snapshot` sees, or those of the transaction `xact`.
CREATE TABLE mediasweep.acknowledgement (
  id               bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source_id        integer      NOT NULL,
  snapshot         pg_snapshot,
  xact             xid8,
  digest           text,
  queue_rows       bigint,
  newest           timestamptz,   -- when the newest row of a snapshot was queued: what came later it does not cover
  acknowledged_by  text         NOT NULL,
  acknowledged_at  timestamptz  NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT one_of_snapshot_and_xact CHECK ((snapshot IS NULL) <> (xact IS NULL))
);

-- Why: the queue row that knew it is pruned some day.
ALTER TABLE mediasweep.journal ADD COLUMN reason text, ADD COLUMN triggered_by uuid;

-- When one row was let through as a test: only what was tested is opened by it.
ALTER TABLE mediasweep.gate ADD COLUMN tested_at timestamptz;

-- How a server is known again: by its process, or by an address under which it was reached, or because a daemon that was
-- at home before vouches for it. `version` counts the adoptions; what a daemon was told under an older one is void.
ALTER TABLE mediasweep.installation
  ADD COLUMN version            integer      NOT NULL DEFAULT 1,
  ADD COLUMN places             text[]       NOT NULL DEFAULT '{}',
  ADD COLUMN server_started_at  timestamptz;

-- The version of the installation in which this daemon was last found to be at home.
ALTER TABLE mediasweep.daemon ADD COLUMN home integer;

REVOKE ALL ON ALL TABLES IN SCHEMA mediasweep FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA mediasweep FROM PUBLIC;
