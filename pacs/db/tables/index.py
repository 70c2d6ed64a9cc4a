"""Patients, studies, series and instances as queries see them, all de-identified. Only `index` writes them.

Collections stand here by number only. Text columns hold what the data set holds, without padding and never null;
``*_match`` columns hold the same normalised for matching (`pacs.index.matching`), ``*_groups`` the ideographic and
phonetic groups of a name when it has any. Study and patient keep two sets of aggregates: of everything, and of what is
released, so that a caller who sees released series only gets exact counters.
"""

from peewee import BigIntegerField, BlobField, BooleanField, ForeignKeyField, IntegerField, TextField

from pacs.db.tables.base import Base


class Patient(Base):
    """A patient of one collection, by pseudonym."""

    collection_id = IntegerField(index=True)
    patient_id = TextField()
    patient_id_match = TextField(index=True)
    patient_name = TextField(default="")
    patient_name_match = TextField(default="", index=True)
    patient_name_groups = TextField(null=True)
    issuer_of_patient_id = TextField(default="")
    patient_birth_date = TextField(default="", index=True)
    patient_birth_time = TextField(default="")
    patient_sex = TextField(default="")
    patient_comments = TextField(default="")
    ethnic_group = TextField(default="")
    study_count = IntegerField(default=0)
    series_count = IntegerField(default=0)
    instance_count = IntegerField(default=0)
    size_bytes = BigIntegerField(default=0)
    released_study_count = IntegerField(default=0)
    released_series_count = IntegerField(default=0)
    released_instance_count = IntegerField(default=0)
    released_size_bytes = BigIntegerField(default=0)

    class Meta:
        indexes = ((("patient_id", "collection_id"), True),)


class Study(Base):
    """A study of one collection. `modalities` and `sop_classes` are sorted and joined by backslashes."""

    patient = ForeignKeyField(Patient)
    collection_id = IntegerField(index=True)
    study_uid = TextField()
    study_date = TextField(default="", index=True)
    study_time = TextField(default="")
    timezone_offset = TextField(default="")
    accession_number = TextField(default="")
    accession_number_match = TextField(default="", index=True)
    study_id = TextField(default="")
    study_id_match = TextField(default="", index=True)
    study_description = TextField(default="")
    study_description_match = TextField(default="", index=True)
    referring_physician_name = TextField(default="")
    referring_physician_name_match = TextField(default="", index=True)
    referring_physician_name_groups = TextField(null=True)
    reading_physicians_name = TextField(default="")
    patient_age = TextField(default="")
    patient_size = TextField(default="")
    patient_weight = TextField(default="")
    trial_sponsor_name = TextField(default="")
    trial_protocol_id = TextField(default="", index=True)
    trial_protocol_name = TextField(default="")
    trial_site_id = TextField(default="", index=True)
    trial_site_name = TextField(default="")
    trial_subject_id = TextField(default="", index=True)
    trial_time_point_id = TextField(default="")
    trial_time_point_description = TextField(default="")
    series_count = IntegerField(default=0)
    instance_count = IntegerField(default=0)
    size_bytes = BigIntegerField(default=0)
    modalities = TextField(default="")
    sop_classes = TextField(default="")
    released_series_count = IntegerField(default=0)
    released_instance_count = IntegerField(default=0)
    released_size_bytes = BigIntegerField(default=0)
    released_modalities = TextField(default="")
    released_sop_classes = TextField(default="")

    class Meta:
        indexes = ((("study_uid", "collection_id"), True),)


class Series(Base):
    """A series under one study of one collection; it carries what visibility is decided by.

    `last_stored_ms` and `examined_ms` are milliseconds since 1970 in UTC: a series is to be examined by the series
    stages when it was stored to after it was last examined. `flags` are sorted and joined by spaces.
    """

    study = ForeignKeyField(Study)
    collection_id = IntegerField(index=True)
    released = BooleanField(default=False)
    series_uid = TextField()
    modality = TextField(default="", index=True)
    series_number = IntegerField(null=True)
    series_description = TextField(default="")
    series_description_match = TextField(default="", index=True)
    series_date = TextField(default="")
    series_time = TextField(default="")
    body_part_examined = TextField(default="", index=True)
    laterality = TextField(default="")
    protocol_name = TextField(default="")
    protocol_name_match = TextField(default="", index=True)
    manufacturer = TextField(default="")
    manufacturer_model_name = TextField(default="")
    station_name = TextField(default="")
    patient_position = TextField(default="")
    frame_of_reference_uid = TextField(default="")
    performed_start_date = TextField(default="", index=True)
    performed_start_time = TextField(default="")
    request_step_id = TextField(default="")
    request_procedure_id = TextField(default="")
    instance_count = IntegerField(default=0)
    size_bytes = BigIntegerField(default=0)
    sop_classes = TextField(default="")
    flags = TextField(default="")
    last_stored_ms = BigIntegerField(index=True)
    examined_ms = BigIntegerField(default=0)

    class Meta:
        indexes = ((("series_uid", "study"), True),)


