-- What is generated for the attached tables follows the function files: run after any of them changed.
SELECT mediasweep.build();
