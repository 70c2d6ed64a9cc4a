"""Which DICOM attributes are columns, and how each is matched. The conformance statement is printed from this table.

Keys inside a sequence are named by their dotted path (``RequestAttributesSequence.ScheduledProcedureStepID``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from pacs.dicom.dictionary import VR_OF, tag_of
from pacs.model import Level

P, T, S, N = Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE


class Kind(Enum):
    """How an attribute is stored and compared."""

    UID = "uid"  # exact, or one of a list
    CODE = "code"  # text as it stands: case counts
    TEXT = "text"  # case- and accent-insensitive, by a match column
    NAME = "name"  # as TEXT, on every component group
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    NUMBER = "number"  # IS, US, UL: compared as numbers
    LIST = "list"  # several values joined by backslashes, or one of each item of a sequence: any of them
    COUNT = "count"  # aggregates, by what the caller may see
    OF_SERIES = "of-series"  # aggregates that are matched against the study's visible series


@dataclass(frozen=True, slots=True)
class Attribute:
    """One column. `column` is the table's; of COUNT and OF_SERIES it is the one that counts everything."""

    keyword: str
    level: Level
    column: str
    kind: Kind

    @property
    def vr(self) -> str:
        """Value representation by PS3.6."""
        return VR_OF[tag_of(self.keyword.rpartition(".")[2])]

    @property
    def match_column(self) -> str:
        """Where the normalised text stands."""
        return f"{self.column}_match"


def _rows(level: Level, kind: Kind, columns: str) -> Iterable[Attribute]:
    for line in columns.split():
        keyword, _, column = line.partition(":")
        yield Attribute(keyword, level, column, kind)


_REQUEST = "RequestAttributesSequence"
_CONCEPT = "ConceptNameCodeSequence"

