"""ETag and revalidation of what is retrieved. RFC 9110 8.8.3 and 13.1.2, PS3.18 8.4."""

import hashlib
from collections.abc import Iterable

from flask import Response, request

from pacs.dicomweb.reply import SHORT_CACHE
from pacs.model import DescribedInstance, StoredInstance


def tag_of(found: Iterable[StoredInstance | DescribedInstance], *more: str) -> str:
    """A validator of content: the digests and revisions of what is sent, and (`more`) how it is sent."""
    text = "\0".join(more) + "".join([f"{each.digest} {each.revision}\0" for each in found])
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def is_known(tag: str) -> bool:
    """Whether the caller has this content already."""
    return request.if_none_match.contains_weak(tag.strip('"')) or request.if_none_match.star_tag


def not_modified(tag: str) -> Response:
    """304 without content."""
    return cached(Response(status=304), tag)


def cached(response: Response, tag: str) -> Response:
    """Never immutable: a revision may replace the content, a curator may hide it."""
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = SHORT_CACHE
    return response
