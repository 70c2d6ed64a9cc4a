"""A large index made by SQL alone: as many generated rows as wanted in a minute, on SQLite and on PostgreSQL.

A study has two series of 25 instances, a patient two studies; 100 studies share a date, 100 patients the beginning of
their names. One study more has a single series of 500 slices with the metadata of a real CT's size.
"""

from pathlib import Path
from typing import Any

from benchlib.objects import CT, ROOT, make_ct, pixel_bytes
from pacs.db.connection import execute, is_sqlite
from pacs.db.tables.index import Instance, Patient, Series, Study
from pacs.dicom.elements import parse
from pacs.dicom.json import dicom_json, index_attributes
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.index import Index
from pacs.index.packing import packed_json
from pacs.index.sql import Dialect
from pacs.model import PixelFrame, Publication

PER_SERIES, PER_STUDY, PER_PATIENT, GROUP = 25, 2, 2, 100
SLICES = 500
LARGE_RUN = "6"  # of the study with many slices


def fill(database: Any, instances: int) -> None:
    """Fill an empty index; everything is released, in the first collection."""
    series = instances // PER_SERIES
    studies = series // PER_STUDY
    with database.atomic():
        _patients(database, studies // PER_PATIENT)
        _studies(database, studies)
        _series(database, series)
        _instances(database, instances)
    if not is_sqlite(database):
        for table in ("patient", "study", "series", "instance", "instance_metadata"):
            text = f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
            if table != "instance_metadata":
                execute(database, text)
        execute(database, "ANALYZE")
    with database.atomic():
        Index(database).write([_slice(number) for number in range(SLICES)], {})


def _patients(database: Any, count: int) -> None:
    name = f"'BENCH' || {_padded(database, f'n / {GROUP}')} || 'P' || n || '^X'"
    identity = f"'BENCH-' || {_padded(database, f'n / {GROUP}')} || 'P' || n"
    totals = {"study_count": PER_PATIENT, "series_count": PER_STUDY * PER_PATIENT}
    totals |= {"instance_count": PER_STUDY * PER_PATIENT * PER_SERIES}
    _insert(
        database,
        Patient,
        count,
        collection_id="1",
        patient_id=identity,
        patient_id_match=f"lower({identity})",
        patient_name=name,
        patient_name_match=f"lower({name})",
        patient_sex="'F'",
        **_both(totals),
    )


def _studies(database: Any, count: int) -> None:
    day = f"n / {GROUP}"
    totals = {"series_count": PER_STUDY, "instance_count": PER_STUDY * PER_SERIES, "size_bytes": 26_000_000}
    _insert(
        database,
        Study,
        count,
        patient_id=f"n / {PER_PATIENT} + 1",
        collection_id="1",
        study_uid=f"'{ROOT}.8.' || (n + 1)",
        study_date=f"CAST(20000101 + ({day}) / 300 * 10000 + ({day}) / 25 % 12 * 100 + ({day}) % 25 AS TEXT)",
        study_time="'101010'",
        accession_number="'A' || n",
        accession_number_match="'a' || n",
        study_id="'S' || n",
        study_id_match="'s' || n",
        study_description="'Thorax ' || (n % 50)",
        study_description_match="'thorax ' || (n % 50)",
        **_both(totals | {"modalities": "'CT'", "sop_classes": f"'{CT}'"}),
    )


def _series(database: Any, count: int) -> None:
    _insert(
        database,
        Series,
        count,
        study_id=f"n / {PER_STUDY} + 1",
        collection_id="1",
        released="true",
        series_uid=f"'{ROOT}.8.' || (n / {PER_STUDY} + 1) || '.' || (n % {PER_STUDY} + 1)",
        modality="'CT'",
        series_number=f"n % {PER_STUDY} + 1",
        series_description="'Lunge ' || (n % 20)",
        series_description_match="'lunge ' || (n % 20)",
        instance_count=str(PER_SERIES),
        size_bytes="13000000",
        sop_classes=f"'{CT}'",
        last_stored_ms="n",
        examined_ms="n + 1",
    )


def _instances(database: Any, count: int) -> None:
    series = f"(n / {PER_SERIES})"
    uid = f"'{ROOT}.8.' || ({series} / {PER_STUDY} + 1) || '.' || ({series} % {PER_STUDY} + 1) || '.' || (n + 1)"
    _insert(
        database,
        Instance,
        count,
        series_id=f"{series} + 1",
        collection_id="1",
        sop_uid=uid,
        sop_class_uid=f"'{CT}'",
        transfer_syntax_uid=f"'{EXPLICIT_LE}'",
        instance_number=f"n % {PER_SERIES} + 1",
        rows="512",
        columns="512",
        bits_allocated="16",
        image_type="'ORIGINAL\\PRIMARY\\AXIAL'",
        frame_count="1",
        size_bytes="525288",
        blob_digest="'digest' || n",
        received_md5="'md5' || n",
        original_hmac="'hmac' || n",
        revision="1",
    )
    empty = packed_json(b'{"00080060":{"vr":"CS","Value":["CT"]}}').hex()
    blob = f"x'{empty}'" if is_sqlite(database) else f"'\\x{empty}'::bytea"
    nothing = "x''" if is_sqlite(database) else "''::bytea"
    execute(database, f"INSERT INTO instance_metadata SELECT id, {blob}, {nothing} FROM instance")


def _padded(database: Any, number: str) -> str:
    return f"printf('%04d', {number})" if is_sqlite(database) else f"lpad(CAST({number} AS TEXT), 4, '0')"


def _both(totals: dict[str, object]) -> dict[str, str]:
    """Aggregates of everything, and of what is released."""
    return {f"{prefix}{name}": str(value) for name, value in totals.items() for prefix in ("", "released_")}


def _insert(database: Any, model: Any, count: int, **expressions: str) -> None:
    """`count` rows; `n` counts from 0. What is not named is empty, zero, false or null."""
    columns = {"id": "n + 1"}
    for field in model._meta.sorted_fields:
        if field.column_name != "id":
            default = {"TEXT": "''", "BOOL": "false", "BLOB": "''"}.get(field.field_type, "0")
            columns[field.column_name] = "NULL" if field.null else default
    columns |= expressions
    counted = "(WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n + 1 < {0}) SELECT n FROM c)"
    if not is_sqlite(database):
        counted = "(SELECT n FROM generate_series(0, {0} - 1) AS n)"
    names, values = ", ".join(columns), ", ".join(columns.values())
    source = counted.format(count)
    text = f"INSERT INTO {model._meta.table_name} ({names}) SELECT {values} FROM {source} AS numbers"
    execute(database, Dialect(database).finished(text))


def large_series() -> tuple[str, str]:
    """Study and series UID of the series with many slices."""
    return f"{ROOT}.{LARGE_RUN}.1", f"{ROOT}.{LARGE_RUN}.1.1"


_NOWHERE = Path("nowhere")  # there are no blobs


def _slice(number: int) -> Publication:
    made = make_ct(LARGE_RUN, 0, number, pixel_bytes(8), 8)
    encoding = encoding_of(EXPLICIT_LE)
    data_set = parse(made.header + made.pixels, encoding)
    study, series = large_series()
    return Publication(
        intake_id=f"large-{number}", envelope_id="bench", collection_id=1, study_uid=study, series_uid=series,
        sop_uid=made.sop_uid, sop_class_uid=CT, transfer_syntax_uid=EXPLICIT_LE,
        attributes=index_attributes(data_set, encoding),
        metadata_json=dicom_json(data_set, encoding, EXPLICIT_LE),
        frames=(PixelFrame(((1000, 524288),)),), blob_path=_NOWHERE, blob_digest=f"large-{number}",
        size_bytes=525_288, received_md5=f"large-{number}", received_bytes=525_288, original_hmac=f"large-{number}",
        study_hmac="large", profile_version="bench 1", key_id=1, released=True,
    )  # fmt: skip
