"""What a de-identified object says of itself. PS3.15 E.1.1, PS3.3 C.7.1.1, C.12.1.1, C.7.2.3."""

import struct

from pacs.deid.profiles import Profile
from pacs.deid.result import Context
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.syntaxes import Encoding
from pacs.dicom.values import first_text, parse_da
from pacs.errors import RuleError
from pacs.model import PatientRow

IDENTITY_REMOVED, METHOD, METHOD_CODES, TIME_MODIFIED = 0x00120062, 0x00120063, 0x00120064, 0x00280303
EVENT_OFFSET, EVENT_TYPE = 0x00120052, 0x00120053
STUDY_DATE = 0x00080020
_DATES = (STUDY_DATE, 0x00080021, 0x00080022, 0x00080023, 0x0008002A)
_TERMS = ("UNMODIFIED", "MODIFIED", "REMOVED")  # of (0028,0303)
_CODE_VALUE, _SCHEME, _MEANING = 0x00080100, 0x00080102, 0x00080104
# The private block that TCIA's tools read: creator, and collection, trial, site name, site id.
_CTP_CREATOR = 0x00130010
_CTP_BLOCK = (0x00131010, 0x00131011, 0x00131012, 0x00131013)


def mark(target: DataSet, profile: Profile, applied: frozenset[str]) -> None:
    """Write the marks into a result, in place. Methods and codes of an earlier de-identification stay in front.

    `applied` are the options that were applied to this object; only their codes are written.
    """
    target.put(IDENTITY_REMOVED, "CS", b"YES")
    if not _says_itself(target, profile):
        target.put(TIME_MODIFIED, "CS", _longitudinal(profile))
    method = f"TrialPACS {profile.name} {profile.version}, {profile.title}"[:64].rstrip().encode()
    before = target.get(METHOD)
    earlier = bytes(before.value).strip(b" \0") if before is not None and before.items is None else b""
    if method not in earlier.split(b"\\"):
        target.put(METHOD, "LO", earlier + b"\\" + method if earlier else method)
    add_codes(target, profile.codes(applied))


def _longitudinal(profile: Profile) -> bytes:
    """What became of the dates: the defined terms of (0028,0303), PS3.3 C.12.1.1."""
    if "retain_longitudinal_full_dates" in profile.options:
        return b"UNMODIFIED"
    if "retain_longitudinal_modified_dates" in profile.options:
        return b"MODIFIED"
    codes = {rule.code for tag in _DATES if (rule := profile.exact.get(tag)) is not None}
    if codes & {"ctp", "shift", "set"}:
        return b"MODIFIED"
    return b"REMOVED" if "K" not in codes else b"UNMODIFIED" if codes == {"K"} else b"MODIFIED"


def _says_itself(target: DataSet, profile: Profile) -> bool:
    """Whether a rule has written one of the defined terms."""
    rule = profile.exact.get(TIME_MODIFIED)
    return rule is not None and rule.code in ("ctp", "set") and first_text(target, TIME_MODIFIED) in _TERMS


def add_codes(target: DataSet, codes: tuple[tuple[str, str], ...]) -> None:
    """Add the codes of CID 7050 that are not there yet; only those of what was applied may be passed."""
    before = target.get(METHOD_CODES)
    items = list(before.items or ()) if before is not None else []
    there = {(first_text(item, _CODE_VALUE), first_text(item, _SCHEME)) for item in items}
    for value, meaning in codes:
        if (value, "DCM") not in there:
            item = DataSet()
            item.put(_CODE_VALUE, "SH", value.encode())
            item.put(_SCHEME, "SH", b"DCM")
            item.put(_MEANING, "LO", meaning.encode()[:64])
            items.append(item)
    target[METHOD_CODES] = Element(METHOD_CODES, "SQ", b"", items)


def write_ctp_block(target: DataSet, context: Context) -> None:
    """The block (0013,xx10) ``CTP``: collection, trial, site name, site id, as far as they are known."""
    values = (context.collection, context.trial or context.collection, context.site, context.site_id)
    target.put(_CTP_CREATOR, "LO", b"CTP")
    for tag, value in zip(_CTP_BLOCK, values, strict=True):
        if value:
            target.put(tag, "LO", value.encode("ascii", "replace")[:64])


def write_event(target: DataSet, row: PatientRow, encoding: Encoding) -> None:
    """Days from the patient's reference event to the study, and the event's kind. PS3.3 C.7.2.3."""
    if not row.event_date:
        return
    try:
        study = parse_da(first_text(target, STUDY_DATE)).day
    except RuleError:
        return
    days = (study - parse_da(row.event_date).day).days
    target.put(EVENT_OFFSET, "FD", struct.pack("<d" if encoding.little_endian else ">d", days))
    target.put(EVENT_TYPE, "CS", row.event.encode())
