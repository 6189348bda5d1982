-- Since when this database has been the one that works here: what was finished before it was adopted, another one did.
ALTER TABLE mediasweep.installation ADD COLUMN adopted_at timestamptz;
