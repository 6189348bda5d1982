-- What a listing says of an asset's alternative text and caption, which the library has in columns of its own.
ALTER TABLE mediasweep.reconcile_listed ADD COLUMN alt text, ADD COLUMN caption text;
