"""Queries over indexes of two sizes: the time for each returned row must not grow with what is not returned.

The index is filled by its own writer with made-up publications; there are no blobs. One study has 200 instances, 100
studies share a date and the beginning of their patients' names.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from benchlib.measures import Values, timings_ms
from benchlib.objects import CT, ROOT
from benchlib.servers import Server, TrialPacs, started
from benchlib.wire import FIND, Raw, element
from pacs.app import open_app
from pacs.config import Settings
from pacs.dicom.syntaxes import EXPLICIT_LE
from pacs.model import PixelFrame, Publication

SIZES = (20_000, 1_000_000)
A_STUDY, A_GROUP = 200, 100
_BATCH_STUDIES = 25
_ROUNDS = 5


def publications(study: int) -> Iterator[Publication]:
    """The instances of a study, in two series."""
    uid, patient = f"{ROOT}.8.{study + 1}", f"{study // A_GROUP:04d}P{study % A_GROUP:02d}"
    common = {
        "PatientID": f"BENCH-{patient}", "PatientName": f"BENCH{patient}^X", "PatientSex": "F", "StudyInstanceUID": uid,
        "StudyDate": f"{2000 + study // A_GROUP // 300:04d}{study // A_GROUP // 25 % 12 + 1:02d}"
        f"{study // A_GROUP % 25 + 1:02d}",
        "StudyTime": "101010", "AccessionNumber": f"A{study}", "StudyDescription": "Thorax", "Modality": "CT",
        "Rows": "512", "Columns": "512", "BitsAllocated": "16", "ImageType": "ORIGINAL\\PRIMARY\\AXIAL",
    }  # fmt: skip
    for number in range(A_STUDY):
        series, sop = f"{uid}.{number % 2 + 1}", f"{uid}.{number % 2 + 1}.{number + 1}"
        digest = hashlib.sha256(sop.encode()).hexdigest()
        yield Publication(
            intake_id=digest[:24], envelope_id="bench", collection_id=1, study_uid=uid, series_uid=series, sop_uid=sop,
            sop_class_uid=CT, transfer_syntax_uid=EXPLICIT_LE,
            attributes=common | {"SeriesInstanceUID": series, "SeriesNumber": str(number % 2 + 1),
                                 "SOPInstanceUID": sop, "InstanceNumber": str(number + 1)},
            metadata_json=b"{}", frames=(PixelFrame(((1000, 524288),)),), blob_path=Path(digest), blob_digest=digest,
            size_bytes=525_288, received_md5=digest[:32], received_bytes=525_288, original_hmac=digest,
            study_hmac=digest, profile_version="bench 1", key_id=1, released=True,
        )  # fmt: skip


def fill_index(data: Path, instances: int) -> None:
    """An archive whose index has so many instances."""
    app = open_app(Settings(data=data))
    database = app.archive.parts.database
    database.execute_sql("PRAGMA synchronous = off")  # type: ignore[no-untyped-call] # nothing here must be kept
    studies = instances // A_STUDY
    for start in range(0, studies, _BATCH_STUDIES):
        batch = [each for study in range(start, min(start + _BATCH_STUDIES, studies)) for each in publications(study)]
        with database.atomic():
            app.archive.parts.index.write(batch, {})
    database.close()


@contextlib.contextmanager
def filled(folder: Path, instances: int) -> Iterator[Server]:
    """A server with such an index."""
    folder.mkdir()
    server = TrialPacs(folder)
    fill_index(Path(server.data), instances)
    with started(server, 1):
        yield server


def scale(folder: Path) -> Values:
    """Milliseconds for each row of several queries, in the small and in the large index, and how they compare.

    The quickest of many calls counts: what else the machine does would hide what the index costs.
    """
    rounds: list[list[Values]] = [[], []]
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(filled(folder / f"index-{size}", size)) for size in SIZES]
        for _round in range(_ROUNDS):  # in turns, so that what else the machine does meets both
            for measured, server in zip(rounds, servers, strict=True):
                measured.append(_queries(server))
    small, large = ({name: min(each[name] for each in by_round) for name in by_round[0]} for by_round in rounds)
    found: Values = {}
    for name in small:
        found[f"{name}, {SIZES[0]} instances ms a row"] = small[name]
        found[f"{name}, {SIZES[1]} instances ms a row"] = large[name]
        found[f"{name}: time a row, large / small index"] = large[name] / small[name]
    return found


def _queries(server: Server) -> Values:
    """By query: milliseconds for each row. The study is in the middle of the index."""
    link = Raw(server.dimse_port, server.aet, [FIND])
    level = {name: element(0x00080052, "CS", name) for name in ("STUDY", "SERIES", "IMAGE")}
    shown = element(0x00081030, "LO", "") + element(0x00100010, "PN", "")
    study = element(0x0020000D, "UI", f"{ROOT}.8.51")
    series = element(0x0020000E, "UI", f"{ROOT}.8.51.1")
    identifiers = {
        "C-FIND study by UID": (level["STUDY"] + shown + study, 1),
        "C-FIND 100 studies by date": (element(0x00080020, "DA", "20000101") + level["STUDY"] + shown, A_GROUP),
        "C-FIND 100 studies by name": (level["STUDY"] + element(0x00100010, "PN", "BENCH0000*"), A_GROUP),
        "C-FIND series of a study": (level["SERIES"] + study, 2),
        "C-FIND 100 instances": (element(0x00080018, "UI", "") + level["IMAGE"] + study + series, A_STUDY // 2),
    }
    found = {}
    for name, (identifier, rows) in identifiers.items():
        found[name] = min(timings_ms(lambda: link.find(identifier), rows)) / rows  # noqa: B023 - called at once
    link.release()
    http = server.http()
    path = "/studies?limit=100&offset=0&includefield=00081030&StudyDate=20000101"
    found["QIDO 100 studies by date"] = min(timings_ms(lambda: len(http.json(path)), A_GROUP)) / A_GROUP
    return found
