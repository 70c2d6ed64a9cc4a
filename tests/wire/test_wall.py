"""Promise 2: planted names go through every door, well and ill, and are found nowhere outside the wall.

Everything is searched: the data directory without spool, quarantine and vault, logs, answers, metrics, what commands
print; files as they are and inflated, and the names in the usual encodings.
"""

import base64
import io
import json
import sqlite3
import unicodedata
import urllib.parse
import zlib
from contextlib import suppress
from pathlib import Path

import requests
import zstandard

from tests.builders import CT, file_bytes, make_ct, uid, with_raw
from tests.wire.peers import Bare, dcmtk
from tests.wire.server import WholeServer

# No word of any vocabulary; the second has letters outside ASCII.
NAMES = ("Zyxwvutina", "Qwertzüberg")
IDS = ("ZZPAT-778812345", "ACCX998877", "SERX5544332211", "STATIONZQX")
PLANTED = (*NAMES, *IDS, "Zyx-Hospital-Quarz", "zyxphone5550199")
ORIGINAL_UIDS = tuple(uid(name) for name in ("wall-i", "wall-s", "wall-t"))


def planted_ct(number: int = 0, **values: object) -> bytes:
    ds = make_ct(f"wall-i{number or ''}", "wall-s", "wall-t")
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName, ds.PatientID = f"{NAMES[0]}^{NAMES[1]}", IDS[0]
    ds.ReferringPhysicianName = f"{NAMES[1]}^{NAMES[0]}"
    ds.AccessionNumber, ds.DeviceSerialNumber, ds.StationName = IDS[1], IDS[2], IDS[3]
    ds.InstitutionName, ds.PatientTelephoneNumbers = PLANTED[6], PLANTED[7]
    ds.PatientComments = f"{NAMES[0]} {IDS[0]}"
    private = ds.private_block(0x0009, f"{NAMES[0]} PRIVATE", create=True)
    private.add_new(1, "LO", IDS[0])
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return file_bytes(ds)


def malformed(content: bytes) -> list[bytes]:
    """The same object broken in the ways that error messages like to quote."""
    return [
        content[:-50],
        content[: len(content) // 2],
        content[:200],
        b"x" * 128 + content[128:400] + b"\xff" * 300,
        with_raw(content, 0x00080018, "UI", f"1.2.{NAMES[0]}".encode()),
        with_raw(content, 0x0020000D, "UI", b""),
        with_raw(content, 0x00080005, "CS", NAMES[0].encode()),
        with_raw(content, 0x00280010, "US", b"abc"),
        with_raw(content, 0x00200013, "IS", NAMES[0].encode()),
        with_raw(content, 0x00080020, "DA", NAMES[0].encode()),
        with_raw(content, 0x00082112, "SQ", NAMES[0].encode()),
        f"{NAMES[0]} {IDS[0]}".encode() * 50,
    ]


def forms(text: str) -> set[bytes]:
    """The encodings in which a value may lie about."""
    plain = {text, text.upper(), text.lower(), unicodedata.normalize("NFD", text)}
    found = {each.encode(codec) for each in plain for codec in ("utf-8", "utf-16-le", "utf-16-be")}
    found |= {each.encode("latin-1") for each in plain if all(ord(letter) < 256 for letter in each)}
    found |= {urllib.parse.quote(each).encode() for each in plain}
    found |= {json.dumps(each).strip('"').encode() for each in plain}
    found.add(text.encode().hex().encode())
    # Base64 at each of the three alignments, without the ends that depend on neighbours.
    for shift in range(3):
        found.add(base64.b64encode(b"\0" * shift + text.encode())[4:-4])
    return {each for each in found if len(each) >= 6}


NEEDLES = {form: text for text in (*PLANTED, *ORIGINAL_UIDS) for form in forms(text)}


def hits(content: bytes) -> set[str]:
    """Which planted values some bytes hold, as they are or inflated."""
    found = {text for form, text in NEEDLES.items() if form in content}
    for inflated in (*_zstd(content), *_zlib(content)):
        found |= {text for form, text in NEEDLES.items() if form in inflated}
    return found


def _zstd(content: bytes) -> list[bytes]:
    out, position = [], content.find(b"\x28\xb5\x2f\xfd")
    while position >= 0:
        with suppress(zstandard.ZstdError):
            out.append(zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content[position:])).read(1 << 24))
        position = content.find(b"\x28\xb5\x2f\xfd", position + 4)
    return out


def _zlib(content: bytes) -> list[bytes]:
    out, position = [], content.find(b"\x1f\x8b\x08")
    while position >= 0:
        with suppress(zlib.error):
            out.append(zlib.decompressobj(31).decompress(content[position:]))
        position = content.find(b"\x1f\x8b\x08", position + 3)
    return out


def test_search_itself_finds_what_is_hidden():
    """The test below must be able to fail."""
    for name in (NAMES[0], IDS[0]):
        assert hits(b"..." + name.encode("utf-16-le") + b"...") == {name}
        assert hits(zstandard.compress(f'{{"x": "{name}"}}'.encode())) >= {name}
        assert hits(base64.b64encode(f"some {name} here".encode())) >= {name}
        assert hits(f"/x?PatientName={urllib.parse.quote(name)}".encode()) >= {name}
    assert hits(NAMES[1].encode("latin-1")) == {NAMES[1]}


