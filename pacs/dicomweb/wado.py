"""WADO-RS: studies, series and instances as DICOM files. PS3.18 10.4."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, TypeVar

from flask import Blueprint, Flask, Response, current_app, g, request

from pacs.dicom.elements import Buffer
from pacs.dicom.syntaxes import EXPLICIT_LE, is_encapsulated
from pacs.dicomweb.accept import AS_STORED, DICOM, ZIP, Stored, Wanted, choose_instance, wanted
from pacs.dicomweb.door import caller, door, key_of, public_root, url_of
from pacs.dicomweb.opened import check_whole
from pacs.dicomweb.reply import BodyPart, FilePieces, multipart_reply, single_reply
from pacs.dicomweb.validators import cached, is_known, not_modified, tag_of
from pacs.dicomweb.zipped import ZipEntry, zip_pieces
from pacs.errors import NotAcceptable, NotDicom, Truncated
from pacs.mapped import in_parts
from pacs.model import Principal, StoredInstance
from pacs.pixels import compressed, explicit_little_endian, read_file

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

blueprint = Blueprint("wado", __name__)
T = TypeVar("T")


@blueprint.get("/studies/<uid:study>")
def retrieve_study(study: str) -> Response:
    """Every instance of a study."""
    return _instances(door().archive.open(key_of(study), caller()), study)


@blueprint.get("/studies/<uid:study>/series/<uid:series>")
def retrieve_series(study: str, series: str) -> Response:
    """Every instance of a series."""
    return _instances(door().archive.open(key_of(study, series), caller()), series)


@blueprint.get("/studies/<uid:study>/series/<uid:series>/instances/<uid:sop>")
def retrieve_instance(study: str, series: str, sop: str) -> Response:
    """One instance."""
    return _instances([open_one(study, series, sop)], sop, single=True)


def open_one(study: str, series: str, sop: str) -> StoredInstance:
    """The instance, if the caller may see it. Raises `NotFound`."""
    return door().archive.open(key_of(study, series, sop), caller())[0]


def asked() -> list[Wanted]:
    """What the caller of this request takes, best first."""
    return wanted(request.args.get("accept"), request.headers.get("Accept"))


def in_request(parts: Iterable[T]) -> Iterator[T]:
    """What is made while it is sent, each step within the request that it answers.

    Why not Flask's `stream_with_context` (2026-11): it keeps the context open between steps, and an answer that breaks
    off leaves it to whatever the thread does next.
    """
    app, environ, principal = current_app, request.environ, caller()
    return _stepwise(app._get_current_object(), environ, principal, iter(parts))  # type: ignore[attr-defined]


def _stepwise(app: Flask, environ: "WSGIEnvironment", principal: Principal, parts: Iterator[T]) -> Iterator[T]:
    while True:
        with app.request_context(environ):
            g.principal = principal
            try:
                part = next(parts)
            except StopIteration:
                return
        yield part


def _instances(found: list[StoredInstance], name: str, *, single: bool = False) -> Response:
    way, syntaxes = choose_instance(asked(), map(kind_of, found), single=single)
    tag = tag_of(found, *sorted(syntaxes.values()), way.type, str(way.multipart))
    if is_known(tag):
        return not_modified(tag)
    strict = any(syntax != AS_STORED for syntax in way.syntaxes)
    if way.type == ZIP:
        return cached(_zip_reply(found, syntaxes, name, strict=strict), tag)
    if single:
        check_whole(found[0])
    parts: Iterable[BodyPart] = _parts(found, syntaxes, public_root(), strict=strict)
    if single or all(syntax == kind.transfer_syntax_uid for kind, syntax in syntaxes.items()):
        parts = list(parts)  # files are opened when it is their turn; so the length is known beforehand
    return cached(multipart_reply(parts, DICOM) if way.multipart else single_reply(next(iter(parts))), tag)


def _parts(found: list[StoredInstance], syntaxes: dict[Stored, str], root: str, *, strict: bool) -> Iterator[BodyPart]:
    """A part an instance. The first is made now, so that its error is told before the answer begins.

    Later there is no telling: what cannot be made goes as stored then, lest everything behind it be lost.
    """
    first = instance_part(found[0], syntaxes[kind_of(found[0])], root, strict=strict)
    others = (instance_part(each, syntaxes[kind_of(each)], root, strict=False) for each in found[1:])
    return chain([first], others)


def kind_of(instance: StoredInstance) -> Stored:
    """What matters of an instance for choosing its form."""
    return Stored(instance.transfer_syntax_uid, instance.frames > 0)


def instance_part(instance: StoredInstance, syntax: str, root: str = "", *, strict: bool) -> BodyPart:
    """A file as stored, decoded, or compressed. What cannot be made goes as stored, and says so in its content type.

    `root`: the service root that its location begins with; empty: it tells none.

    `strict`: the caller named transfer syntaxes, so nothing else will do; raises `NotAcceptable` then.
    """
    data: Iterable[Buffer] = FilePieces(instance.file, ((0, instance.size_bytes),))
    size_bytes: int | None = instance.size_bytes
    if syntax != instance.transfer_syntax_uid:
        try:
            data, size_bytes = _transcoded(instance, syntax)
        except NotAcceptable:
            if strict:
                raise
            syntax = instance.transfer_syntax_uid
    place = url_of(root, instance.study_uid, instance.series_uid, instance.sop_uid) if root else ""
    return BodyPart(f"{DICOM}; transfer-syntax={syntax}", data, place, size_bytes)


def _transcoded(instance: StoredInstance, syntax: str) -> tuple[Iterable[Buffer], int | None]:
    """The pieces of a file in another syntax, and its length where no more than one frame has to be made for it."""
    try:
        file = read_file(instance.path)
    except (OSError, ValueError, NotDicom, Truncated):
        raise NotAcceptable("the stored file is damaged") from None
    pieces = explicit_little_endian(file) if syntax == EXPLICIT_LE else compressed(file, syntax)
    makes_frames = syntax != EXPLICIT_LE or is_encapsulated(instance.transfer_syntax_uid)
    if makes_frames and instance.frames > 1:
        return pieces, None
    known = list(pieces)  # large values that stay as they are are views of the file
    return (bytes(part) for each in known for part in in_parts(each)), sum(map(len, known))


def _zip_reply(found: list[StoredInstance], syntaxes: dict[Stored, str], name: str, *, strict: bool) -> Response:
    """All instances in one ZIP file, named by their new UIDs. PS3.18 8.7.3.3.1."""
    parts = _parts(found, syntaxes, "", strict=strict)
    names = (f"{each.series_uid}/{each.sop_uid}.dcm" for each in found)
    entries = (ZipEntry(name, part.data) for name, part in zip(names, parts, strict=True))
    response = Response(zip_pieces(entries), 200, mimetype=ZIP)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.zip"'
    return response
