"""Structured reports: persons, dates and free text beside codes, measurements and references."""

from datetime import timedelta
from typing import Any

from pydicom.dataset import Dataset

from tests.deid.corpus import texts
from tests.deid.corpus.images import SOP
from tests.deid.corpus.planted import Planted, code, data_set
from tests.deid.corpus.study import Study, begin, da


def item(value_type: str, concept: Dataset, relation: str = "CONTAINS", **values: Any) -> Dataset:
    """A content item. PS3.3 C.17.3."""
    made = data_set(RelationshipType=relation, ValueType=value_type, **values)
    made.ConceptNameCodeSequence = [concept]
    return made


def container(concept: Dataset, *children: Dataset) -> Dataset:
    """A container with children."""
    made = item("CONTAINER", concept, ContinuityOfContent="SEPARATE")
    made.ContentSequence = list(children)
    return made


def number(concept: Dataset, value: str, unit: Dataset) -> Dataset:
    """A NUM item."""
    made = item("NUM", concept)
    measured = data_set(NumericValue=value)
    measured.MeasurementUnitsCodeSequence = [unit]
    made.MeasuredValueSequence = [measured]
    return made


_MM = code("mm", "UCUM", "millimeter")


def report(study: Study, index: int) -> Planted:
    """A comprehensive SR about the study's CT."""
    obj = begin(study, "sr", index, SOP + "88.33", "SR")
    ds, person, rng = obj.ds, obj.person, obj.rng
    obj.is_image = False
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "VERIFIED"
    observer = data_set(
        VerifyingObserverName=person.referrer,
        VerifyingOrganization=person.hospital,
        VerificationDateTime=f"{da(person.study_day)}160000",
    )
    observer.VerifyingObserverIdentificationCodeSequence = []
    ds.VerifyingObserverSequence = [observer]
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = [code("18748-4", "LN", "Diagnostic Imaging Report")]
    ds.ContentSequence = [*_context(obj), *_findings(obj, study), _measurements(obj, study)]
    ds.CurrentRequestedProcedureEvidenceSequence = [_evidence(study)] if study.images else []
    at = "VerifyingObserverSequence[0]."
    obj.trap = "SR verifying observer"
    obj.removed(at + "VerifyingObserverName", *person.referrer.split("^"))
    obj.removed(at + "VerifyingOrganization", person.hospital)
    obj.expect("text_notnull", at + "VerifyingObserverName")
    obj.expect("date_shifted", at + "VerificationDateTime")
    obj.trap = "baseline"
    obj.retained("CompletionFlag", "ConceptNameCodeSequence[0].CodeMeaning", "ValueType")
    if study.images:
        at = "CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]."
        obj.retained(at + "ReferencedSOPClassUID")
        obj.expect("uid_changed", at + "ReferencedSOPInstanceUID")
        obj.expect("uid_consistent", at + "ReferencedSOPInstanceUID")
    del rng
    return obj


def _evidence(study: Study) -> Dataset:
    sop_class, sop = study.images[0]
    series = data_set(SeriesInstanceUID=study.uid("series ct"))
    series.ReferencedSOPSequence = [data_set(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop)]
    made = data_set(StudyInstanceUID=study.uid("study"))
    made.ReferencedSeriesSequence = [series]
    return made


def _kept(obj: Planted, concept: str, **what: Any) -> None:
    obj.expect("sr_content_kept", "", {"concept": concept, **what})


def _gone(obj: Planted, concept: str, tokens: list[list[str | int]]) -> None:
    obj.expect("sr_content_removed", "", {"concept": concept, "tokens": tokens})


