"""The steps of the inbox, which `test_inbox.py` strikes.

They are in no world, because what fails here is put back and the daemon goes on. One statement
applies a notification, and commits by itself or not at all: some of the steps in it stand for all.
"""

INBOX = """
    inbox.apply:inbox.apply
    inbox.apply:inbox.put_back
    inbox.once:inbox.take

    apply_notification:LOCK
    apply_notification:UPDATE inbox
    apply_notification:hear
    apply_notification:queue_nothing
    hear:INSERT asset
    hear:INSERT asset_name
    hear:list
    hear:make_way
    hide:INSERT asset
    list:LOCK
    list:LOCK#2
    list:UPDATE asset
    list:hide
    list:make_way
    list:write_row
    make_way:LOCK
    make_way:hide
    queue_nothing:DELETE cloudinary_cleanup_queue+is_mine
    queue_nothing:is_mine
"""
