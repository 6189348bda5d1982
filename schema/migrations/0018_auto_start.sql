-- Whether a daemon that starts alone begins to work, for all of them; NULL: each daemon's own setting.
ALTER TABLE mediasweep.scheduler ADD COLUMN auto_start boolean;
