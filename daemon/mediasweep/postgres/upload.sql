-- Uploads. What they change is done by functions: schema/functions/upload.sql.

-- name: look
-- $1 public id, $2 resource type, $3 delivery type, $4 overwrite
SELECT l.refused, l.listed FROM mediasweep.look_for_upload($1, $2, $3, $4) l

-- name: begin
-- $1 public id, $2 resource type, $3 delivery type, $4 overwrite, $5 file name, $6 how much later, $7 who
SELECT b.id, b.refused FROM mediasweep.begin_upload($1, $2, $3, $4, $5, $6, $7) b

-- name: hold
-- $1 queue row, $2 how much later
SELECT mediasweep.hold_upload($1, $2)

-- name: drop
-- $1 queue row, $2 who, $3 why
SELECT mediasweep.drop_upload($1, $2, $3)

-- name: finish
-- $1 queue row, $2 change, $3 columns of the application
SELECT f.listed, f.lost FROM mediasweep.finish_upload($1, $2::jsonb, $3::jsonb) f