class Instance(Base):
    """One published object. `revision` starts at 1 and grows with each replacement of its content."""

    series = ForeignKeyField(Series, index=False)
    collection_id = IntegerField(index=True)
    sop_uid = TextField()
    sop_class_uid = TextField()
    transfer_syntax_uid = TextField()
    instance_number = IntegerField(null=True)
    acquisition_number = IntegerField(null=True)
    acquisition_date = TextField(default="")
    acquisition_time = TextField(default="")
    acquisition_datetime = TextField(default="")
    content_date = TextField(default="")
    content_time = TextField(default="")
    image_type = TextField(default="")
    number_of_frames = IntegerField(null=True)
    frame_count = IntegerField(default=0)
    rows = IntegerField(null=True)
    columns = IntegerField(null=True)
    bits_allocated = IntegerField(null=True)
    bits_stored = IntegerField(null=True)
    samples_per_pixel = IntegerField(null=True)
    photometric_interpretation = TextField(default="")
    content_label = TextField(default="")
    content_description = TextField(default="")
    concept_code_value = TextField(default="")
    concept_code_scheme = TextField(default="")
    concept_code_meaning = TextField(default="")
    completion_flag = TextField(default="")
    verification_flag = TextField(default="")
    size_bytes = BigIntegerField()
    blob_digest = TextField(index=True)
    received_md5 = TextField()
    received_bytes = BigIntegerField()
    original_hmac = TextField(index=True)
    intake_id = TextField()
    profile_version = TextField()
    key_id = IntegerField()
    revision = IntegerField(default=1)
    stored_ms = BigIntegerField()
    flags = TextField(default="")

    class Meta:
        indexes = (
            (("sop_uid", "collection_id"), True),
            (("series", "sop_class_uid", "size_bytes"), False),  # covers the series' aggregates
        )


class InstanceMetadata(Base):
    """DICOM JSON of an instance without bulk data, and the byte ranges of its frames, both zstd-compressed."""

    instance = ForeignKeyField(Instance, primary_key=True, on_delete="CASCADE")
    json = BlobField()
    frames = BlobField(default=b"")


class CollectionChange(Base):
    """A number that grows with each change to what searches of a collection find: totals are kept while it stays."""

    collection_id = IntegerField(primary_key=True)
    number = BigIntegerField(default=0)


class Tombstone(Base):
    """An object that was removed for good: a re-send does not bring it back. Keyed digest of its original UID."""

    collection_id = IntegerField()
    original_hmac = TextField()
    buried_ms = BigIntegerField()

    class Meta:
        indexes = ((("original_hmac", "collection_id"), True),)


class Trash(Base):
    """A study, series or instance that was removed and can be restored. `parents` are the rows above it, as JSON.

    `doomed`: its files are being deleted, and it cannot be restored any more.
    """

    collection_id = IntegerField(index=True)
    study_uid = TextField()
    series_uid = TextField(default="")
    sop_uid = TextField(default="")
    instance_count = IntegerField()
    size_bytes = BigIntegerField()
    removed_by = TextField()
    reason = TextField(default="")
    removed_ms = BigIntegerField(index=True)
    doomed = BooleanField(default=False)
    parents = TextField()


class TrashedInstance(Base):
    """An instance in the trash: the columns of its row as JSON, and its metadata as they were."""

    trash = ForeignKeyField(Trash, on_delete="CASCADE")
    collection_id = IntegerField()
    blob_digest = TextField(index=True)
    intake_id = TextField()
    columns = TextField()
    json = BlobField()
    frames = BlobField(default=b"")


TABLES: tuple[type[Base], ...] = (
    Patient,
    Study,
    Series,
    Instance,
    InstanceMetadata,
    CollectionChange,
    Tombstone,
    Trash,
    TrashedInstance,
)
