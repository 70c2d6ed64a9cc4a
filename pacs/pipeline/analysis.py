"""What a folder of objects holds, before it is submitted: counts and patterns, never a value that could identify.

One pass, a file at a time. What is kept of each object are short digests, to find copies and contradictions.
"""

import builtins
import hashlib
import mmap
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes

from pydicom.datadict import keyword_for_tag
from pydicom.uid import UID

from pacs.deid.dummies import ENCAPSULATED_DOCUMENT
from pacs.deid.pixels.suspicion import suspicion_of
from pacs.deid.private import creators_of, known, shown_creator
from pacs.deid.profiles import Profile
from pacs.dicom.elements import DataSet, parse
from pacs.dicom.fileformat import inflate, read_start
from pacs.dicom.syntaxes import DEFLATED_LE, STORAGE_CLASSES, TRANSFER_SYNTAXES, Encoding, encoding_of
from pacs.dicom.values import DEFAULT, Charset, charset_of, first_text, numbers_of, text_of
from pacs.errors import PacsError
from pacs.pipeline.faces import MODALITIES, Instance, find_faces, is_head, place_of
from pacs.pipeline.patterns import Kinds, pattern_of
from pacs.pixels.image import format_of

PIXEL_DATA, SOP_CLASS, SOP_UID, STUDY_UID, SERIES_UID = 0x7FE00010, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E
PATIENT_ID, MODALITY, MANUFACTURER = 0x00100020, 0x00080060, 0x00080070
_PATTERNED = {"PatientID": PATIENT_ID, "AccessionNumber": 0x00080050, "StudyID": 0x00200010}
KNOWN_MODALITIES = frozenset(
    "AR AU BDUS BI BMD CR CT CTPROTOCOL DG DOC DX ECG EPS ES FID GM HC HD IO IOL IVOCT IVUS KER KO LEN LS M3D MG MR NM"
    " OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PLAN PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTPLAN RTRECORD RTSTRUCT"
    " RWV SEG SM SMR SR SRF STAIN TG US VA XA XC".split()
)
MAKERS = (
    "SIEMENS GE PHILIPS TOSHIBA CANON HITACHI FUJI HOLOGIC AGFA CARESTREAM KODAK SAMSUNG MINDRAY ESAOTE SHIMADZU VARIAN"
    " ELEKTA BRUKER ACCURAY KONICA LUMINEX ZIEMER ZEISS TOPCON HEIDELBERG NIDEK LEICA HAMAMATSU VENTANA ROCHE 3DHISTECH"
    " MEDRAD BARCO TERARECON VITAL NEUSOFT UIH LODOX PLANMECA SIRONA VATECH SONOSITE ALOKA SUPERSONIC PICKER MARCONI"
    " IMPAX SECTRA MIRADA MIM OSIRIX HOROS DCMTK"
).split()
# Of type 1 in every object, in every image, and in images of some classes. PS3.3 C.12.1, C.7.3.1, C.7.6.3.
_ALWAYS = (SOP_CLASS, SOP_UID, STUDY_UID, SERIES_UID, MODALITY)
_IMAGES = (0x00280002, 0x00280004, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103)
_NUMBERS = frozenset(_IMAGES) - {0x00280004}  # US, in which 0 is a value
_SLICES = (0x00080008, 0x00200032, 0x00200037, 0x00200052, 0x00280030)
_BY_CLASS = {
    "1.2.840.10008.5.1.4.1.1.2": (*_SLICES, 0x00281052, 0x00281053),
    "1.2.840.10008.5.1.4.1.1.4": (*_SLICES, 0x00180020, 0x00180021),
    "1.2.840.10008.5.1.4.1.1.128": (*_SLICES, 0x00281052, 0x00281053, 0x00541001),
}
# What faces are told by; their values stay in this process.
_FACE_TEXTS: tuple[int, ...] = (
    0x00080008,
    0x00180015,
    0x00081030,
    0x0008103E,
    0x00181030,
    0x00400254,
    0x00280030,
    0x00200032,
)
_FACE_TEXTS += (0x00200037, 0x00280008, 0x00180088, 0x00180050)
_FACE_NUMBERS, _FACE_CODES = (0x00280010, 0x00280011), (0x00082218, 0x00081032)
DOCUMENT, NO_UID = "encapsulated document (quarantined by most profiles)", "{} UID missing (quarantined)"
SAME_FILE, SAME_UID = "the same file again", "another object under the same SOP Instance UID"
SEVERAL_PATIENTS, SEVERAL_STUDIES = "a study of several patients", "a series of several studies or modalities"
EMPTY_FILE, UNREADABLE, DICOMDIR = "empty file", "cannot be opened", "DICOMDIR"
NO_OBJECT, NO_ANALYSIS, SOME_ERROR = "no whole DICOM object ({})", "could not be analysed ({})", "error"
PAPER, LABEL, NO_PIXELS, UNSUSPECTED = "scanned paper", "slide label", "no pixels", "nothing speaks for it"
PRIVATE_CLASS, UNKNOWN, EMPTY, OTHERS, NO_CREATOR = "private or unknown", "unknown", "empty", "others", "no creator"
_MOST_INFLATED = 1 << 31
_MOST_SLICES = 64
FORM = 1
LINES = {"20 Mbit/s": 20, "100 Mbit/s": 100, "1 Gbit/s": 1000}


