"""The ways that an object goes; see the package."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pacs.deid.pixels.reading import read_again, read_frames
from pacs.deid.pixels.redact import Evidence, Judged, WithInitials, judge, merged, padded
from pacs.deid.pixels.signatures import Signature, signature_of
from pacs.deid.pixels.suspicion import BURNED_IN, NO_PICTURE, SOP_CLASS, Suspicion, suspicion_of
from pacs.dicom.elements import PIXEL_DATA, DataSet
from pacs.dicom.syntaxes import VIDEO, encoding_of
from pacs.dicom.values import first_text
from pacs.errors import NotAcceptable, RuleError
from pacs.pixels import ocr
from pacs.pixels.blank import black_of, blanked, without_unused_bits, zero_of
from pacs.pixels.codestream import clean_pixel_value
from pacs.pixels.icc import without_descriptions
from pacs.pixels.image import Image, format_of, image_of
from pacs.pixels.ocr import Box, Line, Reader

_FEWEST_BYTES = 64  # of pixel data in which anything could be written
_ROUNDS = 3  # readings of an image in which new text comes to light once other text is gone


@dataclass(frozen=True, slots=True)
class PixelPolicy:
    """How a collection treats text in pixels.

    `mode`: ``clean`` blanks it, ``detect`` only says so, ``quarantine`` refuses objects that say themselves that text
    is burned in, and those in which text is read that may identify. `paper`: ``quarantine`` or ``clean`` for scanned
    paper. `scratch` is a folder for the temporary files of large objects.
    """

    mode: str = "clean"
    paper: str = "quarantine"
    signatures: tuple[Signature, ...] = ()
    scratch: Path | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle that is black now in every frame, in pixels, and why: text, unreadable, or a signature's name.

    In JPEG it is the part of the image that was written anew for it, which is larger than what is black.
    """

    left: int
    top: int
    width: int
    height: int
    reason: str


@dataclass(frozen=True, slots=True)
class PixelOutcome:
    """What became of an object's pixels.

    `path` names the way that was taken. `cleaned`: regions were blanked, so code 113101 applies. `stripped`: metadata
    within the pixel data was taken out. `found`: text was read that may identify, and it is still there (``detect``).
    `suspects` are where that stands. `unmarked`: the regions are those of a script that is followed as CTP does, which
    says nowhere that it did. `quarantine` is a reason for people, without any value.
    `frames` were read (or blanked unread), counted from 0: where a second reader should look. `texts_after` was read in
    the result and stays there; it is identified data until somebody looked at it.
    """

    path: str
    data_set: DataSet = field(repr=False)
    transfer_syntax_uid: str
    cleaned: bool = False
    unmarked: bool = False
    stripped: bool = False
    regions: tuple[Region, ...] = ()
    quarantine: str | None = None
    found: bool = False
    suspects: tuple[Region, ...] = ()
    frames: tuple[int, ...] = ()
    texts_after: tuple[str, ...] = field(default=(), repr=False)


def clean_pixels(
    original: DataSet,
    result: DataSet,
    transfer_syntax_uid: str,
    evidence: Evidence,
    policy: PixelPolicy | None = None,
    reader: Callable[[], Reader] = ocr.reader,
) -> PixelOutcome:
    """Clean the pixels of one object.

    Parameters
    ----------
    original, result : DataSet
        Before and after its elements were cleaned; neither is changed.
    transfer_syntax_uid : str
        How both are written (after inflating).
    evidence : Evidence
        What identifies in the original.
    policy : PixelPolicy
        The collection's.
    reader : callable
        Gives the reader of text when it is needed first.

    Returns
    -------
    PixelOutcome
        Its data set is `result` itself when nothing had to change. Never raises for what the object holds.
    """
    known = WithInitials(evidence, original)
    work = _Work(original, result, transfer_syntax_uid, known, policy or PixelPolicy(), reader)
    try:
        return work.run()
    except NotAcceptable as error:
        refused = f"Its pixels may hold text, and cannot be checked: {error}."
        return PixelOutcome("not decodable", result, transfer_syntax_uid, quarantine=refused)
    except RuleError as error:
        refused = f"Whether its device is known cannot be told: {error}."
        return PixelOutcome("not judged", result, transfer_syntax_uid, quarantine=refused)


