"""What all objects of a patient share: the patient, study, series and equipment modules, with their rows of the key."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from tests.deid.corpus import texts
from tests.deid.corpus.people import Person
from tests.deid.corpus.planted import Planted, code, data_set

ROOT = "1.2.840.99999.7"
_TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime")
_DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "AcquisitionDateTime")
_DEVICE = {"CT": ("SIEMENS", "SOMATOM Force", "VB20A"), "MR": ("GE MEDICAL SYSTEMS", "SIGNA Premier", "30.1_R01")}


@dataclass(slots=True)
class Study:
    """One study of a person; UIDs by name."""

    person: Person
    rng: random.Random
    number: int
    used: dict[str, str] = field(default_factory=dict)
    images: list[tuple[str, str]] = field(default_factory=list)  # (SOP class, SOP instance) of its CT

    def uid(self, name: str) -> str:
        """The same UID for the same name, within the study."""
        if name not in self.used:
            self.used[name] = f"{ROOT}.{self.number}.{self.rng.randrange(10**11, 10**12)}.{len(self.used) + 1}"
        return self.used[name]


def da(day: date) -> str:
    """A DA value."""
    return day.strftime("%Y%m%d")


def begin(study: Study, kind: str, number: int, sop_class: str, modality: str) -> Planted:
    """An object with all common modules; nothing of its own yet."""
    person, rng = study.person, study.rng
    ds = Dataset()
    obj = Planted(f"{person.number:03d}_{kind}_{number:02d}.dcm", ds, person, rng, str(ExplicitVRLittleEndian))
    obj.remember(person.distinctive)
    ds.SpecificCharacterSet = person.charset if len(person.charset) > 1 else person.charset[0]
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, study.uid(f"{kind}{number}")
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study.uid("study"), study.uid(f"series {kind}")
    ds.Modality = modality
    _patient(obj)
    _study(obj, study)
    _equipment(obj, modality)
    _baseline_rows(obj)
    return obj


def _patient(obj: Planted) -> None:
    ds, person = obj.ds, obj.person
    ds.PatientName, ds.PatientID, ds.IssuerOfPatientID = person.name, person.patient_id, person.issuer
    ds.PatientBirthDate, ds.PatientBirthTime = da(person.birth), "071500"
    ds.PatientSex = obj.rng.choice("MF")
    years = (person.study_day - person.birth).days // 365
    ds.PatientAge = f"{years:03d}Y"
    ds.PatientSize, ds.PatientWeight = "1.71", str(obj.rng.randrange(50, 110))
    ds.OtherPatientIDs, ds.OtherPatientNames = person.other_id, f"{person.given}^{person.family}"
    ds.PatientAddress = f"{obj.rng.randrange(2, 99)} {person.street}, {person.town}"
    ds.PatientTelephoneNumbers = person.phone
    ds.PatientMotherBirthName = "Zwettlhuber^Ottilie"
    ds.EthnicGroup, ds.SmokingStatus, ds.PregnancyStatus = "Hispanic", "NO", 1
    ds.PatientReligiousPreference, ds.MilitaryRank, ds.CountryOfResidence = "Lutheran", "Major", "NZ"
    ds.AdditionalPatientHistory = "chronic cough, dyspnea"
    if years > 89:
        obj.removed("PatientAge", f"{years:03d}Y")
        obj.expect("text_retained", "PatientAge", [["090Y", 1]])
    else:
        obj.retained("PatientAge")


def _study(obj: Planted, study: Study) -> None:
    ds, person, day = obj.ds, obj.person, obj.person.study_day
    ds.StudyDate = ds.SeriesDate = da(day)
    ds.AcquisitionDate, ds.ContentDate = da(day), da(day + timedelta(days=1))
    ds.AcquisitionDateTime = f"{da(day)}101112.50{obj.rng.choice(['+0200', '-0500', ''])}"
    ds.StudyTime, ds.SeriesTime, ds.AcquisitionTime, ds.ContentTime = "101010", "101020", "101112.5", "101130"
    ds.TimezoneOffsetFromUTC = "+0200"
    ds.AccessionNumber, ds.StudyID = person.accession, str(obj.rng.randrange(1000, 9999))
    ds.ReferringPhysicianName = person.referrer
    ds.InstitutionName, ds.InstitutionAddress = person.hospital, f"12 {person.street}, {person.town}"
    ds.InstitutionalDepartmentName = f"Radiology {person.hospital}"
    ds.PerformingPhysicianName = ds.NameOfPhysiciansReadingStudy = person.operator
    ds.OperatorsName, ds.PhysiciansOfRecord = person.operator, person.referrer
    ds.ReferringPhysicianTelephoneNumbers = person.phone
    ds.SeriesNumber, ds.InstanceNumber = "3", str(len(study.used))
    ds.PerformedProcedureStepStartDate, ds.PerformedProcedureStepID = da(day), f"PP{obj.rng.randrange(10**6, 10**7)}"
    ds.StudyDescription, ds.SeriesDescription = "CT CHEST W/CONTRAST", "AXIAL 5.0 SOFT TISSUE"
    ds.ProtocolName, ds.BodyPartExamined = "THORAX ROUTINE", "CHEST"
    if person.style == "word":
        ds.SeriesDescription = texts.ANATOMY[person.family]
    request = data_set(
        ScheduledProcedureStepDescription="CT THORAX CONTRAST",
        ScheduledProcedureStepID=f"SP{obj.rng.randrange(10**6, 10**7)}",
        RequestedProcedureID=person.accession,
    )
    request.ScheduledProtocolCodeSequence = [code("24627-2", "LN", "CT Chest")]
    ds.RequestAttributesSequence = [request]
    ds.ProcedureCodeSequence = [code("24627-2", "LN", "CT Chest")]


def _equipment(obj: Planted, modality: str) -> None:
    ds, person = obj.ds, obj.person
    ds.Manufacturer, ds.ManufacturerModelName, ds.SoftwareVersions = _DEVICE.get(modality, ("ACME", "MODEL 7", "2.1"))
    ds.StationName, ds.DeviceSerialNumber = person.station, person.serial
    ds.DateOfLastCalibration, ds.TimeOfLastCalibration = da(person.study_day - timedelta(days=3)), "070000"


def _baseline_rows(obj: Planted) -> None:
    obj.retained("Modality", "SOPClassUID", "Manufacturer", "ManufacturerModelName", "BodyPartExamined", "SeriesNumber")
    obj.retained("PatientSex", "PatientSize", "PatientWeight", "EthnicGroup", "SmokingStatus", "PregnancyStatus")
    obj.retained(*_TIMES, "TimezoneOffsetFromUTC", "InstanceNumber", "ProcedureCodeSequence[0].CodeMeaning")
    obj.retained("ProcedureCodeSequence[0].CodeValue", "ProcedureCodeSequence[0].CodingSchemeDesignator")
    for path in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        obj.expect("uid_changed", path)
        obj.expect("uid_consistent", path)
    for path in _DATES:
        obj.expect("date_shifted", path)
    obj.expect("date_intervals", "", [f"{tag}" for tag in _DATES])
    obj.expect("patid_consistent", "PatientID")
    obj.expect("text_notnull", "PatientID")
    obj.expect("text_notnull", "PatientName")
    obj.expect("marks")
    _removed_rows(obj)
    for path in ("StudyDescription", "ProtocolName", "AdditionalPatientHistory"):
        obj.expect("text_retained", path, [[word.strip(","), 1] for word in str(obj.ds[path].value).split()])
    obj.expect("text_retained", "SeriesDescription", [[obj.ds.SeriesDescription, 1]])
    obj.expect(
        "text_retained",
        "RequestAttributesSequence[0].ScheduledProcedureStepDescription",
        [["CT", 1], ["THORAX", 1], ["CONTRAST", 1]],
    )


def _removed_rows(obj: Planted) -> None:
    person, ds = obj.person, obj.ds
    parts = [part for group in person.name.split("=") for part in group.split("^") if len(part) > 2]
    obj.removed("PatientName", *parts)
    obj.removed("OtherPatientNames", *[part for part in (person.given, person.family) if len(part) > 2])
    obj.removed("PatientID", person.patient_id)
    obj.removed("PatientAddress", person.street, person.town)
    obj.removed("PatientMotherBirthName", "Zwettlhuber", "Ottilie")
    obj.removed("InstitutionAddress", person.street, person.town)
    for path in ("InstitutionName", "InstitutionalDepartmentName"):
        obj.removed(path, person.hospital)
    for path, token in (
        ("OtherPatientIDs", person.other_id),
        ("IssuerOfPatientID", person.issuer),
        ("AccessionNumber", person.accession),
        ("StudyID", str(ds.StudyID)),
        ("PatientTelephoneNumbers", person.phone),
        ("ReferringPhysicianTelephoneNumbers", person.phone),
        ("StationName", person.station),
        ("DeviceSerialNumber", person.serial),
        ("PerformedProcedureStepID", str(ds.PerformedProcedureStepID)),
        ("RequestAttributesSequence[0].RequestedProcedureID", person.accession),
        (
            "RequestAttributesSequence[0].ScheduledProcedureStepID",
            str(ds.RequestAttributesSequence[0].ScheduledProcedureStepID),
        ),
    ):
        obj.removed(path, token)
    for path in ("ReferringPhysicianName", "PhysiciansOfRecord"):
        obj.removed(path, *person.referrer.split("^"))
    for path in ("PerformingPhysicianName", "NameOfPhysiciansReadingStudy", "OperatorsName"):
        obj.removed(path, *person.operator.split("^"))
    obj.removed("PatientBirthDate")
    obj.removed("PatientBirthTime")
    obj.removed("DateOfLastCalibration")
    for path in ("PatientReligiousPreference", "MilitaryRank", "CountryOfResidence"):
        obj.removed(path)