def _context(obj: Planted) -> list[Dataset]:
    """Observers, subject, ids: what identifies."""
    person = obj.person
    years = (person.study_day - person.birth).days // 365
    parts = [part for part in person.name.split("=")[0].split("^") if len(part) > 2]
    made = [
        item("PNAME", code("121008", "DCM", "Person Observer Name"), "HAS OBS CONTEXT", PersonName=person.referrer),
        item("PNAME", code("121029", "DCM", "Subject Name"), "HAS OBS CONTEXT", PersonName=person.name),
        item("TEXT", code("121030", "DCM", "Subject ID"), "HAS OBS CONTEXT", TextValue=person.patient_id),
        item("DATE", code("121031", "DCM", "Subject Birth Date"), "HAS OBS CONTEXT", Date=da(person.birth)),
        item("TEXT", code("121022", "DCM", "Accession Number"), TextValue=person.accession),
        item("TEXT", code("121016", "DCM", "Device Observer Serial Number"), TextValue=person.serial),
        item("TEXT", code("121013", "DCM", "Device Observer Name"), TextValue=person.station),
        item("TEXT", code("121009", "DCM", "Person Observer's Organization Name"), TextValue=person.hospital),
        item("CODE", code("121032", "DCM", "Subject Sex"), "HAS OBS CONTEXT"),
        number(code("121033", "DCM", "Subject Age"), str(years), code("a", "UCUM", "year")),
        item("UIDREF", code("121012", "DCM", "Device Observer UID"), UID="1.2.840.99999.7.55.4711"),
    ]
    made[8].ConceptCodeSequence = [code("M", "DCM", "Male")]
    obj.trap = "SR context"
    _gone(obj, "121008", [[part, 0] for part in person.referrer.split("^")])
    _gone(obj, "121029", [[part, 0] for part in parts])
    for concept, token in (
        ("121030", person.patient_id),
        ("121022", person.accession),
        ("121016", person.serial),
        ("121013", person.station),
        ("121009", person.hospital),
        ("121031", da(person.birth)),
        ("121012", "1.2.840.99999.7.55.4711"),
    ):
        _gone(obj, concept, [[token, 0]])
    _kept(obj, "121032", code="M")
    if years > 89:
        obj.trap = "age over 89"
        _gone(obj, "121033", [[str(years), 0]])
    else:
        _kept(obj, "121033", number=str(years))
    return made


def _findings(obj: Planted, study: Study) -> list[Dataset]:
    """Free text, dates, a local concept, a modifier below an item."""
    person, rng = obj.person, obj.rng
    obj.trap = "SR text"
    made = []
    for concept in (
        code("121071", "DCM", "Finding"),
        code("121077", "DCM", "Conclusion"),
        code("X-77", "99LOCAL", "Free remark"),
        code("121106", "DCM", "Comment"),
    ):
        text = texts.fill(texts.choose(rng, person), person, rng)
        made.append(item("TEXT", concept, TextValue=text.text))
        _kept(obj, concept.CodeValue, words=text.kept)
        if text.removed:
            _gone(obj, concept.CodeValue, text.removed)
        for written, layout, told in text.dates:
            _kept(obj, concept.CodeValue, date={"written": written, "format": layout, "day": told})
    made[0].ContentSequence = [
        item("TEXT", code("121050", "DCM", "Equivalent Meaning of Concept Name"), "HAS CONCEPT MOD", TextValue="mass")
    ]
    day = person.study_day + timedelta(days=2)
    made += [
        item("DATE", code("111060", "DCM", "Study Date"), Date=da(person.study_day)),
        item("TIME", code("111061", "DCM", "Study Time"), Time="101010"),
        item("DATETIME", code("111526", "DCM", "DateTime Started"), DateTime=f"{da(day)}093000.00+0100"),
        item("UIDREF", code("110180", "DCM", "Study Instance UID"), UID=study.uid("study")),
        item("PNAME", code("99001", "99LOCAL", "Reader"), PersonName=person.operator),
    ]
    _kept(
        obj, "111060", date={"written": da(person.study_day), "format": "%Y%m%d", "day": person.study_day.isoformat()}
    )
    _kept(obj, "111061", words=[["101010", 1]])
    _kept(obj, "111526", date={"written": da(day), "format": "%Y%m%d", "day": day.isoformat()})
    _kept(obj, "111526", ends="093000.00+0100")
    _gone(obj, "110180", [[study.uid("study"), 0]])
    _gone(obj, "99001", [[part, 0] for part in person.operator.split("^")])
    obj.trap = "baseline"
    return made


