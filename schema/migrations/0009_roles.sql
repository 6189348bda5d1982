-- Three roles, if somebody asked for them: who owns the schema, who works with it, and who only looks.
CREATE TABLE mediasweep.role (
  kind  text  PRIMARY KEY,
  name  text  NOT NULL UNIQUE,
  CONSTRAINT kind_is_known CHECK (kind IN ('owner', 'daemon', 'reader'))
);
REVOKE ALL ON mediasweep.role FROM PUBLIC;

-- Whether attach let the owner of the schema read the table, which detach takes back.
ALTER TABLE mediasweep.attached ADD COLUMN granted boolean NOT NULL DEFAULT false;