def store_by_dimse(port: int, content: bytes, seen: list[bytes]) -> None:
    """Send bytes as a data set, and names in the association request itself."""
    bare = Bare(port)
    bare.associate(calling="WALLTEST")
    bare.command({0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0700: 0, 0x0800: 1, 0x1000: uid("wall-i")})
    offset = content.find(b"\x08\x00\x05\x00CS")
    bare.data_set(content[offset:] if offset > 0 else content)
    seen.append(bare.pdu()[1])
    bare.close()


def ask_everything(server: WholeServer, seen: list[bytes]) -> None:
    """Queries, retrievals and nonsense that carry planted values."""
    name, patient = NAMES[0], IDS[0]
    for path in (
        f"/dicom-web/studies?PatientName={name}",
        f"/dicom-web/studies?PatientID={patient}&StudyDate={name}",
        f"/dicom-web/studies?{name}=1",
        f"/dicom-web/studies?limit={name}",
        f"/dicom-web/studies/{name}/metadata",
        f"/dicom-web/studies/{ORIGINAL_UIDS[2]}/metadata",
        f"/dicom-web/{name}",
        f"/{name}?PatientID={patient}",
        f"/dicom-web/instances?includefield={name}",
        "/metrics",
        "/readyz",
        "/",
        "/dicom-web/instances?includefield=all",
    ):
        answer = requests.get(server.root + path, headers=server.admin, timeout=30)
        assert answer.status_code < 500, path
        seen.append(answer.content + repr(dict(answer.headers)).encode())
    seen.append(requests.get(server.root + "/", headers={"Authorization": f"Bearer {name}"}, timeout=30).content)
    for key in (f"PatientName={name}", f"StudyDate={name}", f"PatientID={patient}", f"StudyInstanceUID={name}"):
        arguments = ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", key, "127.0.0.1", str(server.port)]
        dcmtk("findscu", *arguments, check=False)
    dcmtk(
        "getscu", "-S", "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={name}", "127.0.0.1",
        str(server.port), check=False,
    )  # fmt: skip


def test_planted_names_stay_behind_the_wall(whole, tmp_path):
    seen: list[bytes] = []
    (folder := tmp_path / "files").mkdir()
    good = [planted_ct(0), planted_ct(1, EncapsulatedDocument=b"%PDF-1.4"), planted_ct(2, Modality="MR")]
    for content in (*good, *malformed(good[0])):
        store_by_dimse(whole.port, content, seen)
        # DIMSE and STOW answers name the SOP instance that the sender named (PS3.7 9.1.1); nothing else of the object.
        seen[-1] = seen[-1].replace(ORIGINAL_UIDS[0].encode(), b"")
        for kind in ("application/dicom", 'multipart/related; type="application/dicom"; boundary=BB'):
            body = content
            if "boundary" in kind:
                head = f"--BB\r\nContent-Type: application/dicom\r\nContent-Location: {NAMES[0]}\r\n\r\n"
                body = head.encode() + content + b"\r\n--BB--"
            headers = whole.admin | {"Content-Type": kind}
            answer = requests.post(f"{whole.dicom_web}/studies", body, headers=headers, timeout=30)
            assert answer.status_code < 500
            seen.append(answer.content.replace(ORIGINAL_UIDS[0].encode(), b""))
        (folder / f"{len(seen)}.dcm").write_bytes(content)
    seen.append(_command(whole, "import", str(folder)))
    counts = whole.wait_until_worked_off()
    assert counts["published"] >= 1
    assert counts["quarantined"] >= 1
    ask_everything(whole, seen)
    seen += [_command(whole, *arguments) for arguments in (("quarantine", "list", "--json"), ("status", "--json"))]
    seen.append(_command(whole, "trace", ORIGINAL_UIDS[0], "--json"))
    seen.append(_command(whole, "doctor"))
    seen.append(whole.log.read_bytes())
    for number, each in enumerate(seen):
        assert hits(each) == set(), (number, each[:300])
    walls = [whole.data / each for each in ("spool", "quarantine", "vault")]
    searched = [path for path in files_below(whole.data) if not any(map(path.is_relative_to, walls))]
    assert any(path.suffix == ".dcm" for path in searched)
    for path in searched:
        assert hits(path.read_bytes()) == set(), path
    assert hits(_blobs_of_database(whole.data / "pacs.sqlite")) == set()
    assert any(hits(path.read_bytes()) for path in files_below(whole.data / "quarantine"))


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _command(server: WholeServer, *command: str) -> bytes:
    import os
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "pacs", *command, "--data", str(server.data)],
        capture_output=True,
        check=False,
        timeout=60,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert b"Traceback" not in done.stderr
    return done.stdout + done.stderr


def _blobs_of_database(file: Path) -> bytes:
    """Every value of every table, inflated where it is compressed."""
    found = []
    connection = sqlite3.connect(file)
    try:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                for value in row:
                    content = value if isinstance(value, bytes) else str(value).encode()
                    found += [content, *_zstd(content)]
    finally:
        connection.close()
    return b"\n".join(found)
