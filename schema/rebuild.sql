-- What is generated for the attached tables follows the function files, and so does who may do what: run after any of them
-- changed.
SELECT mediasweep.build();
-- Partitions that were made since get their triggers, where nobody has to wait for that.
SELECT mediasweep.cover();
SELECT mediasweep.secure();
