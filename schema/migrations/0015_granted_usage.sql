-- Whether attach also let the owner of the schema into the schema of the table, which detach takes back from the last one in it.
ALTER TABLE mediasweep.attached ADD COLUMN granted_usage boolean NOT NULL DEFAULT false;
