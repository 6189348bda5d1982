"""Twenty-six ways in which real schemas name Cloudinary assets, and what each statement lets go of.

A step is a statement, the assets that it lets go of, and those that the table still uses afterwards.
The table is called as in the schema it was found in; its first row is there when the steps begin.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

URL = "https://res.cloudinary.com/demo/image/upload/v1700000000"


@dataclass(frozen=True, slots=True)
class Step:
    """A statement, what it lets go of, and what is in use after it."""

    sql: str
    lost: str = ""
    used: str = ""


@dataclass(frozen=True, slots=True)
class Shape:
    """A table, the options under which it is attached, its first row with its assets, and steps."""

    name: str
    table: str
    columns: str
    options: dict[str, Any]
    row: str
    used: str
    steps: tuple[Step, ...] = field(default=())

    @property
    def attach(self) -> tuple[str, str, str]:
        """Statements that make the table, attach it, and fill it."""
        options = json.dumps(self.options).replace("'", "''")
        return (
            f"CREATE TABLE {self.table} ({self.columns})",
            f"SELECT mediasweep.attach('{self.table}', '{options}')",
            f"INSERT INTO {self.table} VALUES ({self.row})",
        )


def plain(column: str, **more: Any) -> dict[str, Any]:
    """Options of a column that holds a public id."""
    return {"public_id": column, **more}


SHAPES = [
    Shape(
        "1 asset table with deleted_at",
        "assets",
        "id int, cloudinary_public_id text UNIQUE, resource_type text, deleted_at timestamptz, deleted_by uuid",
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
        'id int, "publicId" text UNIQUE, "secureUrl" text, "resourceType" text, bytes int, folder text',
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
        "9 two columns in one row",
        "profiles",
        "id int, avatar_public_id text, banner_public_id text",
        {"refs": [{"public_id": "avatar_public_id"}, {"public_id": "banner_public_id"}]},
        "1, 'a', 'b'",
        "a b",
        (
            Step(
                "UPDATE profiles SET avatar_public_id = banner_public_id, banner_public_id = avatar_public_id",
                "",
                "a b",
            ),
            Step("UPDATE profiles SET avatar_public_id = NULL", "b", "a"),
            Step("UPDATE profiles SET avatar_public_id = 'c'", "", "a c"),
            Step("DELETE FROM profiles", "a c"),
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
        "13 parallel arrays",
        "products_13",
        "id int, images text[], image_public_ids text[] NOT NULL",
        plain("image_public_ids"),
        "1, '{x,y}', '{a,b,c}'",
        "a b c",
        (
            Step("UPDATE products_13 SET image_public_ids = '{c,a,b}'", "", "a b c"),
            Step("UPDATE products_13 SET images = '{}'", "", "a b c"),
            Step(
                "UPDATE products_13 SET image_public_ids = array_remove(image_public_ids, 'b')",
                "b",
                "a c",
            ),
            Step("UPDATE products_13 SET image_public_ids = '{d,NULL,\"\"}'", "a c", "d"),
            Step("DELETE FROM products_13", "d"),
        ),
    ),
    Shape(
        "14 one image and a gallery",
        "products_14",
        "id int, image_public_id text, gallery_public_ids text[], gallery_urls text[]",
        {"refs": [{"public_id": "image_public_id"}, {"public_id": "gallery_public_ids"}]},
        "1, 'a', '{b,c}', '{}'",
        "a b c",
        (
            Step(
                "UPDATE products_14 SET image_public_id = 'b', gallery_public_ids = '{a,c}'",
                "",
                "a b c",
            ),
            Step("UPDATE products_14 SET gallery_public_ids = '{c}'", "a", "b c"),
            Step("DELETE FROM products_14", "b c"),
        ),
    ),
    Shape(
        "15 a list of those that were removed",
        "products_15",
        "id int, image_public_id text, gallery_public_ids text[], removed_public_ids text[], galleryimages jsonb",
        {
            "refs": [
                {"public_id": "image_public_id"},
                {"public_id": "gallery_public_ids"},
                {"public_id": {"column": "galleryimages", "path": "$[*]", "key": "publicId"}},
            ]
        },
        """1, 'a', '{b,c}', '{}', '[{"publicId": "d"}, {"publicId": "b"}, {"url": "x"}, 7, null]'""",
        "a b c d",
        (
            Step(
                "UPDATE products_15 SET gallery_public_ids = '{c}', removed_public_ids = '{b}'",
                "",
                "a b c d",
            ),
            Step("""UPDATE products_15 SET galleryimages = '[{"publicId": "d"}]'""", "b", "a c d"),
            Step("UPDATE products_15 SET galleryimages = NULL", "d", "a c"),
            Step("DELETE FROM products_15", "a c"),
        ),
    ),
    Shape(
        "16 a nullable array and is_active",
        "places",
        "id int, image_urls text[], image_public_ids text[], is_active boolean",
        plain("image_public_ids"),
        "1, '{}', '{a,b}', true",
        "a b",
        (
            Step("UPDATE places SET is_active = false", "", "a b"),
            Step("UPDATE places SET image_public_ids = NULL", "a b", ""),
            Step("UPDATE places SET image_public_ids = '{a}'", "", "a"),
            Step("DELETE FROM places", "a"),
        ),
    ),
    Shape(
        "17 an id, URLs in an array, and JSON",
        "events",
        "id int, cloudinary_public_id text, image_urls text[], full_details jsonb",
        {
            "cloud": "demo",
            "refs": [
                {"public_id": "cloudinary_public_id"},
                {"public_id": {"column": "image_urls", "url": True}},
                {"public_id": {"column": "full_details", "path": "$.**.photo", "url": True}},
            ],
        },
        f"""1, 'a', '{{{URL}/b.jpg}}', '{{"x": [{{"photo": "{URL}/c.jpg"}}, {{"photo": "c"}}]}}'""",
        "a b c",
        (
            Step(
                f"UPDATE events SET image_urls = '{{{URL}/c.jpg}}', full_details = '[]'", "b", "a c"
            ),
            Step("DELETE FROM events", "a c"),
        ),
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
        "20 two kinds of ids",
        "renders",
        "id int, cloudinary_public_id text, upscaled_cloudinary_public_id text, last_viewed_at timestamptz",
        {
            "refs": [
                {"public_id": "cloudinary_public_id"},
                {"public_id": "upscaled_cloudinary_public_id"},
            ]
        },
        "1, 'a', NULL, now()",
        "a",
        (
            Step("UPDATE renders SET last_viewed_at = now() + interval '1 s'", "", "a"),
            Step("UPDATE renders SET upscaled_cloudinary_public_id = 'b'", "", "a b"),
            Step("DELETE FROM renders", "a b"),
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
        "id int, cloudinary_id text UNIQUE, public_id text, secure_url text, tags text[], metadata jsonb",
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
        "23 a logo and an image",
        "partners",
        "id int, logo_public_id text, image_public_id text, is_deleted boolean DEFAULT false",
        {
            "deleted": "is_deleted",
            "refs": [{"public_id": "logo_public_id"}, {"public_id": "image_public_id"}],
        },
        "1, 'a', 'b', NULL",
        "a b",
        (
            Step("UPDATE partners SET is_deleted = false", "", "a b"),
            Step("UPDATE partners SET is_deleted = true", "a b", ""),
            Step("UPDATE partners SET is_deleted = false", "", "a b"),
            Step("DELETE FROM partners", "a b"),
        ),
    ),
    Shape(
        "24 values of fields, of which some are images",
        "list_values",
        "id int, field text, value jsonb",
        {"public_id": {"column": "value", "path": "$"}, "filter": "field = 'image'"},
        """1, 'image', '["a", "b"]'""",
        "a b",
        (
            Step("""INSERT INTO list_values VALUES (2, 'text', '["c"]')""", "", "a b"),
            Step("""UPDATE list_values SET value = '["b"]' WHERE id = 1""", "a", "b"),
            Step("""UPDATE list_values SET field = 'text' WHERE id = 1""", "b", ""),
            Step(
                """UPDATE list_values SET field = NULL WHERE id = 1""", "", "b"
            ),  # unknown: in use
            Step("DELETE FROM list_values WHERE id = 2", "", "b"),
            Step("""UPDATE list_values SET field = 'image', value = '"b"'""", "", "b"),
            Step("DELETE FROM list_values", "b"),
        ),
    ),
    Shape(
        "25 inside a row of settings",
        "settings",
        "key text, meta jsonb",
        {"public_id": {"column": "meta", "path": "$.cloudinary_public_id"}},
        """'logo', '{"cloudinary_public_id": "a", "w": 1}'""",
        "a",
        (
            Step("UPDATE settings SET meta = meta || '{\"w\": 2}'", "", "a"),
            Step("UPDATE settings SET meta = meta - 'cloudinary_public_id'", "a", ""),
            Step("""UPDATE settings SET meta = '{"cloudinary_public_id": 7}'""", "", "7"),
            Step("DELETE FROM settings", "7"),
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
