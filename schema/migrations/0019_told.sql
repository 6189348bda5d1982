-- Of an upload or a rename in the inbox, which asset it is about: a claim asks for it, also before it is applied.
ALTER TABLE mediasweep.inbox
  ADD COLUMN asset_id       text,
  ADD COLUMN public_id      text,   -- after it
  ADD COLUMN resource_type  text,
  ADD COLUMN delivery_type  text,
  ADD COLUMN version        bigint;
CREATE INDEX inbox_public_id ON mediasweep.inbox (hashtextextended(public_id, 0), version) WHERE public_id IS NOT NULL;
COMMENT ON INDEX mediasweep.inbox_public_id IS 'claim: whether a newer file has the name';
CREATE INDEX inbox_asset_id ON mediasweep.inbox (hashtextextended(asset_id, 0), signed_at) WHERE public_id IS NOT NULL;
COMMENT ON INDEX mediasweep.inbox_asset_id IS 'claim: what an asset is called now';
ANALYZE mediasweep.inbox;   -- or the claim would not know how few rows an asset has
