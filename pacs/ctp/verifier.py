"""What CTP's database verifier asks: which of some objects are here, and the digest of what was received of each."""

from xml.sax.saxutils import quoteattr

from pacs.archive import Archive
from pacs.curation.reconciliation import sees
from pacs.db.tables.audit import Receipt
from pacs.errors import BadRequest
from pacs.model import CollectionInfo, Principal, State

MAX_UIDS = 1000  # CTP asks for 20 at a time
_SAFE = (State.PUBLISHED, State.DUPLICATE, State.HELD, State.QUARANTINED)


def verified(archive: Archive, principal: Principal, collection: CollectionInfo, uids: str) -> str:
    """XML with a ``file`` for each UID whose object is safe here; the UIDs may be the sender's or ours.

    Senders are told of what they sent themselves, curators of all.

    `uids` are parted by semicolons. ``date`` is in milliseconds since 1970; ``digest`` is the MD5 in hexadecimal
    without leading zeros, as CTP prints it. Raises `BadRequest` for too many.
    """
    asked = [uid.strip() for uid in uids.split(";") if uid.strip()]
    if len(asked) > MAX_UIDS:
        raise BadRequest(f"at most {MAX_UIDS} UIDs can be asked for at once")
    keys = archive.keys_of(collection)
    found = []
    for uid in dict.fromkeys(asked):
        hmac = keys.receipt_hmac(uid)
        receipts = archive.parts.receipts.find(new_uids=[uid], hmacs=[hmac])
        mine = [
            each
            for each in receipts
            if each.collection_id == collection.id
            and State(each.state) in _SAFE
            and sees(principal, each.submitter, each.collection_id)
            and (each.new_sop_uid == uid or each.original_hmac == hmac)
        ]
        if mine:
            found.append(_file(uid, max(mine, key=lambda each: each.received_at)))
    return f"<result>{''.join(found)}</result>"


def _file(uid: str, receipt: Receipt) -> str:
    digest = f"{int(receipt.md5 or '0', 16):x}"
    moment = int(receipt.received_at.timestamp() * 1000)
    return f'<file uid={quoteattr(uid)} date="{moment}" digest="{digest}"/>'
