-- What is generated for the attached tables follows the function files: run after any of them changed.
SELECT mediasweep.build();
-- Partitions that were made since get their triggers, where nobody has to wait for that.
SELECT mediasweep.cover();
