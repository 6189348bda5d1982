-- What failed by a function of the release before, while the table was there and the functions that fill it were not. First, as
-- long as nothing is locked: it reads the whole queue.
INSERT INTO mediasweep.failed (id)
SELECT q.id FROM mediasweep.cloudinary_cleanup_queue q WHERE q.status = 'failed'
ON CONFLICT DO NOTHING;
-- What is generated for the attached tables follows the function files, and so does who may do what: run after any of them
-- changed.
SELECT mediasweep.build();
-- Partitions that were made since get their triggers, where nobody has to wait for that.
SELECT mediasweep.cover();
SELECT mediasweep.secure();