@dataclass(slots=True)
class _Work:
    original: DataSet
    result: DataSet
    syntax: str
    evidence: WithInitials
    policy: PixelPolicy
    reader: Callable[[], Reader]

    def run(self) -> PixelOutcome:
        result = without_descriptions(self.result)
        outcome = PixelOutcome("no pixels", result, self.syntax, stripped=result is not self.result)
        if PIXEL_DATA not in result:
            return outcome
        found = format_of(self.original, encoding_of(self.syntax))
        suspicion = suspicion_of(self.original, found)
        refused = self.refused(suspicion)
        if refused:
            return replace(outcome, path="policy", quarantine=refused)
        image = image_of(result, self.syntax)
        if image is None:
            return outcome
        clean = clean_pixel_value(image, self.policy.scratch)
        if clean is not None:
            outcome = replace(outcome, data_set=clean, stripped=True)
            image = image_of(clean, self.syntax)
            assert image is not None
        few = len(result[PIXEL_DATA].value) <= _FEWEST_BYTES
        if few or first_text(self.original, SOP_CLASS) in NO_PICTURE:
            return replace(outcome, path="no picture")
        if self.syntax in VIDEO:
            raise NotAcceptable("video cannot be decoded here")
        image.check_whole()
        cleared = without_unused_bits(image, self.policy.scratch)
        if cleared is not None:
            syntax = cleared.transfer_syntax_uid
            outcome = replace(outcome, data_set=cleared.data_set, transfer_syntax_uid=syntax, stripped=True)
            image = _image(outcome)
        return self.text(image, outcome, suspicion)

    def refused(self, suspicion: Suspicion) -> str | None:
        """Objects that nobody may even try to clean."""
        if suspicion.paper and self.policy.paper == "quarantine":
            return "It is scanned paper (ConversionType SD), which is not cleaned automatically."
        if suspicion.label and self.policy.mode != "detect":
            return "It shows a slide's label, which identifies."
        if first_text(self.original, BURNED_IN).strip().upper() == "YES" and self.policy.mode == "quarantine":
            return "It says that text is burned into its pixels (0028,0301), and the collection takes no such objects."
        return None

    def text(self, image: Image, outcome: PixelOutcome, suspicion: Suspicion) -> PixelOutcome:
        """Known regions, or what can be read."""
        signature = signature_of(self.original, self.policy.signatures, encoding_of(self.syntax))
        if signature is not None and self.policy.mode == "clean":
            boxes = signature.boxes(image.format)
            named = [(box, f"signature {signature.name}") for box in boxes]
            outcome = self.blank(image, outcome, named, "signature", as_ctp=signature.as_ctp)
            if signature.complete:
                return replace(outcome, frames=(0,))
            image = _image(outcome)
        reading = read_frames(image, self.reader, every=bool(suspicion.reason))
        if not reading.frames:
            return replace(outcome, path="looked at")
        path = f"read: {suspicion.reason or 'glyphs in the image'}"
        outcome = replace(outcome, path=path, frames=tuple(reading.frames))
        judged = self.judge(reading.lines)
        if judged.boxes and self.policy.mode != "clean":
            refused = "Text that may identify was read in its pixels." if self.policy.mode == "quarantine" else None
            suspects = tuple(_region(box, reason) for box, reason in judged.boxes)
            return replace(outcome, found=True, suspects=suspects, quarantine=refused)
        kept = judged.kept
        for _round in range(_ROUNDS):
            if not judged.boxes:
                break
            away = merged(_with_padding(image, judged, kept))
            outcome = self.blank(image, outcome, away, outcome.path)
            image = _image(outcome)
            again = read_again(image, reading, self.reader(), [box for box, _reason in away], kept)
            judged = self.judge(again)
        if any(reason == "text" for _box, reason in judged.boxes):
            return replace(outcome, quarantine="Text in its pixels could not be blanked for good.")
        if self.policy.mode == "detect":  # looked at and left as it is, what it says of itself too
            return replace(outcome, texts_after=tuple(dict.fromkeys(line.text for line in kept)))
        return _read(outcome, kept)

    def judge(self, lines: Sequence[Line]) -> Judged:
        """Which lines go; see `redact.judge`."""
        return judge(lines, self.evidence, own=self.evidence.words, patient=self.evidence.patient)

    def blank(
        self,
        image: Image,
        outcome: PixelOutcome,
        boxes: Sequence[tuple[Box, str]],
        path: str,
        *,
        as_ctp: bool = False,
    ) -> PixelOutcome:
        """Make boxes black in every frame, or as CTP does, which marks nothing."""
        black = zero_of if as_ctp else black_of
        done = blanked(image, [box for box, _reason in boxes], self.policy.scratch, black=black)
        if not as_ctp:
            done.data_set.put(BURNED_IN, "CS", b"NO")
        reasons = [reason for _box, reason in boxes]
        regions = outcome.regions + tuple(map(_region, done.boxes, reasons))
        return replace(
            outcome,
            path=path,
            data_set=done.data_set,
            transfer_syntax_uid=done.transfer_syntax_uid,
            cleaned=True,
            unmarked=as_ctp,
            regions=regions,
        )


def _image(outcome: PixelOutcome) -> Image:
    image = image_of(outcome.data_set, outcome.transfer_syntax_uid)
    assert image is not None
    return image


def _read(outcome: PixelOutcome, kept: Sequence[Line]) -> PixelOutcome:
    """An object in whose pixels nothing is left that identifies."""
    data_set = DataSet(outcome.data_set)
    data_set.put(BURNED_IN, "CS", b"NO")
    return replace(outcome, data_set=data_set, texts_after=tuple(dict.fromkeys(line.text for line in kept)))


def _with_padding(image: Image, judged: Judged, kept: Sequence[Line]) -> list[tuple[Box, str]]:
    spared = [line.box for line in kept]
    rows, columns = image.format.rows, image.format.columns
    return [(padded(box, rows, columns, spared), reason) for box, reason in judged.boxes]


def _region(box: Box, reason: str) -> Region:
    return Region(box.left, box.top, box.width, box.height, reason)
