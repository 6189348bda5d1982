-- Every table of mediasweep. Nothing here is reachable by PUBLIC; nothing here refers to a table of yours.

-- One asset as a row of a user's table names it. NULL in a type means "unknown" and matches every type.
CREATE TYPE mediasweep.ref AS (
  public_id          text,
  resource_type      text,
  delivery_type      text,
  asset_id           text,
  version            bigint,
  original_filename  text,
  file_size          bigint,
  folder             text
);

-- A claimed queue row, as the daemon receives it.
CREATE TYPE mediasweep.job AS (
  id             uuid,
  claim_no       integer,
  public_id      text,
  resource_type  text,
  delivery_type  text,
  asset_id       text,
  attempt        integer,
  max_attempts   integer,
  in_doubt       boolean,
  waited         interval
);

-- What the owner of a claim has to say about it; `move` is one of completed, refused, unknown, failed.
CREATE TYPE mediasweep.result AS (
  id             uuid,
  claim_no       integer,
  move           text,
  outcome        text,
  detail         text,
  response       jsonb,
  request_id     text,
  resource_type  text,
  delivery_type  text,
  due_in         interval
);

-- The tables whose rows use assets. `refs` and `live` are the two generated expressions over the row r:
-- the assets that it names, and whether it counts as a use of them.
CREATE TABLE mediasweep.attached (
  id           integer      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  relation     regclass     NOT NULL,
  capture      text         NOT NULL,
  refs         text         NOT NULL,
  live         text         NOT NULL DEFAULT 'true',
  options      jsonb        NOT NULL DEFAULT '{}',
  grace        interval     NOT NULL DEFAULT '0',
  strict       boolean      NOT NULL DEFAULT false,
  notify       boolean      NOT NULL DEFAULT true,
  brake        jsonb        NOT NULL DEFAULT '{}',
  attached_at  timestamptz  NOT NULL DEFAULT clock_timestamp(),
  detached_at  timestamptz
);
CREATE UNIQUE INDEX attached_once ON mediasweep.attached (relation) WHERE detached_at IS NULL;
COMMENT ON INDEX mediasweep.attached_once IS 'attach: a table is attached once at a time';

-- The queue. The first eighteen columns are those of the design the product grew from.
CREATE TABLE mediasweep.cloudinary_cleanup_queue (
  id                    uuid         PRIMARY KEY DEFAULT gen_random_uuid(),
  cloudinary_public_id  text         NOT NULL,
  resource_type         text,
  original_filename     text,
  file_size             bigint,
  folder                text,
  deletion_reason       text         NOT NULL DEFAULT 'manual',
  trigger_source        text         NOT NULL DEFAULT 'database',
  triggered_by          uuid,
  queued_at             timestamptz  NOT NULL DEFAULT clock_timestamp(),
  processed_at          timestamptz,
  processing_attempts   integer      NOT NULL DEFAULT 0,
  max_attempts          integer,
  status                text         NOT NULL DEFAULT 'pending',
  cloudinary_response   jsonb,
  error_message         text,
  created_at            timestamptz  NOT NULL DEFAULT clock_timestamp(),
  updated_at            timestamptz  NOT NULL DEFAULT clock_timestamp(),
  source_id             integer      NOT NULL DEFAULT 0,
  delivery_type         text,
  asset_id              text,
  version               bigint,
  due_at                timestamptz  NOT NULL DEFAULT clock_timestamp(),
  lease_until           timestamptz,
  claim_no              integer      NOT NULL DEFAULT 0,
  handovers             integer      NOT NULL DEFAULT 0,
  in_doubt              boolean      NOT NULL DEFAULT false,
  actor                 text         NOT NULL DEFAULT session_user,
  app                   text         NOT NULL DEFAULT coalesce(current_setting('application_name', true), ''),
  xact                  xid8         NOT NULL DEFAULT pg_current_xact_id(),
  CONSTRAINT public_id_is_not_empty CHECK (cloudinary_public_id <> ''),
  CONSTRAINT resource_type_is_known CHECK (resource_type IN ('image', 'video', 'raw')),
  CONSTRAINT status_is_known CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'skipped')),
  CONSTRAINT trigger_source_is_known CHECK (
    trigger_source IN ('database', 'trigger', 'api', 'manual', 'upload', 'reconcile', 'fallback')),
  CONSTRAINT finished_has_processed_at CHECK (
    (processed_at IS NOT NULL) = (status IN ('completed', 'failed', 'skipped'))),
  CONSTRAINT leased_is_processing CHECK (lease_until IS NULL OR status = 'processing'),
  CONSTRAINT processing_was_claimed CHECK (status <> 'processing' OR claim_no > 0),
  CONSTRAINT attempts_are_not_negative CHECK (processing_attempts >= 0)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