@dataclass(slots=True)
class _Head:
    """A series that may show a face: its first instance, and where its slices lie."""

    first: Instance
    count: int = 0
    low: float = float("inf")
    high: float = float("-inf")

    def shows_face(self) -> bool:
        """As the series stage would judge it, with slices evenly spread."""
        if self.count < 2 or self.high <= self.low:
            return bool(find_faces([self.first]))
        number = min(self.count, _MOST_SLICES)
        step = (self.high - self.low) / (self.count - 1)
        places = [self.low + step * each for each in range(number - 1)] + [self.high]
        flat = {"00200037": {"Value": [1, 0, 0, 0, 1, 0]}}
        return bool(find_faces([{**self.first, **flat, "00200032": {"Value": [0, 0, each]}} for each in places]))


@dataclass(slots=True)
class Analysis:
    """What was found. `as_json` is all that leaves it."""

    profile: Profile
    mapped: frozenset[str] | None = None  # patient ids that a mapping table has
    files: int = 0
    objects: int = 0
    size_bytes: int = 0
    others: Kinds = field(default_factory=Kinds)
    kinds: dict[str, Kinds] = field(default_factory=dict)
    creators: dict[str, Counter[str]] = field(default_factory=dict)
    missing: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    _salt: bytes = field(default_factory=lambda: token_bytes(16))
    _seen: dict[bytes, bytes] = field(default_factory=dict)
    _patients: dict[bytes, bool] = field(default_factory=dict)
    _studies: dict[bytes, bytes] = field(default_factory=dict)
    _series: dict[bytes, bytes] = field(default_factory=dict)
    _heads: dict[bytes, _Head | None] = field(default_factory=dict)

    def add(self, path: Path) -> None:
        """Look at one file, whatever it is; nothing that it holds raises."""
        self.files += 1
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                self._add(memoryview(mapped))
        except ValueError:
            self.others.add(EMPTY_FILE)
        except BufferError:  # a fault's frames still hold the mapping; it goes with them
            return
        except OSError:
            self.others.add(UNREADABLE)

    def _add(self, view: memoryview) -> None:
        try:
            start = read_start(view)
            syntax = start.transfer_syntax_uid
            body: memoryview | bytes = view[start.data_set_offset :]
            if syntax == DEFLATED_LE:
                body = b"".join(inflate(memoryview(body), _MOST_INFLATED))
            encoding = encoding_of(syntax)
            data_set = parse(body, encoding)
            content = self._digest(view)
            self._object(data_set, syntax, encoding, content, len(view))
        except PacsError as error:
            self.others.add(NO_OBJECT.format(type(error).__name__))
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a border: one odd file must not stop the analysis
            name = type(error).__name__  # of a library's own error not even the name is known to be harmless
            self.others.add(NO_ANALYSIS.format(name if hasattr(builtins, name) else SOME_ERROR))

    def _digest(self, value: memoryview | str) -> bytes:
        content = value.encode("utf-8", "replace") if isinstance(value, str) else value
        return hashlib.blake2b(content, digest_size=8, key=self._salt).digest()

    def _kind(self, name: str, kind: str) -> None:
        self.kinds.setdefault(name, Kinds()).add(kind)

    def _object(self, data_set: DataSet, syntax: str, encoding: Encoding, content: bytes, size: int) -> None:
        sop_class = first_text(data_set, SOP_CLASS)
        if sop_class == "1.2.840.10008.1.3.10":
            self.others.add(DICOMDIR)
            return
        self.objects += 1
        self.size_bytes += size
        self._kind("modalities", _modality(data_set))
        self._kind("sop classes", UID(sop_class).name if sop_class in STORAGE_CLASSES else PRIVATE_CLASS)
        self._kind("transfer syntaxes", UID(syntax).name if syntax in TRANSFER_SYNTAXES else UNKNOWN)
        self._kind("manufacturers", _maker(first_text(data_set, MANUFACTURER)))
        self._kind("burned-in text", _burned_in(data_set, encoding))
        for name, tag in _PATTERNED.items():
            self._kind(f"patterns of {name}", pattern_of(first_text(data_set, tag)) or EMPTY)
        if ENCAPSULATED_DOCUMENT in data_set:
            self.problems[DOCUMENT] += 1
        for tag in _demanded(data_set, sop_class):
            if _is_empty(data_set, tag):
                self.missing[keyword_for_tag(tag) or f"{tag:08X}"] += 1
        self._identifiers(data_set, content)
        self._private(data_set, DEFAULT, "")

    def _identifiers(self, data_set: DataSet, content: bytes) -> None:
        """Copies, contradictions, patients, and series that may show a face."""
        uids = {name: first_text(data_set, tag) for name, tag in (("sop", SOP_UID), ("study", STUDY_UID))}
        uids["series"], patient_id = first_text(data_set, SERIES_UID), first_text(data_set, PATIENT_ID)
        for name, uid in uids.items():
            if not uid:
                self.problems[NO_UID.format(name)] += 1
        sop, study, series = (self._digest(uids[name]) if uids[name] else b"" for name in ("sop", "study", "series"))
        patient = self._digest(patient_id)
        before = self._seen.setdefault(sop, content) if sop else content
        if before is not content:
            self.problems[SAME_FILE if before == content else SAME_UID] += 1
        if study and self._studies.setdefault(study, patient) != patient:
            self.problems[SEVERAL_PATIENTS] += 1
        of_series = study + self._digest(_modality(data_set))
        if series and self._series.setdefault(series, of_series) != of_series:
            self.problems[SEVERAL_STUDIES] += 1
        self._patients.setdefault(patient, self.mapped is None or patient_id in self.mapped)
        self._look_for_head(data_set, series)

    def _look_for_head(self, data_set: DataSet, series: bytes) -> None:
        if _modality(data_set) not in MODALITIES:
            return
        instance = _instance(data_set)
        if series not in self._heads:
            self._heads[series] = _Head(instance) if is_head(instance) else None
        head, place = self._heads[series], place_of(instance)
        if head is not None and place is not None:
            head.count += 1
            head.low, head.high = min(head.low, place), max(head.high, place)

    def _private(self, data_set: DataSet, inherited: Charset, around: str) -> None:
        """How the profile treats private elements, by creator: those that nobody published are shown as patterns."""
        charset = charset_of(data_set, inherited)
        creators = creators_of(data_set, charset)
        for tag, element in data_set.items():
            creator = ""
            if tag & 0x10000 and (tag & 0xFFFF) >= 0x1000:
                creator = creators.get((tag & 0xFFFF0000) | (tag >> 8 & 0xFF), "")
                found = known(tag, element.vr, creators, around, self.profile)
                kept = found is not None and found.rule.code != "X"
                name = shown_creator(creator, self.profile) or (pattern_of(creator) or NO_CREATOR)
                if name not in self.creators and len(self.creators) >= 400:
                    name = OTHERS
                self.creators.setdefault(name, Counter())["kept" if kept else "removed"] += 1
            for item in element.items or ():
                self._private(item, charset, around)

    def as_json(self) -> dict[str, object]:
        """Counts and patterns."""
        counts: dict[str, object] = {"files": self.files, "objects": self.objects, "bytes": self.size_bytes}
        counts |= {"patients": len(self._patients), "studies": len(self._studies), "series": len(self._series)}
        faces = sum(head.shows_face() for head in self._heads.values() if head is not None)
        creators = [
            {"creator": name, "kept": counter["kept"], "removed": counter["removed"]}
            for name, counter in sorted(self.creators.items(), key=lambda each: (-each[1].total(), each[0]))
        ]
        unmapped = None if self.mapped is None else sum(not each for each in self._patients.values())
        return {
            "report": FORM,
            "profile": self.profile.name,
            "profile_version": self.profile.version,
            "counts": counts,
            "not_dicom": self.others.as_json(),
            **{name.replace(" ", "_").replace("-", "_"): kinds.as_json() for name, kinds in self.kinds.items()},
            "private_creators": creators,
            "series_that_may_show_a_face": faces,
            "missing_type_1": dict(self.missing.most_common()),
            "problems": dict(self.problems.most_common()),
            "patients_without_mapping": unmapped,
            "sending_s": {line: round(self.size_bytes * 8 / (speed * 1_000_000)) for line, speed in LINES.items()},
        }


