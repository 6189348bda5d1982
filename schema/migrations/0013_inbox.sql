-- What Cloudinary told: every notification once, as it came, and what it came to.
CREATE TABLE mediasweep.inbox (
  digest             bytea        PRIMARY KEY,   -- SHA-256 of the body
  notification_type  text         NOT NULL,
  body               bytea        NOT NULL,
  signed_at          timestamptz  NOT NULL,
  received_at        timestamptz  NOT NULL DEFAULT clock_timestamp(),
  due_at             timestamptz  NOT NULL DEFAULT clock_timestamp(),
  attempts           integer      NOT NULL DEFAULT 0,
  done_at            timestamptz,
  outcome            text,
  error              text,
  CONSTRAINT outcome_is_known CHECK (outcome IN ('applied', 'ignored', 'no_library')),
  CONSTRAINT done_has_outcome CHECK ((done_at IS NOT NULL) = (outcome IS NOT NULL))
);
CREATE INDEX inbox_due ON mediasweep.inbox (due_at) WHERE done_at IS NULL;
COMMENT ON INDEX mediasweep.inbox_due IS 'the inbox: what is to be applied, oldest first';
CREATE INDEX inbox_done ON mediasweep.inbox (done_at) WHERE done_at IS NOT NULL;
COMMENT ON INDEX mediasweep.inbox_done IS 'prune: what was applied long ago';

-- What is known of an asset by notifications. `said`: {what: [when, value]}, of each the newest; so the order in which they
-- come makes no difference. `listed_at`: the upload for which it has been in the library; `hidden_at`: when its row was made to say that it is gone.
CREATE TABLE mediasweep.asset (
  asset_id   text         PRIMARY KEY,
  said       jsonb        NOT NULL DEFAULT '{}',
  listed_at  timestamptz,
  hidden_at  timestamptz,
  heard_at   timestamptz  NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX asset_heard ON mediasweep.asset (heard_at);
COMMENT ON INDEX mediasweep.asset_heard IS 'prune: what was not heard of for long';

-- Who had a name last: [when, asset id].
CREATE TABLE mediasweep.asset_name (
  public_id      text         NOT NULL,
  resource_type  text         NOT NULL,
  delivery_type  text         NOT NULL,
  holder         jsonb        NOT NULL,
  heard_at       timestamptz  NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (public_id, resource_type, delivery_type)
);
CREATE INDEX asset_name_heard ON mediasweep.asset_name (heard_at);
COMMENT ON INDEX mediasweep.asset_name_heard IS 'prune: the same';

REVOKE ALL ON ALL TABLES IN SCHEMA mediasweep FROM PUBLIC;
