"""The object stages, in their order. Each fills in what it makes and says whether the object goes on."""

import logging
import re
from collections.abc import Callable

from pacs.config import PipelineSettings
from pacs.deid import deidentify
from pacs.deid.actions import PATIENT_ID, PATIENT_NAME, kept_by
from pacs.deid.ctp import MissingKey
from pacs.deid.dummies import ENCAPSULATED_DOCUMENT
from pacs.deid.filters_as_ctp import filter_of
from pacs.dicom.elements import PIXEL_TAGS, parse
from pacs.dicom.fileformat import file_start, read_start, stored_syntax, text_of
from pacs.dicom.syntaxes import DEFLATED_LE, STORAGE_CLASSES, VALID_UID, encoding_of
from pacs.dicom.values import charset_of, first_text
from pacs.dicom.writing import encode
from pacs.errors import Refused, Unmapped
from pacs.leakcheck import Context as LeakContext
from pacs.leakcheck import check
from pacs.model import Drop, Hold, Keep, Outcome, Quarantine
from pacs.pipeline.pixels import clean_pixels_stage
from pacs.pipeline.work import Work
from pacs.spool import inflated

log = logging.getLogger(__name__)
Stage = Callable[[Work], Outcome]
_PARTS = re.compile(r"[^\W_]+")
SOP_CLASS = 0x00080016
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
_NAMING = {"SOP Class UID": 0x00080016, "SOP Instance UID": 0x00080018, "Study Instance UID": 0x0020000D}
_NAMING |= {"Series Instance UID": 0x0020000E}
MAX_INFLATED_BYTES = 1 << 40  # the door has applied its limit already


def parse_object(work: Work) -> Outcome:
    """Read the structure again. The door walked it, so a failure here means that the disk changed it."""
    view = memoryview(work.file)
    try:
        work.start = start = read_start(view)
        body: memoryview | bytes = view[start.data_set_offset :]
        if start.transfer_syntax_uid == DEFLATED_LE:
            body = inflated(memoryview(body), work.scratch, MAX_INFLATED_BYTES)
        work.encoding = encoding_of(start.transfer_syntax_uid)
        work.original = parse(body, work.encoding)
    except Refused as error:
        return Quarantine(f"The object cannot be read: {error}.")
    work.transfer_syntax_uid = stored_syntax(start.transfer_syntax_uid)
    return Keep()


def check_uids(work: Work) -> Outcome:
    """The UIDs that name an object: some doors take what has none. PS3.3 C.12.1, C.7.2.1, C.7.3.1."""
    assert work.start is not None
    if DICOMDIR_CLASS in (text_of(work.start.meta, 0x00020002), text_of(work.original, 0x00080016)):
        return Drop("a DICOMDIR: the files that it names have other names and places now")
    for name, tag in _NAMING.items():
        uid = text_of(work.original, tag)
        if not VALID_UID.fullmatch(uid):
            return Quarantine(f"Its {name} is {'no valid UID' if uid else 'missing'}.")
    return Keep()


def ask_filter(work: Work) -> Outcome:
    """The collection's filter, where it has one: what does not pass is quarantined, or dropped by its rule."""
    text, name = work.collection.import_filter, work.collection.name
    if not text:
        return Keep()
    assert work.start is not None
    assert work.encoding is not None
    seen = work.original, work.encoding, work.start.meta
    chosen = filter_of(text, f"filter of {name}", as_ctp=work.profile.strict is not None)
    if chosen.fault:
        log.warning("a malformed filter counts as in CTP", extra={"collection": name})
    condition = chosen.failing(*seen)
    if not condition:
        return Keep()
    reason = f"It does not pass the filter of collection {name}: {condition}."
    drops = work.collection.filter_action == "drop" and chosen.refuses_plainly(*seen)
    return Drop(reason) if drops else Quarantine(reason)


def quarantine_private_classes(work: Work) -> Outcome:
    """Objects of SOP classes that PS3.4 does not list: who knows what identifies in them."""
    if text_of(work.original, SOP_CLASS) not in STORAGE_CLASSES:
        return Quarantine("Its SOP class is not one of the standard's, and the archive's policy keeps such out.")
    return Keep()