-- status and lease_until stand in no index, so that a claim is a heap-only update
CREATE INDEX cloudinary_cleanup_queue_claim ON mediasweep.cloudinary_cleanup_queue (source_id, due_at, id)
  WHERE processed_at IS NULL;
COMMENT ON INDEX mediasweep.cloudinary_cleanup_queue_claim IS 'claim: the due rows of one source, oldest first';

-- Why nothing (or nothing of one source) is being sent. A row is a closed gate; opening deletes it.
-- `probe` set: once `until` has passed, one row is let through as a test; unset: the gate just ends there.
CREATE TABLE mediasweep.gate (
  name       text         NOT NULL,
  source_id  integer,
  reason     text         NOT NULL,
  closed_by  text         NOT NULL,
  closed_at  timestamptz  NOT NULL DEFAULT clock_timestamp(),
  until      timestamptz,
  probe      interval,
  detail     jsonb        NOT NULL DEFAULT '{}',
  CONSTRAINT gate_is_known CHECK (
    name IN ('pause', 'breaker', 'auth', 'rate_limit', 'brake', 'environment', 'failover')),
  CONSTRAINT probing_has_until CHECK (probe IS NULL OR until IS NOT NULL),
  CONSTRAINT gate_is_closed_once UNIQUE NULLS NOT DISTINCT (name, source_id)
);

-- Every move of every queue row and of every gate, in the same commit as the move. Only ever inserted into.
CREATE TABLE mediasweep.journal (
  id             bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at             timestamptz  NOT NULL DEFAULT clock_timestamp(),
  event          text         NOT NULL,
  queue_id       uuid,
  claim_no       integer,
  status         text,
  outcome        text,
  detail         text,
  public_id      text,
  resource_type  text,
  delivery_type  text,
  asset_id       text,
  version        bigint,
  format         text,
  bytes          bigint,
  source_id      integer,
  actor          text,
  app            text,
  daemon         uuid,
  request_id     text,
  response       jsonb
);
CREATE INDEX journal_queue_id ON mediasweep.journal (queue_id);
COMMENT ON INDEX mediasweep.journal_queue_id IS 'queue show: the timeline of one row';
CREATE INDEX journal_at ON mediasweep.journal USING brin (at);
COMMENT ON INDEX mediasweep.journal_at IS 'restore and reports: a window of time';

-- The running daemons; a row older than a few beats is a daemon that is gone.
CREATE TABLE mediasweep.daemon (
  id           uuid         PRIMARY KEY,
  host         text         NOT NULL,
  pid          integer      NOT NULL,
  version      text         NOT NULL,
  started_at   timestamptz  NOT NULL DEFAULT clock_timestamp(),
  beat_at      timestamptz  NOT NULL DEFAULT clock_timestamp(),
  listening    boolean      NOT NULL DEFAULT false,
  concurrency  integer      NOT NULL,
  completed    bigint       NOT NULL DEFAULT 0,
  failed       bigint       NOT NULL DEFAULT 0,
  last_sweep   timestamptz,
  config       jsonb        NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);

-- Captures that could not be queued in the user's transaction. No constraint, so that hardly anything can fail here.
-- `ref` is what was to be queued or, where even that could not be read, {"row": …}; `refused` says why it stays here.
CREATE TABLE mediasweep.fallback (
  id         bigint       GENERATED ALWAYS AS IDENTITY,
  at         timestamptz  DEFAULT clock_timestamp(),
  source_id  integer,
  ref        jsonb,
  reason     text,
  actor      text,
  app        text,
  error      text,
  refused    text
);

-- Where this database belongs: one row, written by the first daemon that runs on it.
CREATE TABLE mediasweep.installation (
  one                 boolean      PRIMARY KEY DEFAULT true CHECK (one),
  cloud_name          text         NOT NULL,
  system_identifier   text         NOT NULL,
  database            text         NOT NULL,
  place               text         NOT NULL,
  timeline            integer      NOT NULL,
  installed_at        timestamptz  NOT NULL DEFAULT clock_timestamp(),
  asset_id_proven_at  timestamptz
);

REVOKE ALL ON ALL TABLES IN SCHEMA mediasweep FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA mediasweep FROM PUBLIC;
