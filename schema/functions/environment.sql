-- The environment: is this still the place that this database was installed in?

CREATE OR REPLACE FUNCTION mediasweep.recognise(cloud text) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA mediasweep FROM PUBLIC;
