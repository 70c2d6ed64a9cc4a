"""Fuzzing what a web client can ask of pictures, and what objects may claim about theirs. Run by ``scripts/fuzz``.

The first byte chooses what the rest is. Every answer must be below 500, and every error one of ours.
"""

import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pacs"]):
    from pacs.app import open_app
    from pacs.config import load_settings
    from pacs.dicom.syntaxes import EXPLICIT_LE, RLE
    from pacs.dicomweb.accept import Stored, choose_frames, choose_instance, parse_accept, wanted
    from pacs.dicomweb.picture_parameters import picture_parameters
    from pacs.errors import BadRequest, NotAcceptable
    from pacs.pixels import read_frames
    from pacs.pixels.rendering import Look, Viewport, render
    from pacs.wsgi import create_app

from tests.builders import ct_bytes
from tests.fuzz.running import fuzz
from tests.installation import send_ct, work

FOLDER = Path(tempfile.mkdtemp(prefix="pacs-fuzz-"))
NO_ENVIRONMENT: dict[str, str] = {}
APP = open_app(load_settings(FOLDER / "data", environment=NO_ENVIRONMENT))
send_ct(APP)
work(APP)
CLIENT = create_app(APP).test_client()
(ROW,) = CLIENT.get("/dicom-web/instances").get_json(force=True)
UIDS = [ROW[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018")]
INSTANCE = "/dicom-web/studies/{}/series/{}/instances/{}".format(*UIDS)
NAMED = "requestType=WADO&studyUID={}&seriesUID={}&objectUID={}".format(*UIDS)
RESOURCES = ("", "/frames/1", "/rendered", "/thumbnail", "/frames/1/rendered", "/pixeldata", "/bulkdata")
PARAMETERS = ("viewport", "window", "quality", "annotation", "iccprofile", "accept", "charset")
URI = ("rows", "columns", "region", "windowCenter", "windowWidth", "imageQuality", "frameNumber", "contentType")
CT = ct_bytes()


def text(data: bytes) -> str:
    """Bytes as a client's text."""
    return data.decode("latin-1")


def answer(path: str, headers: dict[str, str] | None = None) -> None:
    """A request whose answer must be no failure of ours."""
    reply = CLIENT.get(path, headers=headers)
    assert reply.status_code < 500, reply.status_code
    reply.close()


def accept(data: bytes) -> None:
    """An Accept header, and what is chosen for it."""
    with suppress(BadRequest, NotAcceptable):
        parse_accept(text(data))
        found = wanted(None, text(data))
        for stored in (EXPLICIT_LE, RLE, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.102"):
            with suppress(NotAcceptable):
                choose_frames(found, stored, single=True)
            with suppress(NotAcceptable):
                choose_instance(found, [Stored(stored)], single=True)


def accepted(data: bytes) -> None:
    """An Accept header of a request."""
    header = "".join(each for each in text(data[1:]) if " " <= each <= "~")
    answer(INSTANCE + RESOURCES[(data[0] if data else 0) % len(RESOURCES)], {"Accept": header})


def parameters(data: bytes) -> None:
    """Values of the parameters of a picture."""
    values = dict(zip(PARAMETERS, text(data).split("|"), strict=False))
    with suppress(BadRequest):
        picture_parameters(values, thumbnail=len(data) % 2 == 0)


def rendered(data: bytes) -> None:
    """A query of a rendered resource, as it stands in the address."""
    with suppress(ValueError):
        answer(f"{INSTANCE}/rendered?{text(data)}")


def by_parameters(data: bytes) -> None:
    """Values of WADO-URI's parameters."""
    values = dict(zip(URI, text(data).split("|"), strict=False))
    reply = CLIENT.get("/wado", query_string=dict(pair.split("=") for pair in NAMED.split("&")) | values)
    assert reply.status_code < 500, reply.status_code


def claims(data: bytes) -> None:
    """What an object says about its pixels: bytes of the file replaced, by place and value."""
    raw = bytearray(CT)
    for at in range(0, len(data) - 3, 4):
        place, value = struct.unpack_from("<HH", data, at)
        struct.pack_into("<H", raw, 132 + place % (len(raw) - 134), value)
    path = FOLDER / "claims.dcm"
    path.write_bytes(raw)
    with suppress(NotAcceptable, BadRequest):
        render(read_frames(path), 0, Look())
        render(read_frames(path), 0, Look(viewport=Viewport(50, 50), coarse=True))


TARGETS: tuple[Callable[[bytes], None], ...] = (accept, accepted, parameters, rendered, by_parameters, claims)


if __name__ == "__main__":
    fuzz(TARGETS)