_TABLE: tuple[Attribute, ...] = (
    *_rows(P, Kind.NAME, "PatientName:patient_name"),
    *_rows(P, Kind.TEXT, "PatientID:patient_id"),
    *_rows(P, Kind.DATE, "PatientBirthDate:patient_birth_date"),
    *_rows(P, Kind.TIME, "PatientBirthTime:patient_birth_time"),
    *_rows(
        P,
        Kind.CODE,
        "IssuerOfPatientID:issuer_of_patient_id PatientSex:patient_sex PatientComments:patient_comments"
        " EthnicGroup:ethnic_group",
    ),
    *_rows(
        P,
        Kind.COUNT,
        "NumberOfPatientRelatedStudies:study_count NumberOfPatientRelatedSeries:series_count"
        " NumberOfPatientRelatedInstances:instance_count",
    ),
    *_rows(T, Kind.UID, "StudyInstanceUID:study_uid"),
    *_rows(T, Kind.DATE, "StudyDate:study_date"),
    *_rows(T, Kind.TIME, "StudyTime:study_time"),
    *_rows(
        T,
        Kind.TEXT,
        "AccessionNumber:accession_number StudyID:study_id StudyDescription:study_description",
    ),
    *_rows(T, Kind.NAME, "ReferringPhysicianName:referring_physician_name"),
    *_rows(
        T,
        Kind.CODE,
        "TimezoneOffsetFromUTC:timezone_offset PatientAge:patient_age PatientSize:patient_size"
        " PatientWeight:patient_weight ClinicalTrialSponsorName:trial_sponsor_name"
        " ClinicalTrialProtocolID:trial_protocol_id ClinicalTrialProtocolName:trial_protocol_name"
        " ClinicalTrialSiteID:trial_site_id ClinicalTrialSiteName:trial_site_name"
        " ClinicalTrialSubjectID:trial_subject_id ClinicalTrialTimePointID:trial_time_point_id"
        " ClinicalTrialTimePointDescription:trial_time_point_description",
    ),
    *_rows(T, Kind.LIST, "NameOfPhysiciansReadingStudy:reading_physicians_name"),
    *_rows(T, Kind.OF_SERIES, "ModalitiesInStudy:modalities SOPClassesInStudy:sop_classes"),
    *_rows(
        T,
        Kind.COUNT,
        "NumberOfStudyRelatedSeries:series_count NumberOfStudyRelatedInstances:instance_count",
    ),
    *_rows(S, Kind.UID, "SeriesInstanceUID:series_uid FrameOfReferenceUID:frame_of_reference_uid"),
    *_rows(S, Kind.NUMBER, "SeriesNumber:series_number NumberOfSeriesRelatedInstances:instance_count"),
    *_rows(S, Kind.TEXT, "SeriesDescription:series_description ProtocolName:protocol_name"),
    *_rows(S, Kind.DATE, "SeriesDate:series_date PerformedProcedureStepStartDate:performed_start_date"),
    *_rows(S, Kind.TIME, "SeriesTime:series_time PerformedProcedureStepStartTime:performed_start_time"),
    *_rows(
        S,
        Kind.CODE,
        "Modality:modality BodyPartExamined:body_part_examined Laterality:laterality Manufacturer:manufacturer"
        " ManufacturerModelName:manufacturer_model_name StationName:station_name PatientPosition:patient_position",
    ),
    *_rows(
        S,
        Kind.LIST,
        f"{_REQUEST}.ScheduledProcedureStepID:request_step_id {_REQUEST}.RequestedProcedureID:request_procedure_id",
    ),
    *_rows(N, Kind.UID, "SOPInstanceUID:sop_uid SOPClassUID:sop_class_uid"),
    *_rows(N, Kind.UID, "AvailableTransferSyntaxUID:transfer_syntax_uid"),
    *_rows(
        N,
        Kind.NUMBER,
        "InstanceNumber:instance_number AcquisitionNumber:acquisition_number NumberOfFrames:number_of_frames"
        " Rows:rows Columns:columns BitsAllocated:bits_allocated BitsStored:bits_stored"
        " SamplesPerPixel:samples_per_pixel",
    ),
    *_rows(N, Kind.DATE, "ContentDate:content_date AcquisitionDate:acquisition_date"),
    *_rows(N, Kind.TIME, "ContentTime:content_time AcquisitionTime:acquisition_time"),
    *_rows(N, Kind.DATETIME, "AcquisitionDateTime:acquisition_datetime"),
    *_rows(N, Kind.LIST, "ImageType:image_type"),
    *_rows(
        N,
        Kind.CODE,
        "PhotometricInterpretation:photometric_interpretation ContentLabel:content_label"
        " ContentDescription:content_description CompletionFlag:completion_flag VerificationFlag:verification_flag"
        f" {_CONCEPT}.CodeValue:concept_code_value {_CONCEPT}.CodingSchemeDesignator:concept_code_scheme"
        f" {_CONCEPT}.CodeMeaning:concept_code_meaning",
    ),
)

ATTRIBUTES: dict[str, Attribute] = {attribute.keyword: attribute for attribute in _TABLE}
TABLE_OF = {P: "patient", T: "study", S: "series", N: "instance"}
# The column of a table that points at the level above.
PARENT_COLUMN = {T: "patient_id", S: "study_id", N: "series_id"}
UNIQUE_KEYS = {P: "PatientID", T: "StudyInstanceUID", S: "SeriesInstanceUID", N: "SOPInstanceUID"}
# Attributes of the object that a commit stores; the rest are counted by the archive or come with the publication.
_COUNTED = (Kind.COUNT, Kind.OF_SERIES)
STORED: tuple[Attribute, ...] = tuple(
    a for a in _TABLE if a.kind not in _COUNTED and a.keyword not in ("NumberOfSeriesRelatedInstances",)
)
# What the pipeline reads out of a data set for `Publication.attributes`.
STORED_KEYWORDS: tuple[str, ...] = tuple(a.keyword for a in STORED if a.keyword != "AvailableTransferSyntaxUID")
