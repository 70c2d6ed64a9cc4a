"""A large synthetic index, filled by SQL alone: 50 instances a series, 2 series a study, 2 studies a patient."""

from peewee import Database, Model

from pacs.db.connection import execute, is_sqlite
from pacs.db.tables.index import Instance, Patient, Series, Study
from pacs.index.sql import Dialect

COLLECTIONS = 5
PER_SERIES, SERIES_PER_STUDY, STUDIES_PER_PATIENT = 50, 2, 2


def fill(database: Database, instances: int) -> None:
    """Fill an empty index. Rows are numbered from 1; collection 1 has a fifth of them, half of it released."""
    series = instances // PER_SERIES
    studies = series // SERIES_PER_STUDY
    patients = studies // STUDIES_PER_PATIENT
    place = f"(1 + n / {{}} % {COLLECTIONS})"
    with database.atomic():
        _insert(
            database,
            Patient,
            patients,
            collection_id=place.format(1),
            patient_id="'TRIAL-' || n",
            patient_id_match="'trial-' || n",
            patient_name="'Person' || n || '^Given'",
            patient_name_match="'person' || n || '^given'",
            study_count="2",
            series_count="4",
            released_study_count="n % 2 * 2",
            released_series_count="n % 2 * 4",
        )
        _insert(
            database,
            Study,
            studies,
            patient_id=f"n / {STUDIES_PER_PATIENT} + 1",
            collection_id=place.format(STUDIES_PER_PATIENT),
            study_uid="'2.25.1' || n",
            study_date="CAST(20000101 + n % 25 * 10000 + n % 11 * 100 + n % 27 AS TEXT)",
            accession_number="'ACC' || n",
            accession_number_match="'acc' || n",
            study_description="'Study number ' || n",
            study_description_match="'study number ' || n",
            series_count="2",
            released_series_count="n % 2 * 2",
            modalities="'CT'",
        )
        _insert(
            database,
            Series,
            series,
            study_id=f"n / {SERIES_PER_STUDY} + 1",
            collection_id=place.format(STUDIES_PER_PATIENT * SERIES_PER_STUDY),
            series_uid="'2.25.2' || n",
            modality="CASE WHEN n % 100 = 0 THEN 'SR' ELSE 'CT' END",
            released="n % 2 = 1",
            instance_count=str(PER_SERIES),
            last_stored_ms="n",
            examined_ms="n + 1",
            series_description_match="'series ' || n",
        )
        _insert(
            database,
            Instance,
            instances,
            series_id=f"n / {PER_SERIES} + 1",
            collection_id=place.format(STUDIES_PER_PATIENT * SERIES_PER_STUDY * PER_SERIES),
            sop_uid="'2.25.3' || n",
            sop_class_uid="'1.2.840.10008.5.1.4.1.1.2'",
            blob_digest="'digest' || n",
            original_hmac="'hmac' || n",
            instance_number=f"n % {PER_SERIES}",
            size_bytes="500000",
        )
    if not is_sqlite(database):
        execute(database, "ANALYZE")


def _insert(database: Database, model: type[Model], count: int, **expressions: str) -> None:
    """`count` rows; `n` counts from 0. What is not named is empty, zero, false or null."""
    columns = {"id": "n + 1"}
    for field in model._meta.sorted_fields:
        if field.column_name == "id":
            continue
        default = {"TEXT": "''", "BOOL": "false", "BLOB": "''"}.get(field.field_type, "0")
        columns[field.column_name] = "NULL" if field.null else default
    columns |= expressions
    numbers = (
        f"(WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n + 1 < {count}) SELECT n FROM c)"
        if is_sqlite(database)
        else f"(SELECT n FROM generate_series(0, {count - 1}) AS n)"
    )
    table = model._meta.table_name
    names, values = ", ".join(columns), ", ".join(columns.values())
    text = f"INSERT INTO {table} ({names}) SELECT {values} FROM {numbers} AS numbers"
    execute(database, Dialect(database).finished(text))
