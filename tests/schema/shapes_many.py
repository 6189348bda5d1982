"""Shapes of which a row names many assets: arrays, JSON, several columns."""

from __future__ import annotations

from tests.schema.shapes import URL, Shape, Step, plain

MANY = [
    Shape(
        "9 two columns in one row",
        "profiles",
        "id int, avatar_public_id text, banner_public_id text",
        {"refs": [{"public_id": "avatar_public_id"}, {"public_id": "banner_public_id"}]},
        "1, 'a', 'b'",
        "a b",
        (
            Step(
                "UPDATE profiles SET avatar_public_id = banner_public_id,"
                " banner_public_id = avatar_public_id",
                "",
                "a b",
            ),
            Step("UPDATE profiles SET avatar_public_id = NULL", "b", "a"),
            Step("UPDATE profiles SET avatar_public_id = 'c'", "", "a c"),
            Step("DELETE FROM profiles", "a c"),
        ),
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
        "id int, image_public_id text, gallery_public_ids text[],"
        " removed_public_ids text[], galleryimages jsonb",
        {
            "refs": [
                {"public_id": "image_public_id"},
                {"public_id": "gallery_public_ids"},
                {"public_id": {"column": "galleryimages", "path": "$[*]", "key": "publicId"}},
            ]
        },
        """1, 'a', '{b,c}', '{}', '[{"publicId": "d"}, {"publicId": "b"}, {"url": ""}, 7, null]'""",
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
        "20 two kinds of ids",
        "renders",
        "id int, cloudinary_public_id text, upscaled_cloudinary_public_id text,"
        " last_viewed_at timestamptz",
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
]
