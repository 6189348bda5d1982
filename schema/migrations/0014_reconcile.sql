-- Comparisons of the account with what rows use. One is under way at a time; the newest complete one is the report.
CREATE TABLE mediasweep.reconcile_run (
  id           bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  state        text         NOT NULL DEFAULT 'listing',
  cloud_name   text         NOT NULL,
  asked_by     text         NOT NULL,
  holder       uuid         NOT NULL,   -- the process that works on it; another one takes it over when it is not heard of
  heard_at     timestamptz  NOT NULL DEFAULT clock_timestamp(),
  started_at   timestamptz  NOT NULL DEFAULT clock_timestamp(),
  finished_at  timestamptz,
  age_floor    interval     NOT NULL,
  places       jsonb        NOT NULL,   -- {resource type: {"cursor", "done", "listed"}}
  calls        integer      NOT NULL DEFAULT 0,
  counts       jsonb        NOT NULL DEFAULT '{}',
  reason       text,
  CONSTRAINT state_is_known CHECK (state IN ('listing', 'looking', 'done', 'refused', 'failed')),
  CONSTRAINT finished_has_finished_at CHECK ((finished_at IS NOT NULL) = (state IN ('done', 'refused', 'failed')))
);
CREATE UNIQUE INDEX reconcile_run_under_way ON mediasweep.reconcile_run ((true)) WHERE finished_at IS NULL;
COMMENT ON INDEX mediasweep.reconcile_run_under_way IS 'reconcile: one at a time';

-- What the account lists, page by page. What a crash of the server loses is missed when it is counted.
CREATE UNLOGGED TABLE mediasweep.reconcile_listed (
  asset_id       text         COLLATE "C" NOT NULL,
  public_id      text         COLLATE "C" NOT NULL,
  resource_type  text         COLLATE "C" NOT NULL,
  delivery_type  text         COLLATE "C" NOT NULL,
  version        bigint,
  bytes          bigint,
  format         text,
  folder         text,
  display_name   text,
  tags           text[],
  made_at        timestamptz  NOT NULL,   -- of the file: a later upload in its place counts
  placeholder    boolean      NOT NULL
);

-- Where the two sides differ. `row_name`: one row that says so; `detail`: of a mismatch, {what: [in the row, at Cloudinary]}; of a
-- ghost, whether Cloudinary keeps a backup.
-- `sighted_at`: when an earlier run had found the same orphan. `looked_at`: when Cloudinary was asked about it by itself.
CREATE TABLE mediasweep.reconcile_finding (
  id             bigint       GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id         bigint       NOT NULL REFERENCES mediasweep.reconcile_run ON DELETE CASCADE,
  kind           text         NOT NULL,
  source_id      integer,
  row_name       text,
  public_id      text         COLLATE "C" NOT NULL,
  resource_type  text         COLLATE "C",
  delivery_type  text         COLLATE "C",
  asset_id       text         COLLATE "C",
  version        bigint,
  bytes          bigint,
  made_at        timestamptz,
  detail         jsonb,
  sighted_at     timestamptz,
  looked_at      timestamptz,
  action         text,
  acted_at       timestamptz,
  CONSTRAINT kind_is_known CHECK (kind IN ('orphan', 'ghost', 'mismatch')),
  CONSTRAINT acted_has_action CHECK ((acted_at IS NOT NULL) = (action IS NOT NULL))
);
CREATE INDEX reconcile_finding_of_run ON mediasweep.reconcile_finding (run_id, kind, id);
COMMENT ON INDEX mediasweep.reconcile_finding_of_run IS 'reconcile: the report of a run, and what is to be done of it';

REVOKE ALL ON ALL TABLES IN SCHEMA mediasweep FROM PUBLIC;
