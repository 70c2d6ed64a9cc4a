"""Pictures of instances: which kinds there are of an object, and making one. PS3.18 8.7.3.4, 10.4.1.1.4."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pacs.dicom.syntaxes import VIDEO, name_of
from pacs.dicomweb.accept import Wanted
from pacs.dicomweb.opened import opened
from pacs.dicomweb.picture_parameters import PictureParameters
from pacs.dicomweb.picture_texts import lines_of
from pacs.errors import NotAcceptable, NotFound
from pacs.model import StoredInstance
from pacs.pixels import StoredFile
from pacs.pixels.image import Array
from pacs.pixels.rendering import render
from pacs.pixels.rendering.annotate import annotated
from pacs.pixels.rendering.attributes import number, numbers
from pacs.pixels.rendering.formats import GIF, JP2, JPEG, MP4, PNG, animated, ffmpeg, still, video
from pacs.pixels.rendering.profiles import in_profile

HTML, PLAIN, PDF, XML = "text/html", "text/plain", "application/pdf", "text/xml"
_STILLS = (JPEG, PNG, GIF, JP2)
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
_DOCUMENTS = {"1.2.840.10008.5.1.4.1.1.104.1": PDF, "1.2.840.10008.5.1.4.1.1.104.2": XML}
PRESENTATION_STATES = tuple(f"1.2.840.10008.5.1.4.1.1.11.{n}" for n in (1, 2, 3))
# Of all frames: an animated GIF is held as a whole, video passes through.
_MOST_PIXELS = {GIF: 1 << 26, MP4: 1 << 31}
_USUAL_FRAME_MS = 100.0


def kinds_of(instance: StoredInstance) -> tuple[str, ...]:
    """The media types that an instance can be shown in, the usual one first; none for what has no such form."""
    if instance.sop_class_uid.startswith(_REPORTS):
        return (HTML, PLAIN)
    if instance.sop_class_uid in _DOCUMENTS:
        return (_DOCUMENTS[instance.sop_class_uid],)
    if instance.sop_class_uid in PRESENTATION_STATES:
        return _STILLS
    if not instance.frames:
        return ()
    if instance.transfer_syntax_uid in VIDEO:
        return (MP4,)
    return (*_STILLS, MP4) if instance.frames > 1 and ffmpeg() else _STILLS


def choose_kind(found: Sequence[Wanted], kinds: Sequence[str], *, single: bool) -> tuple[str, bool]:
    """A media type, and whether it goes as multipart. Raises `NotAcceptable`."""
    for each in found or [Wanted("*/*", multipart=not single)]:
        multipart = each.multipart or not single
        for kind in kinds:
            if each.takes(kind, multipart=multipart) and (each.multipart or single or each.is_anything):
                return kind, multipart
    if not kinds:
        raise NotAcceptable("this object has no pictures")
    raise NotAcceptable(f"this is shown as {', '.join(kinds)}" + ("" if single else " in multipart/related"))


@dataclass(frozen=True, slots=True)
class Picture:
    """What is to be shown of one instance: its frames (from 1), and how."""

    instance: StoredInstance
    frames: tuple[int, ...]
    parameters: PictureParameters
    kind: str

    def content(self) -> bytes:
        """The picture as a file; several frames make an animation. Raises `NotAcceptable` or `BadRequest`."""
        if self.kind == MP4 and self.instance.transfer_syntax_uid in VIDEO:
            return _stored_video(self.instance)
        file = opened(self.instance)
        if self.kind in (GIF, MP4) and len(self.frames) > 1:
            frame_ms = frame_time_ms(file)
            maker = animated if self.kind == GIF else video
            return maker(self._all(file), frame_ms)
        picture = self._one(file, self.frames[0])
        picture, profile = in_profile(picture, file.data_set, self.parameters.profile)
        return still(picture, self.kind, self.parameters.quality, profile)

    def _one(self, file: StoredFile, frame: int) -> Array:
        picture = render(file, frame - 1, self.parameters.look)
        return annotated(picture, lines_of(file.data_set, self.parameters.annotation))

    def _all(self, file: StoredFile) -> Iterator[Array]:
        for place, frame in enumerate(self.frames):
            picture = self._one(file, frame)
            if not place and picture.size * len(self.frames) > _MOST_PIXELS[self.kind]:
                raise NotAcceptable("the animation would be too large; a smaller viewport helps")
            yield picture


def _stored_video(instance: StoredInstance) -> bytes:
    content = opened(instance).frame(0)
    if content[4:8] != b"ftyp":
        raise NotAcceptable("the stored video is not in an MP4 file")
    return content


def frame_time_ms(file: StoredFile) -> float:
    """Milliseconds that a frame is shown. PS3.3 C.7.6.5."""
    data_set, encoding = file.data_set, file.encoding
    time = number(data_set, 0x00181063, encoding)
    if time and 1 <= time <= 60_000:
        return time
    for tag in (0x00082144, 0x00180040):
        rate = number(data_set, tag, encoding)
        if rate and 0.02 <= rate <= 1000:
            return 1000 / rate
    steps = numbers(data_set, 0x00181065, encoding)[1:]
    return min(max(sum(steps) / len(steps), 1.0), 60_000.0) if steps and sum(steps) > 0 else _USUAL_FRAME_MS


def representative_frame(instance: StoredInstance, *, thumbnail: bool) -> int:
    """The frame that stands for an instance, from 1. PS3.3 C.7.6.6.1.1."""
    if instance.frames < 2:
        return 1
    file = opened(instance)
    named = number(file.data_set, 0x00286010, file.encoding)
    if named and 1 <= named <= instance.frames:
        return int(named)
    return (instance.frames + 1) // 2 if thumbnail else 1


def representative_of(found: Sequence[StoredInstance]) -> StoredInstance:
    """The instance in the middle of the first series that has pictures. Raises `NotFound`."""
    shown = [each for each in found if each.frames and each.transfer_syntax_uid not in VIDEO]
    if not shown:
        raise NotFound("nothing here has pictures")
    usual = [each for each in shown if "Segmentation" not in name_of(each.sop_class_uid)] or shown
    series = [each for each in usual if each.series_uid == usual[0].series_uid]
    return series[len(series) // 2]


def document_of(file: StoredFile) -> bytes:
    """The document in an encapsulated document object. Raises `NotFound`."""
    element = file.data_set.get(0x00420011)
    if element is None or not len(element.value):
        raise NotFound("the object holds no document")
    length = number(file.data_set, 0x00420015, file.encoding)
    raw = bytes(element.value)
    return raw[: int(length)] if length and length <= len(raw) else raw
