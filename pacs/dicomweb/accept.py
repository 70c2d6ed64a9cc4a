"""Which media type and transfer syntax a caller takes. PS3.18 8.7, RFC 9110 12.5.1."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pacs.dicom.syntaxes import DEFLATED_LE, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, LOSSY, VIDEO, syntax_on_the_web
from pacs.errors import BadRequest, NotAcceptable
from pacs.pixels import ENCODABLE

DICOM, OCTETS, JSON = "application/dicom", "application/octet-stream", "application/dicom+json"
ZIP = "application/zip"
AS_STORED = "*"
_SYNTAX = "transfer-syntax"
_REMEMBERED_LENGTH = 500
# Never sent as stored. PS3.18 8.7.3.
_NEVER = frozenset((IMPLICIT_LE, EXPLICIT_BE, DEFLATED_LE))
_JPEG = "1.2.840.10008.1.2.4."
# Single frame media types of compressed pixel data. PS3.18 Table 8.7.3-5.
MEDIA_OF_SYNTAX = {
    **{f"{_JPEG}{number}": "image/jpeg" for number in (50, 51, 57, 70)},
    **{f"{_JPEG}{number}": "image/jls" for number in (80, 81)},
    **{f"{_JPEG}{number}": "image/jp2" for number in (90, 91)},
    **{f"{_JPEG}{number}": "image/jpx" for number in (92, 93)},
    **{f"{_JPEG}{number}": "image/jphc" for number in (201, 202, 203)},
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    **dict.fromkeys(VIDEO, "video/mp4"),
    **{f"{_JPEG}{number}": "video/mpeg" for number in (100, 101)},
}
_WEIGHT = re.compile(r"[0-9]{1,3}(\.[0-9]{0,9})?|\.[0-9]{1,9}")  # RFC 9110 12.4.2, somewhat wider
# What types were called before they were registered; older clients ask so. PS3.18 8.7.3.3.2.
_OLD_NAMES = {"image/x-jls": "image/jls", "image/x-dicom-rle": "image/dicom-rle", "video/mpeg2": "video/mpeg"}
# What a type of image means when no transfer syntax is named and the stored one is of another type.
DEFAULT_OF_MEDIA = (
    (f"{_JPEG}70", "image/jpeg"),
    (f"{_JPEG}80", "image/jls"),
    (f"{_JPEG}90", "image/jp2"),
    (f"{_JPEG}201", "image/jphc"),
    ("1.2.840.10008.1.2.5", "image/dicom-rle"),
)


@dataclass(frozen=True, slots=True)
class MediaRange:
    """One element of an Accept header. `type` is ``*/*``, ``type/*`` or a media type; parameters in lower case."""

    type: str
    parameters: tuple[tuple[str, str], ...] = ()
    quality: float = 1.0

    def values(self, name: str) -> list[str]:
        """All values of a parameter; a second transfer-syntax may follow the first."""
        return [value for key, value in self.parameters if key == name]


def within(media_type: str, wanted: str) -> bool:
    """Whether a media range (``*/*``, ``image/*``, ``image/png``) holds a media type."""
    kind = wanted.partition("/")[0]
    return wanted in ("*/*", media_type) or (wanted.endswith("/*") and media_type.startswith(f"{kind}/"))


_WORD = r"[^\s;,=\"]+"
_PARAMETER = re.compile(rf"\s*;\s*({_WORD})?(?:\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^\s;,\"]*))?")
_TYPE = re.compile(rf"\s*({_WORD})")


def parse_media_type(text: str) -> MediaRange:
    """One media type with its parameters. Raises `BadRequest`."""
    found = parse_accept(text)
    if len(found) != 1:
        raise BadRequest("a media type is malformed")
    return found[0]


def parse_accept(text: str) -> list[MediaRange]:
    """The media ranges of an Accept header or parameter, in their order. Raises `BadRequest` for what is none."""
    found, position = [], 0
    while text[position:].strip(" \t,"):
        while text[position] in " \t,":
            position += 1
        kind = _TYPE.match(text, position)
        if kind is None:
            raise BadRequest("the Accept header is malformed")
        position = kind.end()
        parameters = []
        while (parameter := _PARAMETER.match(text, position)) is not None:
            position = parameter.end()
            if parameter[1]:
                parameters.append((parameter[1].lower(), _unquoted(parameter[2] or "")))
        if text[position:].strip() and not re.match(r"\s*,", text[position:]):
            raise BadRequest("the Accept header is malformed")
        found.append(MediaRange(kind[1].lower(), tuple(parameters), _quality(parameters)))
    return found


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _quality(parameters: Sequence[tuple[str, str]]) -> float:
    for name, value in parameters:
        if name == "q":
            if not _WEIGHT.fullmatch(value):
                raise BadRequest("the Accept header is malformed")
            return min(float(value), 1.0)
    return 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """One way that the caller takes the answer: the type of (each part of) the payload and its transfer syntaxes.

    `syntaxes` is empty when none was asked for. `refused` are types that a wider range holds and the caller does not
    take, or ranks lower, each alone (False) or in multipart (True): the most specific range decides. Likewise
    `refused_syntaxes`, of such a type only.
    """

    type: str
    multipart: bool
    syntaxes: tuple[str, ...] = ()
    refused: tuple[tuple[str, bool], ...] = ()
    refused_syntaxes: tuple[tuple[str, bool, str], ...] = ()

    @property
    def is_anything(self) -> bool:
        """Whether it is ``*/*``, which multipart falls under as well."""
        return self.type == "*/*" and not self.multipart

    def takes(self, media_type: str, *, multipart: bool, syntax: str = "") -> bool:
        """Whether a media type, in a transfer syntax where it has one, is one that is meant, alone or in parts."""
        refused = [each for each, in_parts in self.refused if in_parts == multipart]
        refused += [each for each, in_parts, of in self.refused_syntaxes if (in_parts, of) == (multipart, syntax)]
        return within(media_type, self.type) and not any(within(media_type, each) for each in refused)


def wanted(query_value: str | None, header: str | None) -> list[Wanted]:
    """What the caller takes, best first; the ``accept`` query parameter wins over the header. PS3.18 8.7.8.1."""
    few = len(query_value or "") + len(header or "") < _REMEMBERED_LENGTH
    return list((_wanted if few else _wanted.__wrapped__)(query_value or "", header or ""))


@lru_cache(maxsize=256)  # programs send the same few for ever
def _wanted(query_value: str, header: str) -> tuple[Wanted, ...]:
    ranges = [parse_accept(_with_plus(query_value)), parse_accept(header)]
    found = tuple(each for some in ranges for each in _by_quality(some))
    if not found and any(ranges):
        raise NotAcceptable("the Accept header refuses everything")
    return found


def _with_plus(query_value: str) -> str:
    """A query parameter as it was meant: whoever writes ``application/dicom+json`` in an address leaves a blank."""
    return re.sub(r"(?<=/dicom) (?=json\b|xml\b)", "+", query_value)


def _by_quality(ranges: list[MediaRange]) -> Iterator[Wanted]:
    for each in sorted((each for each in ranges if each.quality > 0), key=lambda each: -each.quality):
        kind, multipart = _meant(each)
        refused, refused_syntaxes = [], []
        for other in ranges:
            if other.quality >= each.quality:
                continue
            other_kind, other_multipart = way = _meant(other)
            syntaxes = [value for value in other.values(_SYNTAX) if value != AS_STORED]
            if syntaxes:  # that syntax alone, of what both name
                refused_syntaxes += [(*way, syntax) for syntax in syntaxes if syntax not in each.values(_SYNTAX)]
            elif (other_kind, other_multipart) == (kind, multipart):
                if (each.type, other.type) == ("multipart/*", "multipart/related"):
                    refused.append(way)
            elif within(other_kind, kind) or (other_multipart and not multipart):
                refused.append(way)
            elif other_kind == "*/*" and not multipart:  # so what only passes for this type, as multipart, is not meant
                refused.append((other_kind, True))
        yield Wanted(kind, multipart, tuple(each.values(_SYNTAX)), tuple(refused), tuple(refused_syntaxes))


def _meant(each: MediaRange) -> tuple[str, bool]:
    """The type of (each part of) the payload, and whether it goes as multipart."""
    if each.type == "multipart/related":
        kind = (each.values("type") or ["*/*"])[0].lower()
        return _OLD_NAMES.get(kind, kind), True
    return ("*/*", True) if each.type == "multipart/*" else (_OLD_NAMES.get(each.type, each.type), False)


def instance_syntax(each: Wanted, stored: str, *, has_frames: bool = True) -> str | None:
    """The transfer syntax to send an instance in, or None: this way it cannot be sent. PS3.18 8.7.3.5.

    Nothing asked is Explicit VR Little Endian, but what exists only lossily compressed goes as stored. What has no
    frames is never compressed.
    """
    if not each.syntaxes:
        return stored if stored in LOSSY else EXPLICIT_LE
    for syntax in each.syntaxes:
        if syntax == AS_STORED:
            return syntax_on_the_web(stored)
        if syntax == stored and stored not in _NEVER:
            return stored
        if stored not in VIDEO and (syntax == EXPLICIT_LE or (has_frames and syntax in ENCODABLE)):
            return syntax
    return None


@dataclass(frozen=True, slots=True)
class Stored:
    """What matters of an instance for choosing: its transfer syntax, and whether it has frames."""

    transfer_syntax_uid: str
    has_frames: bool = True


def choose_instance(
    found: Sequence[Wanted], stored: Iterable[Stored], *, single: bool
) -> tuple[Wanted, dict[Stored, str]]:
    """How to send instances: the way, and the syntax to send each kind in. Raises `NotAcceptable`.

    The type of the way is application/dicom or application/zip. A single part is possible when `single` (one
    instance). Among images, objects without frames go in Explicit VR Little Endian when a compressed syntax is asked.
    """
    kinds = set(stored)
    as_zip = [replace(each, type=ZIP) for each in found if not each.multipart and each.takes(ZIP, multipart=False)]
    for each in [*found, *as_zip] or [Wanted(DICOM, multipart=True)]:
        for way in _instance_ways(each, single=single):
            chosen = {kind: _syntax_of(way, kind) for kind in kinds}
            if any(kind.has_frames and chosen[kind] for kind in kinds):
                chosen = {kind: syntax or (None if kind.has_frames else EXPLICIT_LE) for kind, syntax in chosen.items()}
            if all(chosen.values()):
                return way, {key: value for key, value in chosen.items() if value}
    raise NotAcceptable(
        "instances are sent as application/dicom or application/zip, as stored, in Explicit VR Little Endian,"
        " or in a lossless compression that this server writes"
    )


def _instance_ways(each: Wanted, *, single: bool) -> Iterator[Wanted]:
    """What any application type means is alone if it can be, else a part an instance, the default of PS3.18 8.7.8.1."""
    if each.type == ZIP and not each.multipart:
        yield each
    elif each.multipart or each.type != DICOM:
        ways = (True, False) if each.is_anything else (False, True)
        for multipart in ways if single and not each.multipart else (True,):
            if each.takes(DICOM, multipart=multipart):
                yield replace(each, type=DICOM, multipart=multipart)
    elif single:
        yield each


def _syntax_of(way: Wanted, kind: Stored) -> str | None:
    """As `instance_syntax`, but none that is refused."""
    found = instance_syntax(way, kind.transfer_syntax_uid, has_frames=kind.has_frames)
    if found is None or way.type == ZIP or way.takes(DICOM, multipart=way.multipart, syntax=found):
        return found
    as_stored = syntax_on_the_web(kind.transfer_syntax_uid)
    others = () if way.syntaxes else (as_stored, EXPLICIT_LE)
    return next((each for each in others if way.takes(DICOM, multipart=way.multipart, syntax=each)), None)


def choose_frames(
    found: Sequence[Wanted], stored: str, *, single: bool, joined: bool = False
) -> tuple[Wanted, str, str]:
    """How to send frames: the way, the media type of a part, and the transfer syntax. Raises `NotAcceptable`.

    A single part is possible when `single` (one frame); uncompressed also when `joined` (all frames are one value).
    """
    for each in found or [Wanted("*/*", multipart=True)]:
        chosen = _frame_form(each, stored, single=single, joined=joined)
        if chosen is not None:
            media, syntax, multipart = chosen
            return Wanted(each.type, multipart, each.syntaxes), media, syntax
    raise NotAcceptable(
        "frames are sent as application/octet-stream in Little Endian or as stored, or as images in the stored or"
        " a lossless compression"
    )


def _frame_form(each: Wanted, stored: str, *, single: bool, joined: bool) -> tuple[str, str, bool] | None:
    """Media type and transfer syntax of a frame for one element of the Accept header. PS3.18 Table 8.7.3-5.

    The third says whether it goes in multipart.
    """
    named = each.syntaxes or _frame_defaults(each.type, stored)
    if AS_STORED in named and each.type not in (OCTETS, "*/*"):
        named = (*named, *_frame_defaults(each.type, stored))
    for syntax in named:
        target = syntax_on_the_web(stored) if syntax == AS_STORED else syntax
        if target in _NEVER or (target != stored and (stored in VIDEO or target not in (EXPLICIT_LE, *ENCODABLE))):
            continue
        media = OCTETS if target == EXPLICIT_LE else MEDIA_OF_SYNTAX.get(target, OCTETS)
        if each.type == OCTETS:  # compressed frames go under this name as well
            media = OCTETS
        if (each.multipart or each.is_anything) and each.takes(media, multipart=True, syntax=target):
            return media, target, True
        alone = not each.multipart and (single or (joined and target == EXPLICIT_LE))
        if alone and each.takes(media, multipart=False, syntax=target):
            return media, target, False
    return None


def _frame_defaults(kind: str, stored: str) -> tuple[str, ...]:
    """The transfer syntaxes that are meant when none is named, best first."""
    if kind in (OCTETS, "application/*"):
        return (EXPLICIT_LE, stored) if stored in VIDEO else (EXPLICIT_LE,)
    compressed = tuple(uid for uid, media in DEFAULT_OF_MEDIA if within(media, kind))
    if kind == "*/*":
        return (stored, EXPLICIT_LE, *compressed) if stored in LOSSY else (EXPLICIT_LE, stored, *compressed)
    return (stored, *compressed)
