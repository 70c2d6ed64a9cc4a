"""What each address takes and answers with: the table that OpenAPI and the capabilities document are made of.

Addresses and methods come from the app's own routes; this says what a route cannot: parameters, media types, statuses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pacs.dicomweb.accept import DICOM, JSON, OCTETS, ZIP
from pacs.dicomweb.models import XML
from pacs.dicomweb.picture_parameters import ANNOTATIONS, PROFILES
from pacs.index import ATTRIBUTES
from pacs.pixels.rendering.options import FUNCTIONS

MULTIPART = "multipart/related"
PLAIN_JSON, HTML = "application/json", "text/html"
_DECIMAL = r"[+-]?([0-9]{1,12}(\.[0-9]{0,12})?|\.[0-9]{1,12})([eE][+-]?[0-9]{1,2})?"


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of request. `media`: of a success; `query`: names in `PARAMETERS`; `body`: media types of a request."""

    media: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    success: tuple[int, ...] = (200,)
    body: tuple[str, ...] = ()
    errors: tuple[int, ...] = (400, 401, 403, 404)
    error_media: tuple[str, ...] = (PLAIN_JSON,)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter. `pattern` is its form, of the decoded value."""

    text: str
    pattern: str = ""
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None


_TRUTH = ("true", "false")
PARAMETERS: Mapping[str, Parameter] = {
    "collection": Parameter("Only what stands in this collection."),
    "accept": Parameter("Media types as in Accept, before which it counts. PS3.18 8.3.3.1."),
    "charset": Parameter("Character sets of text; UTF-8 is what there is. PS3.18 8.3.3.2."),
    "limit": Parameter("Most rows of the answer.", least=0, most=2**31 - 1),
    "offset": Parameter("Rows that are left out first.", least=0, most=2**31 - 1),
    "fuzzymatching": Parameter("Names by the beginning of any word. PS3.18 8.3.4.2.", choices=_TRUTH),
    "emptyvaluematching": Parameter('`""` finds empty attributes. PS3.18 8.3.4.5.', choices=_TRUTH),
    "multiplevaluematching": Parameter("Values joined by backslashes: any of them. PS3.18 8.3.4.6.", choices=_TRUTH),
    "includefield": Parameter("More attributes of the rows: keywords, tags, or `all`, joined by commas."),
    "viewport": Parameter("vw,vh[,sx,sy,sw,sh]. PS3.18 8.3.5.1.3.", r"[0-9]{1,5},[0-9]{1,5}(,[-+.0-9eE]*){0,4}"),
    "window": Parameter("center,width,function. PS3.18 8.3.5.1.4.", rf"{_DECIMAL},{_DECIMAL},({'|'.join(FUNCTIONS)})"),
    "quality": Parameter("Of lossy pictures. PS3.18 8.3.5.1.2.", least=1, most=100),
    "annotation": Parameter(
        "What is written into the picture.", rf"({'|'.join(ANNOTATIONS)})(,({'|'.join(ANNOTATIONS)}))*"
    ),
    "iccprofile": Parameter("Colour space of the picture. PS3.18 8.3.5.1.5.", choices=PROFILES),
    "requestType": Parameter("WADO. PS3.18 9.1.2.1.1.", choices=("WADO",)),
    "studyUID": Parameter("The study's new UID.", r"[0-9]+(\.[0-9]+)*"),
    "seriesUID": Parameter("The series' new UID.", r"[0-9]+(\.[0-9]+)*"),
    "objectUID": Parameter("The instance's new UID.", r"[0-9]+(\.[0-9]+)*"),
    "contentType": Parameter("Media types, in order. PS3.18 9.1.2.2.1."),
    "transferSyntax": Parameter("Of application/dicom. PS3.18 9.1.2.2.3."),
    "anonymize": Parameter("Everything here is.", choices=("yes",)),
    "frameNumber": Parameter("Frame from 1.", least=1, most=99999),
    "rows": Parameter("Height of the picture.", least=1, most=32767),
    "columns": Parameter("Width of the picture.", least=1, most=32767),
    "region": Parameter("xmin,ymin,xmax,ymax as parts of the image.", rf"{_DECIMAL}(,{_DECIMAL}){{3}}"),
    "windowCenter": Parameter("With windowWidth.", _DECIMAL),
    "windowWidth": Parameter("With windowCenter.", _DECIMAL),
    "imageQuality": Parameter("Of lossy pictures.", least=1, most=100),
    "presentationUID": Parameter("A presentation state of the study.", r"[0-9]+(\.[0-9]+)*"),
    "presentationSeriesUID": Parameter("Its series.", r"[0-9]+(\.[0-9]+)*"),
    "added": Parameter("Whether a row was added just now.", choices=("1",)),
    "days": Parameter("The last so many days, with today.", least=1, most=3660),
    "sender": Parameter("Only what this AE title or user sent."),
    "site": Parameter("Only what came from this site."),
    "next": Parameter("Where to go after signing in."),
    "uids": Parameter("SOP Instance UIDs, the sender's or ours, parted by semicolons.", r"[0-9]+(\.[0-9]+)*"),
    **{name: Parameter("Matches this attribute. PS3.18 8.3.4.1.") for name in ATTRIBUTES},
}
REQUIRED = frozenset(("requestType", "studyUID", "seriesUID", "objectUID"))
# What a path's variables look like.
PLACES: Mapping[str, Parameter] = {
    "study": Parameter("Study Instance UID, new.", r"[0-9]+(\.[0-9]+)*"),
    "series": Parameter("Series Instance UID, new.", r"[0-9]+(\.[0-9]+)*"),
    "sop": Parameter("SOP Instance UID, new.", r"[0-9]+(\.[0-9]+)*"),
    "frames": Parameter("Frame numbers from 1, joined by commas.", r"[0-9]{1,9}(,[0-9]{1,9})*"),
    "place": Parameter("As a BulkDataURI of the metadata says.", r"[0-9A-Fa-f]{8}(/[0-9]{1,6}/[0-9A-Fa-f]{8})*"),
    "collection": Parameter("Name of a collection.", r"[A-Za-z0-9_-]+"),
    "number": Parameter("As an answer's Location says.", r"[0-9A-Za-z]+"),
    "aet": Parameter("An AE title; it changes nothing.", r"[A-Za-z0-9_]{1,16}"),
    "name": Parameter("Name of a file or profile.", r"[A-Za-z0-9_.-]+"),
    "path": Parameter("Path of a file, or an address of the viewer.", r"[A-Za-z0-9_.-]+"),
    "_rest": Parameter("Anything.", r"[A-Za-z0-9_.-]+"),
}
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/jp2", "video/mp4")
_PICTURES = (*_IMAGES, HTML, "text/plain", "application/pdf", "text/xml")
_COMMON = ("collection", "accept")
_SEARCH = tuple(
    name
    for name in PARAMETERS
    if name in ATTRIBUTES or name.endswith("matching") or name in (*_COMMON, "limit", "offset", "includefield")
)
_LOOK = ("viewport", "window", "quality", "annotation", "iccprofile", "charset")
_URI: tuple[str, ...] = (
    "contentType",
    "charset",
    "anonymize",
    "transferSyntax",
    "annotation",
    "rows",
    "columns",
    "region",
)
_URI += ("windowCenter", "windowWidth", "imageQuality", "frameNumber", "presentationUID", "presentationSeriesUID")
_WADO_ERRORS = (400, 401, 403, 404, 406)
_READ = (200, 304)
_PARTS = (200, 206, 304)

_search = Operation((JSON, MULTIPART), _SEARCH, errors=(*_WADO_ERRORS, 429))
_many = Operation((MULTIPART, ZIP), _COMMON, _READ, errors=_WADO_ERRORS)
_one = Operation((MULTIPART, DICOM, ZIP), _COMMON, _PARTS, errors=(*_WADO_ERRORS, 416))
_pixels = Operation((MULTIPART, OCTETS, "image/*", "video/*"), _COMMON, _PARTS, errors=(*_WADO_ERRORS, 416))
_bulk = Operation((MULTIPART, OCTETS, "application/pdf", "*/*"), _COMMON, _PARTS, errors=(*_WADO_ERRORS, 416))
_picture = Operation((*_PICTURES, MULTIPART), (*_COMMON, *_LOOK), _READ, errors=_WADO_ERRORS)
_thumbnail = Operation((*_PICTURES, MULTIPART), (*_COMMON, "viewport"), _READ, errors=_WADO_ERRORS)
_page = Operation((HTML,), errors=(401, 404))
_file = Operation(("*/*",), success=(200, 206, 304), errors=(400, 401, 404, 416), error_media=(PLAIN_JSON, HTML))
_facts = Operation((PLAIN_JSON,))
_DAYS = ("days", "collection", "sender", "site")
_FORM = "application/x-www-form-urlencoded"
_questions = Operation((PLAIN_JSON,), body=(PLAIN_JSON,), errors=(400, 401, 403, 404, 413))
_table = Operation(
    (PLAIN_JSON,),
    body=("text/csv", "text/plain", PLAIN_JSON),
    errors=(400, 401, 403, 404, 409, 413),
)

# By module and name of the function that answers.
OPERATIONS: Mapping[str, Operation] = {
    **{
        f"qido.search_{name}": _search
        for name in (
            "studies",
            "series",
            "instances",
            "series_of_study",
            "instances_of_study",
            "instances_of_series",
        )
    },
    "metadata.retrieve_metadata": Operation((JSON, MULTIPART, XML), _COMMON, _PARTS, errors=(*_WADO_ERRORS, 416)),
    "wado.retrieve_study": _many,
    "wado.retrieve_series": _many,
    "wado.retrieve_instance": _one,
    "frames.retrieve_frames": _pixels,
    "frames.retrieve_pixel_data": _pixels,
    "bulk_data.retrieve_bulk_data": _bulk,
    "bulk_data.retrieve_all_bulk_data": _bulk,
    "rendered.rendered_instance": _picture,
    "rendered.rendered_frames": _picture,
    "rendered.thumbnail_of_frames": _thumbnail,
    "rendered.rendered_many": _picture,
    "rendered.thumbnail": _thumbnail,
    "wado_uri.retrieve_by_parameters": Operation(
        (DICOM, *_PICTURES, "application/clearcanvas", "application/clearcanvas-header"),
        (*sorted(REQUIRED), "collection", *_URI),
        _PARTS,
        errors=(*_WADO_ERRORS, 416),
    ),
    "stow.store_instances": Operation(
        (JSON, XML),
        ("collection",),
        (200, 202, 409, 503),
        (MULTIPART, DICOM, JSON, XML),
        (400, 401, 403, 404, 406, 413, 415),
    ),
    "submissions.show_submission": _facts,
    "removal.remove": Operation((), ("collection",), (204,)),
    "removal.list_trash": _facts,
    "removal.show_entry": _facts,
    "removal.restore": Operation((PLAIN_JSON,), errors=(400, 401, 403, 404, 409)),
    "removal.purge": Operation((), (), (204,)),
    "removal.workitems": Operation(success=(), errors=(501,)),
    "capabilities.capabilities": Operation(
        (PLAIN_JSON, "application/vnd.sun.wadl+xml"), ("accept",), errors=(400, 406)
    ),
    "openapi.openapi": Operation((PLAIN_JSON,), errors=()),
    "http_import.take": Operation(
        ("text/plain",), (), (200,), ("application/x-mirc",), (401, 403, 404, 413), ("text/plain", PLAIN_JSON)
    ),
    "http_import.verify": Operation(("text/xml",), ("uids",), errors=(401, 403, 404), error_media=("text/plain",)),
    "polled.first": Operation((DICOM,), (), errors=(404,), error_media=(HTML,)),
    "polled.named": Operation((DICOM,), (), errors=(404,), error_media=(HTML,)),
    "health.healthz": Operation((PLAIN_JSON,), errors=()),
    "health.readyz": Operation((PLAIN_JSON,), success=(200, 503), errors=()),
    "health.metrics": Operation(("text/plain",), errors=()),
    "portal.portal": _page,
    "look.studies": Operation((HTML,), ("collection",), errors=(401,)),
    "look.study": Operation((HTML,), ("collection",), errors=(401, 404)),
    "look.keywords": Operation((PLAIN_JSON,), success=_READ, errors=()),
    "lookup.editor": Operation((HTML,), ("added",), errors=(401, 403, 404)),
    "lookup.add_row": Operation(
        (HTML,), (), (303,), ("application/x-www-form-urlencoded",), (400, 401, 403, 404, 413, 415), (PLAIN_JSON, HTML)
    ),
    "kits.ask": Operation((HTML,), errors=(401, 403, 404)),
    "kits.make": Operation(
        (ZIP,), (), (200,), ("application/x-www-form-urlencoded",), (400, 401, 403, 404, 413, 415), (PLAIN_JSON, HTML)
    ),
    "analyses.shown": Operation((HTML,), errors=(401, 404)),
    "analyses.hand_in": Operation(
        (HTML,), (), (303,), ("multipart/form-data",), (400, 401, 403, 404, 413), (PLAIN_JSON, HTML)
    ),
    "analyses.one": Operation((HTML,), errors=(401, 404)),
    "analyses.listed": Operation((PLAIN_JSON,), errors=(401, 404)),
    "analyses.add": Operation((PLAIN_JSON,), (), (201,), (PLAIN_JSON,), (400, 401, 404, 413)),
    "analyses.told": Operation((PLAIN_JSON,), errors=(401, 404)),
    "lookup.show": Operation((PLAIN_JSON,), errors=(401, 403, 404)),
    "lookup.replace": _table,
    "lookup.add": _table,
    "submission_api.show": Operation((PLAIN_JSON,), _DAYS),
    "submission_api.show_csv": Operation(("text/csv",), _DAYS),
    "submission_api.show_one": _facts,
    "submission_api.show_one_csv": Operation(("text/csv",)),
    "submission_api.find": replace(_questions, media=(PLAIN_JSON, "text/csv")),
    "submission_api.known": _questions,
    "submissions_page.submissions": Operation((HTML,), _DAYS, (200, 303)),
    "submissions_page.look_up": Operation(
        (HTML, "text/csv"), (), (200, 303), (_FORM,), (400, 401, 413, 415), (PLAIN_JSON, HTML)
    ),
    "submissions_page.one": Operation((HTML,), (), (200, 303), errors=(401, 404)),
    "upload.upload": Operation((HTML,), ("collection",), (200, 303), errors=(401,)),
    "pages.static_file": _file,
    "knowledge_base.knowledge_base": Operation(
        (HTML,), success=_READ, errors=(401, 404), error_media=(PLAIN_JSON, HTML)
    ),
    "session.login": Operation((HTML,), ("next",), errors=(401,)),
    "session.open_session": Operation(
        (HTML,), (), (303,), ("application/x-www-form-urlencoded",), (400, 401, 413, 415), (PLAIN_JSON, HTML)
    ),
    "session.end_session": Operation((HTML,), (), (303,), errors=(401,)),
    "viewer.viewer": _file,
}
