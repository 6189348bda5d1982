"""Taking over."""
from tests.schema.origin import *

async def test_x(blank_database):
    async with origin(blank_database) as db:
        await fill(db)
        await asset(db, "pic", "film", resource_type="video")
        await asset(db, "priv", delivery_type="private")
        print()
        for l in await take(blank_database, rehearse=True): print(l)
        print("----")
        for l in await take(blank_database): print(l)
        print("----", await take(blank_database))
        for r in await db.fetch("select * from mediasweep.cloudinary_cleanup_queue"): print(dict(r))
        assert 0