def _measurements(obj: Planted, study: Study) -> Dataset:
    """Codes, numbers, coordinates, references: the science."""
    obj.trap = "SR measurements"
    size = f"{obj.rng.randrange(30, 400) / 10:.1f}"
    finding = item("CODE", code("363698007", "SCT", "Finding Site"))
    finding.ConceptCodeSequence = [code("39607008", "SCT", "Lung structure")]
    children = [finding, number(code("410668003", "SCT", "Length"), size, _MM)]
    _kept(obj, "410668003", number=size)
    _kept(obj, "363698007", code="39607008")
    outline = item("SCOORD", code("111010", "DCM", "Center"), GraphicType="POINT", GraphicData=[31.5, 17.25])
    children.append(outline)
    _kept(obj, "111010", points=[31.5, 17.25])
    children.append(item("UIDREF", code("112040", "DCM", "Tracking Unique Identifier"), UID=study.uid("tracking")))
    _gone(obj, "112040", [[study.uid("tracking"), 0]])
    if study.images:
        image = item("IMAGE", code("121112", "DCM", "Source of Measurement"))
        sop_class, sop = study.images[0]
        image.ReferencedSOPSequence = [data_set(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop)]
        children.append(image)
        _kept(obj, "121112", reference=sop)
    obj.trap = "baseline"
    return container(code("125007", "DCM", "Measurement Group"), *children)


def dose_report(study: Study, index: int) -> Planted:
    """A radiation dose report: the machine is an observer."""
    obj = begin(study, "dose", index, SOP + "88.67", "SR")
    ds, person = obj.ds, obj.person
    obj.is_image = False
    ds.CompletionFlag, ds.VerificationFlag, ds.ValueType = "COMPLETE", "UNVERIFIED", "CONTAINER"
    ds.ContinuityOfContent = "SEPARATE"
    ds.ConceptNameCodeSequence = [code("113701", "DCM", "X-Ray Radiation Dose Report")]
    start = f"{da(person.study_day)}101112"
    ds.ContentSequence = [
        item("TEXT", code("121014", "DCM", "Device Observer Manufacturer"), TextValue="SIEMENS"),
        item("TEXT", code("121016", "DCM", "Device Observer Serial Number"), TextValue=person.serial),
        item("TEXT", code("121017", "DCM", "Device Observer Physical Location"), TextValue=f"{person.hospital} R2"),
        item("UIDREF", code("121012", "DCM", "Device Observer UID"), UID=study.uid("device")),
        item("DATETIME", code("113809", "DCM", "Start of X-Ray Irradiation"), DateTime=start),
        container(
            code("113819", "DCM", "CT Acquisition"),
            item("TEXT", code("125203", "DCM", "Acquisition Protocol"), TextValue="ThoraxRoutine Thorax 1.0"),
            item("UIDREF", code("113769", "DCM", "Irradiation Event UID"), UID=study.uid("irradiation 0")),
            number(code("113830", "DCM", "Mean CTDIvol"), "8.31", code("mGy", "UCUM", "mGy")),
        ),
    ]
    obj.trap = "dose report observers"
    for concept, token in (("121016", person.serial), ("121017", person.hospital), ("121012", study.uid("device"))):
        _gone(obj, concept, [[token, 0]])
    _gone(obj, "113769", [[study.uid("irradiation 0"), 0]])
    _kept(obj, "121014", words=[["SIEMENS", 1]])
    _kept(obj, "125203", words=[["Thorax", 1], ["1.0", 1]])
    _kept(obj, "113830", number="8.31")
    day = person.study_day
    _kept(obj, "113809", date={"written": da(day), "format": "%Y%m%d", "day": day.isoformat()})
    obj.trap = "baseline"
    return obj
