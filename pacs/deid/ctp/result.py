"""A strictly applied CTP script as a result of the de-identifier."""

from pacs.deid.ctp.days import day_of
from pacs.deid.ctp.script import Script
from pacs.deid.ctp.strict import StrictAnonymizer, changed_uids
from pacs.deid.private import creators_of, is_listed_as_safe
from pacs.deid.profiles import Profile
from pacs.deid.result import Context, Result
from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import VALID_UID, Encoding
from pacs.dicom.values import charset_of, first_text
from pacs.errors import Refused

STUDY_DATE = 0x00080020
_NEEDED = {"SOP Class UID": 0x00080016, "SOP Instance UID": 0x00080018}
_NEEDED |= {"Study Instance UID": 0x0020000D, "Series Instance UID": 0x0020000E}


def uids_left(target: DataSet) -> dict[str, str]:
    """The UIDs that name a result, by their names. Raises `Refused` when a script leaves none, or another text."""
    uids = {name: first_text(target, tag) for name, tag in _NEEDED.items()}
    for name, uid in uids.items():
        if not VALID_UID.fullmatch(uid):
            raise Refused(f"the script leaves no {'valid ' if uid else ''}{name}")
    return uids


def strictly(
    profile: Profile, script: Script, data_set: DataSet, encoding: Encoding, meta: DataSet, context: Context
) -> Result:
    """De-identify one object by a CTP script alone, as CTP would.

    Raises what `StrictAnonymizer.run` does, and `Refused` when the script leaves an object without its UIDs.
    """

    def is_safe(tag: int, item: DataSet) -> bool:
        creators = creators_of(item, charset_of(item))
        return tag in creators or is_listed_as_safe(tag, item[tag].vr, creators, profile)

    anonymizer = StrictAnonymizer(script, context.outside, is_safe)
    target = anonymizer.run(data_set, meta, encoding)
    uids = uids_left(target)
    before, after = day_of(first_text(data_set, STUDY_DATE)), day_of(first_text(target, STUDY_DATE))
    return Result(
        target,
        tuple(anonymizer.report),
        first_text(target, 0x00100020),
        first_text(target, 0x00100010),
        uids["Study Instance UID"],
        uids["Series Instance UID"],
        uids["SOP Instance UID"],
        uids["SOP Class UID"],
        (after - before).days if before and after else 0,
        dict(changed_uids(data_set, target)),
    )