def refuse_documents(work: Work) -> Outcome:
    """An encapsulated document cannot be cleaned safely: quarantined, unless policy replaces it by a blank one."""
    if ENCAPSULATED_DOCUMENT in work.original and work.policy("documents") == "quarantine":
        return Quarantine("It holds an encapsulated document (PDF, CDA or model), which cannot be cleaned safely.")
    return Keep()


def deidentify_elements(work: Work) -> Outcome:
    """The engine, with the collection's profile and keys."""
    assert work.encoding is not None
    try:
        meta = work.start.meta if work.start is not None else None
        work.result = result = deidentify(work.original, work.encoding, work.profile, work.keys, work.context, meta)
    except Unmapped as error:
        return Hold("Waiting for mapping: the collection's table has no row for this patient.", (), error.patient_hmac)
    except MissingKey as error:
        waiting_for = f"{error.key_type}/{work.keys.lookup_hmac(error.key_type, error.key)}"
        return Hold(f"Waiting for mapping: {error}.", (), waiting_for)
    start = file_start(result.sop_class_uid, result.sop_uid, work.transfer_syntax_uid)
    target = encoding_of(work.transfer_syntax_uid)
    work.pieces = (start, *encode(result.data_set, work.encoding, target))
    return Keep()


def check_for_leaks(work: Work) -> Outcome:
    """The second reader: every identifying value of the original, searched in the result (promise 3)."""
    assert work.result is not None
    assert work.encoding is not None
    pixels = {id(element.value) for tag, element in work.result.data_set.items() if tag in PIXEL_TAGS}
    header = b"".join(piece for piece in work.pieces if id(piece) not in pixels)
    issued = tuple(value for value in (work.result.patient_id, work.result.patient_name) if not _is_own(value, work))
    learned = frozenset[str]()
    if work.learned is not None:
        name = first_text(work.original, PATIENT_NAME, charset_of(work.original))
        learned = work.learned.others(work.collection.id, name)
    context = LeakContext(aes=_ae_titles(work), kept=kept_by(work.profile), issued=issued, learned=learned)
    findings = check(work.original, work.result.data_set, work.encoding, header, context)
    if findings:
        rules = ", ".join(sorted({finding.rule for finding in findings}))
        return Hold(f"The second reader found identifying values in the result ({rules}).", tuple(findings))
    return Keep()


def _is_own(value: str, work: Work) -> bool:
    """Whether a new id or name, as a mapping table gave it, has something of the patient's own in it."""
    if work.context.patients is None:  # made by key
        return False
    charset = charset_of(work.original)
    own = {first_text(work.original, tag, charset).casefold() for tag in (PATIENT_ID, PATIENT_NAME)}
    parts = {part for text in own for part in _PARTS.findall(text) if len(part) > 1 and not part.isdigit()}
    return value.casefold() in own or not parts.isdisjoint(_PARTS.findall(value.casefold()))


def _ae_titles(work: Work) -> tuple[str, ...]:
    """AE titles of the transfer: the sender's, and those that the old file meta group names. PS3.10 7.1."""
    assert work.start is not None
    titles = [text_of(work.start.meta, tag) for tag in (0x00020016, 0x00020017, 0x00020018)]
    if work.envelope is not None:
        titles.append(work.envelope.peer)
    return tuple(title for title in titles if title)


def fold(work: Work, stages: tuple[Stage, ...]) -> Outcome:
    """Run the stages in order until one does not keep the object."""
    for stage in stages:
        outcome = stage(work)
        if not isinstance(outcome, Keep):
            return outcome
    return Keep()


def stages_for(settings: PipelineSettings) -> tuple[Stage, ...]:
    """The stages that the settings ask for."""
    if settings.private_sop_classes == "publish":
        return OBJECT_STAGES
    return (*OBJECT_STAGES[:3], quarantine_private_classes, *OBJECT_STAGES[3:])


OBJECT_STAGES: tuple[Stage, ...] = (
    parse_object,
    check_uids,
    ask_filter,
    refuse_documents,
    deidentify_elements,
    clean_pixels_stage,
    check_for_leaks,
)
