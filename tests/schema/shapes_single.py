"""Shapes of which a row names one asset."""

from __future__ import annotations

from tests.schema.shapes import LAYERED, URL, Shape, Step, plain

SINGLE = [
    Shape(
        "1 asset table with deleted_at",
        "assets",
        "id int, cloudinary_public_id text UNIQUE, resource_type text,"
        " deleted_at timestamptz, deleted_by uuid",
        plain("cloudinary_public_id", resource_type="resource_type", deleted_at="deleted_at"),
        "1, 'a', 'image', NULL, NULL",
        "a",
        (
            Step("UPDATE assets SET deleted_by = gen_random_uuid()", "", "a"),
            Step("UPDATE assets SET deleted_at = now()", "a", ""),
            Step("UPDATE assets SET deleted_at = NULL", "", "a"),
            Step("UPDATE assets SET cloudinary_public_id = 'b'", "a", "b"),
            Step("DELETE FROM assets", "b", ""),
        ),
    ),
    Shape(
        "2 quoted camelCase",
        '"Media"',
        'id int, "publicId" text UNIQUE, "secureUrl" text, "resourceType" text, bytes int,'
        " folder text",
        plain("publicId", resource_type="resourceType", file_size="bytes", folder="folder"),
        "1, 'a', 'https://x', 'video', 7, 'f'",
        "a",
        (
            Step("""UPDATE "Media" SET bytes = 8, "secureUrl" = ''""", "", "a"),
            Step("""UPDATE "Media" SET "publicId" = 'b'""", "a", "b"),
            Step('DELETE FROM "Media"', "b"),
        ),
    ),
    Shape(
        "3 text id, no resource type",
        "media",
        'id text PRIMARY KEY, "publicId" text UNIQUE',
        plain("publicId"),
        "'m1', 'a'",
        "a",
        (Step("""UPDATE media SET "publicId" = 'b'""", "a", "b"), Step("DELETE FROM media", "b")),
    ),
    Shape(
        "4 unique id beside width and height",
        '"Image"',
        'id int, "publicId" text UNIQUE, width int, height int, format text',
        plain("publicId", resource_type={"value": "image"}),
        "1, 'a', 1, 1, 'png'",
        "a",
        (Step('UPDATE "Image" SET width = 2', "", "a"), Step('DELETE FROM "Image"', "a")),
    ),
    Shape(
        "5 an id that is not unique",
        "uploads",
        'id int, "publicId" text NOT NULL',
        plain("publicId"),
        "1, 'a'",
        "a",
        (
            Step("INSERT INTO uploads VALUES (2, 'a')", "", "a"),
            Step("DELETE FROM uploads WHERE id = 1", "a", "a"),  # the guard keeps it
            Step("DELETE FROM uploads", "a"),
        ),
    ),
    Shape(
        "6 a nullable id beside a URL",
        "babies",
        'id int, "imageUrl" text, "publicId" text',
        plain("publicId"),
        f"1, '{URL}/x.jpg', 'a'",
        "a",
        (
            Step("""UPDATE babies SET "publicId" = NULL""", "a", ""),
            Step("""UPDATE babies SET "publicId" = 'b'""", "", "b"),
            Step("DELETE FROM babies", "b"),
        ),
    ),
    Shape(
        "7 a child that a cascade deletes",
        "product_images",
        "id int, product int REFERENCES products ON DELETE CASCADE, cloudinary_id text",
        plain("cloudinary_id"),
        "1, 1, 'a'",
        "a",
        (Step("DELETE FROM products", "a"),),
    ),
    Shape(
        "8 cloud_id",
        "product_image",
        "id int, cloud_id text",
        plain("cloud_id"),
        "1, 'a'",
        "a",
        (
            Step("UPDATE product_image SET cloud_id = 'b'", "a", "b"),
            Step("DELETE FROM product_image", "b"),
        ),
    ),
    Shape(
        "10 a type in capitals",
        "media_files",
        "id int, public_id text, media_type text, resource_type text, project_id varchar",
        plain("public_id", resource_type="resource_type"),
        "1, 'a', 'IMAGE', 'IMAGE', 'p'",
        "a",
        (
            Step("UPDATE media_files SET project_id = 'q'", "", "a"),
            Step("UPDATE media_files SET resource_type = 'VIDEO'", "a", ""),
            Step("DELETE FROM media_files", "a"),
        ),
    ),
    Shape(
        "11 only a URL",
        "designs",
        "id int, cover_image_url text",
        {"public_id": {"column": "cover_image_url", "url": True}, "cloud": "demo"},
        f"1, '{URL}/f/a.jpg'",
        "f/a",
        (
            Step(f"UPDATE designs SET cover_image_url = '{URL}/f/a.webp'", "", "f/a"),
            Step(f"UPDATE designs SET cover_image_url = '{URL}/b.jpg'", "f/a", "b"),
            Step("UPDATE designs SET cover_image_url = 'https://images.example/x.jpg'", "b", ""),
            Step(f"UPDATE designs SET cover_image_url = '{LAYERED}'", "", "a d zz"),
            Step("UPDATE designs SET cover_image_url = NULL", "d", ""),  # the layers only stay
            Step(f"UPDATE designs SET cover_image_url = '{URL}/b.jpg'", "", "b"),
            Step("DELETE FROM designs", "b"),
        ),
    ),
    Shape(
        "12 id, version, etag and signature",
        "images",
        "id int, public_id text, version int, etag text, signature text",
        plain("public_id", version="version"),
        "1, 'a', 1700000000, 'e', 's'",
        "a",
        (Step("UPDATE images SET version = 1700000001", "", "a"), Step("DELETE FROM images", "a")),
    ),
    Shape(
        "18 folders and files of one table",
        "files",
        "id int PRIMARY KEY, parent int REFERENCES files ON DELETE CASCADE, is_folder boolean,"
        " cloudinary_public_id text, metadata jsonb, deleted_at timestamptz",
        plain("cloudinary_public_id", deleted={"column": "deleted_at"}),
        "1, NULL, true, NULL, '{}', NULL",
        "",
        (
            Step("INSERT INTO files VALUES (2, 1, false, 'a'), (3, 1, false, 'b')", "", "a b"),
            Step("UPDATE files SET deleted_at = now() WHERE id = 3", "b", "a"),
            Step("DELETE FROM files WHERE id = 1", "a", ""),
        ),
    ),
    Shape(
        "19 gorm",
        '"Attachments"',
        '"ID" int, "CloudinaryPublicID" text, "Metadata" jsonb, "DeletedAt" timestamptz',
        plain("CloudinaryPublicID", deleted="DeletedAt"),
        "1, 'a', '{}', NULL",
        "a",
        (
            Step("""UPDATE "Attachments" SET "DeletedAt" = now()""", "a", ""),
            Step('DELETE FROM "Attachments"', "", ""),
        ),
    ),
    Shape(
        "21 another schema, with row-level security",
        "api.sponsors",
        "id int, cloudinary_public_id text",
        plain("cloudinary_public_id"),
        "1, 'a'",
        "a",
        (
            Step("UPDATE api.sponsors SET cloudinary_public_id = NULL", "a", ""),
            Step("DELETE FROM api.sponsors"),
        ),
    ),
    Shape(
        "22 an asset id and a public id",
        "pictures",
        "id int, cloudinary_id text UNIQUE, public_id text, secure_url text,"
        " tags text[], metadata jsonb",
        plain("public_id", asset_id="cloudinary_id", resource_type={"url": "secure_url"}),
        f"1, 'x1', 'a', '{URL}/a.jpg', '{{}}', '{{}}'",
        "a",
        (
            Step(
                "UPDATE pictures SET public_id = 'b'", "", "b"
            ),  # renamed: the asset id is the same
            Step("UPDATE pictures SET public_id = 'c', cloudinary_id = 'x2'", "b", "c"),
            Step("UPDATE pictures SET tags = '{t}', metadata = '{}'", "", "c"),
            Step("DELETE FROM pictures", "c"),
        ),
    ),
    Shape(
        "26 a provider and its id",
        "proofs",
        "id int, proof_provider text, proof_public_id text, status text DEFAULT 'kept'",
        plain(
            "proof_public_id",
            filter="proof_provider = 'cloudinary'",
            deleted={"column": "status", "in": ["deleted", "archived"]},
        ),
        "1, 'cloudinary', 'a', 'kept'",
        "a",
        (
            Step("INSERT INTO proofs VALUES (2, 's3', 'b'), (3, NULL, 'c')", "", "a c"),
            Step("UPDATE proofs SET status = NULL WHERE id = 1", "", "a c"),
            Step("UPDATE proofs SET status = 'archived' WHERE id = 1", "a", "c"),
            Step("UPDATE proofs SET status = 'kept' WHERE id = 1", "", "a c"),
            Step("DELETE FROM proofs", "a", ""),
        ),
    ),
]
