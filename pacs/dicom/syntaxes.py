"""Transfer syntaxes and storage SOP classes of the current standard. PS3.5 section 10, PS3.6 Annex A, PS3.4 B.5."""

import re
from dataclasses import dataclass

from pydicom._uid_dict import UID_dictionary

IMPLICIT_LE = "1.2.840.10008.1.2"
EXPLICIT_LE = "1.2.840.10008.1.2.1"
DEFLATED_LE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BE = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the elements of a data set are written. PS3.5 Annex A."""

    explicit: bool
    little_endian: bool


_IMPLICIT, _EXPLICIT, _BIG = Encoding(False, True), Encoding(True, True), Encoding(True, False)

NATIVE = (EXPLICIT_LE, IMPLICIT_LE, DEFLATED_LE, EXPLICIT_BE)
_JPEG = [f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 55, 57, 70, 80, 81, 90, 91, 92, 93, 110, 111, 112)]
_HTJ2K = [f"1.2.840.10008.1.2.4.{n}" for n in (201, 202, 203)]
_VIDEO = [f"1.2.840.10008.1.2.4.{n}" for n in (100, 101, 102, 103, 104, 105, 106, 107, 108)]
_FRAGMENTABLE = [f"1.2.840.10008.1.2.4.{n}.1" for n in (100, 101, 102, 103, 104, 105, 106)]
DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
# Frames as they are, in fragments (PS3.5 A.4): taken and sent as stored. JPIP objects have no pixels, only an
# address of the site's server, and are not taken.
ENCAPSULATED_PLAIN = "1.2.840.10008.1.2.1.98"
ENCAPSULATED = (ENCAPSULATED_PLAIN, *_JPEG, *_HTJ2K, RLE, *_VIDEO, *_FRAGMENTABLE, DEFLATED_FRAMES)
TRANSFER_SYNTAXES: tuple[str, ...] = (*NATIVE, *ENCAPSULATED)
VIDEO = frozenset((*_VIDEO, *_FRAGMENTABLE))
# Decoding these gives other pixels than were encoded. PS3.5 10.
LOSSY = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 53, 55, 81, 91, 93, 112, 203)) | VIDEO


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """How the elements stand. Everything but the three others is Explicit VR Little Endian. PS3.5 A.4."""
    if transfer_syntax_uid == IMPLICIT_LE:
        return _IMPLICIT
    return _BIG if transfer_syntax_uid == EXPLICIT_BE else _EXPLICIT


def is_encapsulated(transfer_syntax_uid: str) -> bool:
    """Whether pixel data stands in fragments. Unknown ones are taken to be encapsulated (PS3.5 A.4)."""
    return transfer_syntax_uid not in NATIVE


def _storage_classes() -> frozenset[str]:
    """SOP classes named "... Storage" in PS3.6, without media, commitment and worklist ones; retired ones included."""
    found = set()
    for uid, (name, kind, _info, _retired, _keyword) in UID_dictionary.items():
        if kind == "SOP Class" and "Storage" in name and not any(w in name for w in ("Commitment", "Directory")):
            found.add(str(uid))
    return frozenset((*found, *SINCE_2023))


# Younger than the dictionary.
SINCE_2023 = {
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
    "1.2.840.10008.5.1.4.1.1.9.100.1": "Waveform Presentation State Storage",
    "1.2.840.10008.5.1.4.1.1.9.100.2": "Waveform Acquisition Presentation State Storage",
}
STORAGE_CLASSES = _storage_classes()


def syntax_on_the_web(transfer_syntax_uid: str) -> str:
    """The syntax that an object goes in unless another is asked for: native ones in Explicit VR Little Endian only.

    PS3.18 8.7.3.
    """
    return EXPLICIT_LE if transfer_syntax_uid in NATIVE else transfer_syntax_uid


def may_be_stored(sop_class_uid: str) -> bool:
    """False for a UID that PS3.6 gives to something else, such as Verification; true for private and unknown ones."""
    return sop_class_uid in STORAGE_CLASSES or not UID_dictionary.get(sop_class_uid, ("",))[0]


# Context groups (PS3.6 Table A-3) and templates, which the dictionary does not list one by one.
_NUMBERED = re.compile(r"1\.2\.840\.10008\.(?:6\.1|9)\.\d{1,4}")


def name_of(uid: str) -> str:
    """The name that PS3.6 Annex A gives a UID; "(retired)" behind it where it is. Empty when it is none of them."""
    name, _kind, _info, retired, _keyword = UID_dictionary.get(uid, (SINCE_2023.get(uid, ""), "", "", "", ""))
    return f"{name} (retired)" if retired and "Retired" not in name else name


VALID_UID = re.compile(r"(?=.{1,64}\Z)[0-9]+(?:\.[0-9]+)*")  # PS3.5 9.1, but for zeros in front, which are in use


def is_standard_uid(uid: str) -> bool:
    """Whether PS3.6 Annex A registers the UID (SOP class, transfer syntax, frame of reference, context group ...)."""
    return uid in UID_dictionary or uid in SINCE_2023 or _NUMBERED.fullmatch(uid) is not None


# DICOM's arc of storage classes, and those of countries (ISO 3166: from 4), organisations and UUIDs. X.660.
_GIVEN = re.compile(
    r"1\.2\.840\.10008\.5\.1\.4\.1\.1\.[\d.]+"
    r"|(?!1\.2\.840\.10008\.)(?:1\.2\.(?:[4-9]|[1-8]\d{1,2})|1\.3|2\.(?!999\.)\d+)\.[\d.]+"
)


def may_be_storage_class(uid: str) -> bool:
    """Whether a UID that PS3.6 does not register may be a storage class of somebody: one that can have been given."""
    return _GIVEN.fullmatch(uid) is not None and not is_standard_uid(uid)


__all__ = ["EXPLICIT_LE", "IMPLICIT_LE", "STORAGE_CLASSES", "TRANSFER_SYNTAXES", "Encoding", "encoding_of"]
