-- What is attached follows the function files: run after any of them changed.
SELECT mediasweep.build(a.id) FROM mediasweep.attached a WHERE a.detached_at IS NULL;
