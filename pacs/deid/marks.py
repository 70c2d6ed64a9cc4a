"""What a de-identified object says of itself: (0012,0062) to (0012,0064), (0028,0303). PS3.15 E.1.1, PS3.3 C.7.1."""

from pacs.deid.profiles import Profile
from pacs.dicom.elements import DataSet, Element
from pacs.dicom.values import first_text

IDENTITY_REMOVED, METHOD, METHOD_CODES, TIME_MODIFIED = 0x00120062, 0x00120063, 0x00120064, 0x00280303
_CODE_VALUE, _SCHEME, _MEANING = 0x00080100, 0x00080102, 0x00080104


def mark(target: DataSet, profile: Profile) -> None:
    """Write the marks into a result, in place. Methods and codes of an earlier de-identification stay in front."""
    target.put(IDENTITY_REMOVED, "CS", b"YES")
    target.put(TIME_MODIFIED, "CS", b"REMOVED")
    method = f"TrialPACS {profile.name} {profile.version}, {profile.title}"[:64].rstrip().encode()
    before = target.get(METHOD)
    earlier = bytes(before.value).strip(b" \0") if before is not None and before.items is None else b""
    if method not in earlier.split(b"\\"):
        target.put(METHOD, "LO", earlier + b"\\" + method if earlier else method)
    add_codes(target, profile.codes)


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
            item.put(_MEANING, "LO", meaning.encode())
            items.append(item)
    target[METHOD_CODES] = Element(METHOD_CODES, "SQ", b"", items)