def analyse(files: Iterable[Path], profile: Profile, mapped: frozenset[str] | None = None) -> Analysis:
    """Look at files one after the other. `mapped`: patient ids that a mapping table has, if there is one."""
    found = Analysis(profile, mapped)
    for file in files:
        found.add(file)
    return found


def _modality(data_set: DataSet) -> str:
    value = first_text(data_set, MODALITY).strip().upper()
    return value if value in KNOWN_MODALITIES else pattern_of(value) or EMPTY


def _demanded(data_set: DataSet, sop_class: str) -> tuple[int, ...]:
    return (*_ALWAYS, *(_IMAGES if PIXEL_DATA in data_set else ()), *_BY_CLASS.get(sop_class, ()))


def _is_empty(data_set: DataSet, tag: int) -> bool:
    """Whether an element is absent or has no value; a number that is 0 is one."""
    element = data_set.get(tag)
    if element is None or element.items is not None:
        return not (element and element.items)
    return not (bytes(element.value) if tag in _NUMBERS else bytes(element.value).strip(b" \0"))


def _maker(value: str) -> str:
    """A maker that is widely known, else the value's pattern: people write all kinds of things there."""
    words = value.upper()
    return next((maker for maker in MAKERS if maker in words), pattern_of(value) or EMPTY)


def _burned_in(data_set: DataSet, encoding: Encoding) -> str:
    """Why an image is suspected, or that it is looked at like every other."""
    if PIXEL_DATA not in data_set:
        return NO_PIXELS
    suspicion = suspicion_of(data_set, format_of(data_set, encoding))
    if suspicion.paper or suspicion.label:
        return PAPER if suspicion.paper else LABEL
    return suspicion.reason or UNSUSPECTED


def _instance(data_set: DataSet) -> Instance:
    """The few elements that tell a head, as DICOM JSON."""
    found: dict[str, Mapping[str, object]] = {"00080060": {"Value": [_modality(data_set)]}}
    for tag in _FACE_TEXTS:
        if tag in data_set and data_set[tag].items is None:
            found[f"{tag:08X}"] = {"Value": [each.strip() for each in text_of(data_set[tag]).split("\\")]}
    for tag in _FACE_NUMBERS:
        if tag in data_set:
            found[f"{tag:08X}"] = {"Value": list(numbers_of(data_set[tag]))}
    for tag in _FACE_CODES:
        if tag in data_set:
            items = [{"00080104": {"Value": [first_text(item, 0x00080104)]}} for item in data_set[tag].items or ()]
            found[f"{tag:08X}"] = {"Value": items}
    return found
