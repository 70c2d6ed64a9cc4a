"""Traps in the data set: each function plants one into an object and says what must come out.

They follow the table of things that must both hold and the list of what other tools miss.
"""

import struct
from datetime import timedelta

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from tests.deid.corpus import texts
from tests.deid.corpus.planted import Planted, code, data_set, tag_path
from tests.deid.corpus.study import ROOT, da

_DESCRIPTORS = (
    "StudyDescription SeriesDescription ProtocolName ImageComments AdditionalPatientHistory PatientComments "
    "AdmittingDiagnosesDescription RequestedProcedureDescription PerformedProcedureStepDescription "
    "DerivationDescription "
    "AcquisitionProtocolDescription ReasonForVisit VisitComments MedicalAlerts Allergies PatientState "
    "RequestedProcedureComments CommentsOnThePerformedProcedureStep ReasonForTheRequestedProcedure"
).split()
# Elements that no table lists, and what a scanner writes there.
_UNLISTED = {
    "SoftwareVersions": "VB20A",
    "SequenceName": "*tse2d1_9",
    "ConvolutionKernel": "Br40d",
    "FilterType": "WEDGE_2",
    "RescaleType": "HU",
    "ReceiveCoilName": "HeadNeck_20",
    "PositionReferenceIndicator": "XY",
    "WindowCenterWidthExplanation": "MEDIASTINUM",
    "ContrastBolusIngredientConcentration": "370",
}


def _drop_rows(obj: Planted, path: str) -> None:
    """A trap that replaces a value takes the baseline's rows for it away."""
    wanted = tag_path(path)
    obj.rows[:] = [row for row in obj.rows if row.path != wanted]


def descriptions(obj: Planted) -> None:
    """Identity typed into descriptions; research words stay."""
    for keyword in obj.rng.sample(_DESCRIPTORS, 5):
        _drop_rows(obj, keyword)
        text = texts.fill(texts.choose(obj.rng, obj.person), obj.person, obj.rng)
        setattr(obj.ds, keyword, texts.plant(obj, keyword, text))


def nested_descriptions(obj: Planted) -> None:
    """The same three items deep."""
    text = texts.fill(texts.choose(obj.rng, obj.person), obj.person, obj.rng)
    path = "RequestAttributesSequence[0].ScheduledProcedureStepDescription"
    _drop_rows(obj, path)
    obj.ds.RequestAttributesSequence[0].ScheduledProcedureStepDescription = texts.plant(obj, path, text)
    inner = data_set(RequestedProcedureID=obj.person.accession, PatientID=obj.person.other_id)
    inner.OtherPatientNames = obj.person.name
    deep = Dataset()
    deep.ReferencedRequestSequence = [inner]
    obj.ds.ContributingEquipmentSequence = [deep]
    deep.Manufacturer, deep.StationName, deep.InstitutionName = "ACME", obj.person.station, obj.person.hospital
    at = "ContributingEquipmentSequence[0]."
    obj.removed(at + "ReferencedRequestSequence[0].RequestedProcedureID", obj.person.accession)
    obj.removed(at + "ReferencedRequestSequence[0].PatientID", obj.person.other_id)
    parts = [part for part in obj.person.name.split("=")[0].split("^") if len(part) > 2]
    obj.removed(at + "ReferencedRequestSequence[0].OtherPatientNames", *parts)
    obj.removed(at + "StationName", obj.person.station)
    obj.removed(at + "InstitutionName", obj.person.hospital)


def unlisted(obj: Planted) -> None:
    """Names and ids typed into elements that no table lists: cut out, the rest stays."""
    templates = [t for t in texts.KNOWN if obj.person.style == "distinct" or t not in ("{kept} <F>", "<F> {kept}")]
    for keyword in obj.rng.sample(sorted(_UNLISTED), 3):
        if keyword == "ContrastBolusIngredientConcentration":
            continue  # a number, where a name cannot be typed
        _drop_rows(obj, keyword)
        template = obj.rng.choice(templates).replace("{kept}", _UNLISTED[keyword])
        text = texts.fill(template, obj.person, obj.rng)
        setattr(obj.ds, keyword, texts.plant(obj, keyword, text))


