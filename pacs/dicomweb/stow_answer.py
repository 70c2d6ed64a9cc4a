"""The answer to a store request: the response data set, its status, and where its states are listed. PS3.18 10.5.3."""

import re

import orjson
from flask import Response, request

from pacs.dicomweb.accept import JSON, Wanted
from pacs.dicomweb.door import public_root, url_of
from pacs.dicomweb.models import chosen_model, model_reply
from pacs.dicomweb.reply import json_reply
from pacs.dicomweb.stored import Outcome, Store
from pacs.errors import BadRequest, OutOfResources

# What the exporter of RSNA's CTP sends: the type without quotes, and the Accept list of Java's HTTP client. It knows
# 200 and failure only, so it gets neither 202 nor 406.
_CTP_TYPE = re.compile(r"multipart/related; ?type=application/dicom; ?boundary=[^\s]+")
_CTP_ACCEPT = re.compile(r"text/html, image/gif, image/jpeg, (\*; ?q=0?\.2, )?\*/\*; ?q=0?\.2")


def is_ctp() -> bool:
    """Whether the exporter of RSNA's CTP makes this request."""
    kind, accept = request.headers.get("Content-Type", ""), request.headers.get("Accept", "")
    return _CTP_TYPE.fullmatch(kind) is not None and _CTP_ACCEPT.fullmatch(accept) is not None


def chosen_way() -> Wanted:
    """How the caller takes the answer. Raises `NotAcceptable`: before anything is stored."""
    return Wanted(JSON, multipart=False) if is_ctp() else chosen_model(single=True)


def answer(store: Store, way: Wanted) -> Response:
    """Every part is accounted for. Raises `BadRequest` when there was none."""
    if not store.outcomes:
        raise BadRequest("the request holds no object")
    root = public_root()
    stored = [each for each in store.outcomes if each.accepted is not None]
    failed = [each for each in store.outcomes if each.accepted is None]
    body: dict[str, object] = {}
    addresses = {url_of(root, study) for each in stored if (study := _new(store, each, "study"))}
    if len(addresses) == 1:
        body["00081190"] = {"vr": "UR", "Value": sorted(addresses)}
    if failed:
        body["00081198"] = {"vr": "SQ", "Value": [_item(each) | _number("00081197", each.reason) for each in failed]}
    if stored:
        body["00081199"] = {"vr": "SQ", "Value": [_stored_item(store, each, root) for each in stored]}
    reply = json_reply(body) if way.type == JSON else model_reply(way, [orjson.dumps(body)])
    reply.status_code = _status(stored, failed)
    reply.headers["Cache-Control"] = "no-store"
    if stored:
        reply.headers["Location"] = f"{root}/submissions/{store.envelope.id}"
    return reply


def _status(stored: list[Outcome], failed: list[Outcome]) -> int:
    """Whether all, some or none were taken."""
    if not failed:
        return 200
    if stored and not is_ctp():
        return 202
    return 503 if all(isinstance(each.error, OutOfResources) for each in failed) else 409


def _item(outcome: Outcome) -> dict[str, object]:
    item: dict[str, object] = {}
    for tag, uid in (("00081150", outcome.sop_class_uid), ("00081155", outcome.sop_uid)):
        item[tag] = {"vr": "UI", "Value": [uid]} if uid else {"vr": "UI"}
    return item


def _number(tag: str, value: int) -> dict[str, object]:
    return {tag: {"vr": "US", "Value": [value]}}


def _new(store: Store, outcome: Outcome, which: str) -> str:
    """A new UID of an accepted object; empty when it goes to several collections, or senders are not told."""
    if store.keys is None or not store.told or outcome.accepted is None:
        return ""
    return store.keys.map_uid(getattr(outcome.accepted, f"{which}_uid"))


def _stored_item(store: Store, outcome: Outcome, root: str) -> dict[str, object]:
    """The object as it was sent, and where it will be: an address of new UIDs only."""
    item = _item(outcome)
    study, series, sop = (_new(store, outcome, which) for which in ("study", "series", "sop"))
    if study:
        item["00081190"] = {"vr": "UR", "Value": [url_of(root, study, series, sop)]}
    return dict(sorted(item.items()))