def private_elements(obj: Planted) -> None:
    """Safe private elements stay wherever their block sits; unknown ones and private sequences with ids go."""
    ds, person, offset = obj.ds, obj.person, obj.rng.choice((0x10, 0x11, 0x30, 0xE0))
    safe = Block(ds, 0x0019, offset, "GEMS_ACQU_01")
    safe.add(0x23, "DS", "39.375")
    safe.add(0x27, "DS", "0.5")
    safe.add(0x9E, "LO", f"EFGRE3D {person.given}")
    obj.expect("private_kept", '0019"GEMS_ACQU_01"23')
    obj.expect("private_kept", '0019"GEMS_ACQU_01"27')
    obj.removed('0019"GEMS_ACQU_01"9E', person.given)
    obj.expect("text_retained", '0019"GEMS_ACQU_01"9E', [["EFGRE3D", 1]])
    safe.add(0xF5, "LO", f"{person.given} {person.patient_id}")
    obj.expect("private_removed", '0019"GEMS_ACQU_01"F5')
    header = Block(ds, 0x0019, offset + 1, "SIEMENS MR HEADER")
    header.add(0x0C, "IS", "1000")
    header.add(0x0E, "FD", [0.25, -0.5, 0.75])
    obj.expect("private_kept", '0019"SIEMENS MR HEADER"0C')
    obj.expect("private_kept", '0019"SIEMENS MR HEADER"0E')
    unknown = Block(ds, 0x0009, offset, "ACME PRIVATE 3.1")
    unknown.add(0x01, "LO", person.given)
    unknown.add(0x02, "UN", f"{person.patient_id} ".encode()[: 2 * (len(person.patient_id) // 2 + 1)])
    inner = Dataset()
    inner.PatientName, inner.PatientID = person.name, person.patient_id
    unknown.add(0x03, "SQ", [inner])
    for element in (1, 2, 3):
        obj.expect("private_removed", f'0009"ACME PRIVATE 3.1"{element:02X}')


class Block:
    """A private block. PS3.5 7.8.1."""

    def __init__(self, ds: Dataset, group: int, offset: int, creator: str) -> None:
        self.ds, self.base = ds, group << 16
        ds.add(DataElement(self.base | offset, "LO", creator))
        self.base |= offset << 8

    def add(self, element: int, vr: str, value: object) -> None:
        """Add an element of the block."""
        self.ds.add(DataElement(self.base | element, vr, value))


def private_creator(obj: Planted) -> None:
    """A creator string that is a person."""
    creator = f"{obj.person.given} WORKSTATION" if obj.person.given.isascii() else obj.person.patient_id
    block = Block(obj.ds, 0x0029, 0x10, creator)
    block.add(0x10, "LO", "settings")
    obj.expect("private_removed", "00290010")


def dates(obj: Planted) -> None:
    """Zones, partial and old forms, rubbish, and dates that must not be shifted."""
    ds, day = obj.ds, obj.person.study_day
    ds.InstanceCreationDate = f"{day:%Y.%m.%d}"
    ds.AcquisitionDateTime = f"{da(day)}235959.123456-0330"
    ds.PerformedProcedureStepEndDateTime = f"{day:%Y%m}"
    ds.ScheduledProcedureStepStartDateTime = f"{da(day)}1200+1200"
    ds.ScheduledProcedureStepStartDate = f"{day:%Y}"
    ds.PerformedProcedureStepEndDate = "2O20O101"
    ds.LastMenstrualDate = da(day - timedelta(days=21))
    ds.DateOfManufacture, ds.DateOfInstallation = da(day - timedelta(days=900)), da(day - timedelta(days=800))
    for path in ("InstanceCreationDate", "PerformedProcedureStepEndDateTime", "ScheduledProcedureStepStartDateTime"):
        obj.expect("date_shifted", path)
    obj.expect("date_shifted", "ScheduledProcedureStepStartDate")
    obj.expect("date_shifted", "LastMenstrualDate")
    obj.expect("date_intervals", "", ["StudyDate", "LastMenstrualDate", "AcquisitionDateTime"])
    for path in ("PerformedProcedureStepEndDate", "DateOfManufacture", "DateOfInstallation"):
        obj.expect("text_removed", path, [])
    versioned = code("T-D4000", "SRT", "Abdomen")
    versioned.ContextGroupVersion, versioned.MappingResource = "20020904", "DCMR"
    versioned.ContextIdentifier = "4"
    ds.AnatomicRegionSequence = [versioned]
    scheme = data_set(CodingSchemeDesignator="99X", CodingSchemeVersion="20190101")
    ds.CodingSchemeIdentificationSequence = [scheme]
    obj.retained("AnatomicRegionSequence[0].ContextGroupVersion", "AnatomicRegionSequence[0].CodeMeaning")
    obj.retained("CodingSchemeIdentificationSequence[0].CodingSchemeVersion")


def uids_in_text(obj: Planted) -> None:
    """UIDs of the study inside a comment, and as references; well-known ones stay."""
    ds = obj.ds
    _drop_rows(obj, "ImageComments")
    ds.ImageComments = f"derived from {ds.SeriesInstanceUID} by subtraction"
    obj.removed("ImageComments", str(ds.SeriesInstanceUID))
    obj.expect("text_retained", "ImageComments", [["derived", 1], ["subtraction", 1]])
    reference = data_set(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=f"{ROOT}.5.77.1")
    ds.ReferencedImageSequence = [reference]
    ds.SourceImageSequence = [data_set(**{e.keyword: e.value for e in reference})]
    for sequence in ("ReferencedImageSequence[0].", "SourceImageSequence[0]."):
        obj.retained(sequence + "ReferencedSOPClassUID")
        obj.expect("uid_changed", sequence + "ReferencedSOPInstanceUID")
        obj.expect("uid_consistent", sequence + "ReferencedSOPInstanceUID")
    ds.ReferencedFrameOfReferenceUID = "1.2.840.10008.1.4.1.1"
    obj.retained("ReferencedFrameOfReferenceUID")


def original_attributes(obj: Planted) -> None:
    """Former values, signatures, encrypted attributes, aliases."""
    ds, person = obj.ds, obj.person
    former = data_set(PatientName=person.name, PatientID=person.patient_id)
    record = data_set(
        AttributeModificationDateTime=f"{da(person.study_day)}120000",
        ModifyingSystem=person.station,
        SourceOfPreviousValues=person.hospital,
        ReasonForTheAttributeModification="COERCE",
    )
    record.ModifiedAttributesSequence = [former]
    ds.OriginalAttributesSequence = [record]
    signature = data_set(DigitalSignatureUID=f"{ROOT}.6.1", CertificateOfSigner=person.given.encode("utf-8") * 4)
    signature.CertificateType, signature.MACIDNumber = "X509_1993_SIG", 1
    signature.Signature = b"\1\2\3\4"
    ds.DigitalSignaturesSequence = [signature]
    encrypted = data_set(EncryptedContentTransferSyntaxUID="1.2.840.10008.1.2", EncryptedContent=b"\5" * 32)
    ds.EncryptedAttributesSequence = [encrypted]
    alias = data_set(ReferencedSOPClassUID="1.2.840.10008.3.1.2.1.1", ReferencedSOPInstanceUID=f"{ROOT}.6.2")
    ds.ReferencedPatientAliasSequence = [alias]
    for keyword in (
        "OriginalAttributesSequence",
        "DigitalSignaturesSequence",
        "EncryptedAttributesSequence",
        "ReferencedPatientAliasSequence",
    ):
        obj.expect("text_removed", keyword, [])


def overlays(obj: Planted) -> None:
    """An overlay plane, one embedded in the unused pixel bits, a curve, audio, an icon."""
    ds, person = obj.ds, obj.person
    ds.add_new(0x60000010, "US", 16)
    ds.add_new(0x60000011, "US", 16)
    ds.add_new(0x60000022, "LO", f"Overlay {person.given}")
    ds.add_new(0x60000040, "CS", "G")
    ds.add_new(0x60000050, "SS", [1, 1])
    ds.add_new(0x60000100, "US", 1)
    ds.add_new(0x60000102, "US", 0)
    ds.add_new(0x60003000, "OW", (person.patient_id.encode() * 4)[:32])
    ds.add_new(0x50000005, "US", 2)
    ds.add_new(0x50000022, "LO", f"Curve {person.given}")
    ds.add_new(0x50003000, "OW", (person.patient_id.encode() * 4)[:16])
    ds.add_new(0x5000200C, "OW", (person.accession.encode() * 4)[:16])
    icon = data_set(SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", Rows=8, Columns=8)
    icon.BitsAllocated = icon.BitsStored = 8
    icon.HighBit, icon.PixelRepresentation, icon.PixelData = 7, 0, bytes(64)
    icon["PixelData"].VR = "OB"
    ds.IconImageSequence = [icon]
    obj.expect("overlays", "", {"gone": True})
    obj.expect("text_removed", "IconImageSequence", [])
    if obj.is_image and not obj.fixed_syntax and ds.BitsAllocated == 16 and ds.BitsStored == 12:
        _embed_overlay(obj)


def _embed_overlay(obj: Planted) -> None:
    ds = obj.ds
    ds.add_new(0x60020010, "US", ds.Rows)
    ds.add_new(0x60020011, "US", ds.Columns)
    ds.add_new(0x60020040, "CS", "G")
    ds.add_new(0x60020050, "SS", [1, 1])
    ds.add_new(0x60020100, "US", 16)
    ds.add_new(0x60020102, "US", 12)
    _into_high_bits(obj)
    obj.expect("overlays", "", {"high_bits": True})


def high_bits(obj: Planted) -> None:
    """A name in the pixel bits above BitsStored, declared by nothing."""
    ds = obj.ds
    if obj.is_image and not obj.fixed_syntax and ds.BitsAllocated == 16 and ds.BitsStored == 12:
        _into_high_bits(obj)
        obj.expect("overlays", "", {"high_bits": True})


def _into_high_bits(obj: Planted) -> None:
    ds = obj.ds
    words = list(struct.unpack(f"<{len(ds.PixelData) // 2}H", ds.PixelData))
    secret = f"{obj.person.given}|{obj.person.patient_id}".encode()
    for position, letter in enumerate(secret):
        words[2 * position] |= (letter & 0xF) << 12
        words[2 * position + 1] |= (letter >> 4) << 12
    ds.PixelData = struct.pack(f"<{len(words)}H", *words)
    obj.fixed_syntax = True


def aliases_and_staff(obj: Planted) -> None:
    """Staff, machine ids, addresses for retrieval, HL7 ids, local code meanings."""
    ds, person = obj.ds, obj.person
    physician = data_set(PersonAddress=f"{person.street} 4", InstitutionName=person.hospital)
    physician.PersonIdentificationCodeSequence = [code("D77", "99STAFF", person.referrer.replace("^", " "))]
    physician.PersonTelephoneNumbers = person.phone
    ds.ReferringPhysicianIdentificationSequence = [physician]
    ds.RequestingPhysician, ds.ScheduledPerformingPhysicianName = person.referrer, person.operator
    ds.RetrieveURL = f"https://pacs.example/wado?PatientID={person.patient_id}"
    ds.RetrieveURI = f"https://pacs.example/{person.accession}"
    ds.UniqueDeviceIdentifier = f"(01)0088{person.serial}"
    ds.DeviceUID, ds.GantryID, ds.DetectorID = f"{ROOT}.8.1", f"G{person.serial}", f"D{person.serial}"
    ds.HL7InstanceIdentifier = f"{ROOT}.8.2^{person.accession}"
    local = code("L12", "99HOSP", f"CT Thorax {person.given}")
    ds.ProcedureCodeSequence.append(local)
    ds.CurrentPatientLocation, ds.AdmissionID = f"Ward 7 {person.hospital}", f"AD{person.accession}"
    ds.RequestingService = person.hospital
    ds.ResponsiblePerson, ds.PatientInsurancePlanCodeSequence = person.operator, [code("P1", "99INS", "Plan A")]
    for path, token in (
        ("RetrieveURL", person.patient_id),
        ("RetrieveURI", person.accession),
        ("UniqueDeviceIdentifier", person.serial),
        ("DeviceUID", f"{ROOT}.8.1"),
        ("GantryID", person.serial),
        ("DetectorID", person.serial),
        ("HL7InstanceIdentifier", person.accession),
        ("ProcedureCodeSequence[1].CodeMeaning", person.given),
        ("CurrentPatientLocation", person.hospital),
        ("AdmissionID", person.accession),
        ("RequestingService", person.hospital),
        ("RequestingPhysician", person.referrer.split("^")[0]),
        ("ScheduledPerformingPhysicianName", person.operator.split("^")[0]),
        ("ResponsiblePerson", person.operator.split("^")[0]),
        ("ReferringPhysicianIdentificationSequence", person.street),
    ):
        _drop_rows(obj, path)
        obj.removed(path, token)


def retired(obj: Planted) -> None:
    """Groups that are retired, and persons in them."""
    ds, person = obj.ds, obj.person
    ds.add_new(0x40080040, "SH", person.accession)
    ds.add_new(0x4008010C, "PN", person.referrer)
    ds.add_new(0x40080119, "SQ", [data_set(PatientName=person.name)])
    ds.add_new(0x40004000, "LT", f"Text of {person.given}")
    ds.add_new(0x00084000, "LT", f"Identifying {person.patient_id}")
    ds.add_new(0x00101050, "LO", person.other_id)
    ds.add_new(0x00321000, "DA", da(person.study_day))
    for path, token in (
        ("40080040", person.accession),
        ("4008010C", person.referrer.split("^")[0]),
        ("40080119", person.given),
        ("40004000", person.given),
        ("00084000", person.patient_id),
        ("00101050", person.other_id),
        ("00321000", da(person.study_day)),
    ):
        obj.removed(path, token)


def unknown_vr(obj: Planted) -> None:
    """Public elements that travelled as UN, one with items in it; an unknown public tag."""
    ds, person = obj.ds, obj.person
    name = person.given if person.given.isascii() else person.patient_id
    ds.add(DataElement(0x00101001, "UN", _even(f"{name}^X")))
    ds.add(DataElement(0x00204000, "UN", _even(f"axial {name}")))
    ds.add(DataElement(0x00380300, "UN", _even(person.hospital)))
    inner = struct.pack("<HHI", 0x0010, 0x0020, len(_even(person.patient_id))) + _even(person.patient_id)
    held = struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner
    ds.add(DataElement(0x00101002, "UN", held))
    ds.add(DataElement(0x00187FFE, "UN", _even(f"{person.patient_id}")))
    for path in ("00101001", "00204000", "00380300", "00101002", "00187FFE"):
        _drop_rows(obj, path)
        obj.removed(path, name, person.hospital, person.patient_id)


def _even(text: str) -> bytes:
    raw = text.encode("latin-1", "replace")
    return raw + b" " * (len(raw) % 2)


def word_where_it_is_anatomy(obj: Planted) -> None:
    """A surname that is a word, in a text where it is none."""
    if obj.person.style != "word":
        return
    _drop_rows(obj, "SeriesDescription")
    text = texts.ANATOMY[obj.person.family]
    obj.ds.SeriesDescription = text
    obj.expect("text_retained", "SeriesDescription", [[word, 1] for word in text.split()])


def old_age(obj: Planted) -> None:
    """Ages over 89, in the element and in words."""
    _drop_rows(obj, "PatientAge")
    _drop_rows(obj, "AdditionalPatientHistory")
    obj.ds.PatientAge = "093Y"
    obj.ds.AdditionalPatientHistory = "93-year-old with chronic cough"
    obj.expect("text_retained", "PatientAge", [["090Y", 1]])
    obj.removed("AdditionalPatientHistory", "93")
    obj.expect("text_retained", "AdditionalPatientHistory", [["chronic", 1], ["cough", 1]])


IN_DATA_SET = (
    descriptions,
    nested_descriptions,
    unlisted,
    private_elements,
    private_creator,
    dates,
    uids_in_text,
    original_attributes,
    overlays,
    high_bits,
    aliases_and_staff,
    retired,
    unknown_vr,
    word_where_it_is_anatomy,
    old_age,
)
