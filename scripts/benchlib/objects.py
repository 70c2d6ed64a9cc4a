"""Generated CT: 512x512 at 16 bit, about 140 elements, 0.5 MB; UIDs and a few pixels differ from object to object."""

import struct
from dataclasses import dataclass

import numpy as np

from pacs.dicom.dictionary import tag_of, vr_of
from pacs.dicom.elements import DataSet
from pacs.dicom.fileformat import file_start
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.dicom.writing import encode

CT = "1.2.840.10008.5.1.4.1.1.2"
ROOT = "1.2.826.0.1.3680043.10.1999"
_ENCODING = encoding_of(EXPLICIT_LE)

_TEXT = {
    "SpecificCharacterSet": "ISO_IR 100", "ImageType": "ORIGINAL\\PRIMARY\\AXIAL", "InstanceCreationDate": "20240105",
    "InstanceCreationTime": "101112", "SOPClassUID": CT, "StudyDate": "20240105", "SeriesDate": "20240105",
    "AcquisitionDate": "20240105", "ContentDate": "20240105", "StudyTime": "101010", "SeriesTime": "101020",
    "AcquisitionTime": "101030.5", "ContentTime": "101031", "AccessionNumber": "ACC4711", "Modality": "CT",
    "Manufacturer": "SIEMENS", "InstitutionName": "Klinikum Musterstadt", "InstitutionAddress": "Musterweg 12",
    "ReferringPhysicianName": "Weber^Karla", "StationName": "CTAWP1", "StudyDescription": "Thorax mit KM",
    "SeriesDescription": "Lunge 1.0 Br64", "InstitutionalDepartmentName": "Radiologie",
    "PerformingPhysicianName": "Albers^Jan", "OperatorsName": "Kramer^Ute", "ManufacturerModelName": "SOMATOM Force",
    "PatientBirthDate": "19570214", "PatientSex": "F", "PatientAge": "066Y", "PatientSize": "1.68",
    "PatientWeight": "71", "PatientAddress": "Am Bach 4", "MedicalAlerts": "Kontrastmittelallergie",
    "PatientComments": "nuechtern", "ContrastBolusAgent": "Ultravist", "BodyPartExamined": "CHEST",
    "ScanOptions": "SPIRAL", "SliceThickness": "1", "KVP": "100", "DataCollectionDiameter": "500",
    "DeviceSerialNumber": "75331", "SoftwareVersions": "VA50A", "ProtocolName": "Thorax_Routine",
    "ContrastBolusRoute": "IV", "ContrastBolusVolume": "70", "ReconstructionDiameter": "350",
    "DistanceSourceToDetector": "1085.6", "DistanceSourceToPatient": "595", "GantryDetectorTilt": "0",
    "TableHeight": "152", "RotationDirection": "CW", "ExposureTime": "500", "XRayTubeCurrent": "180", "Exposure": "90",
    "FilterType": "FLAT", "GeneratorPower": "42", "FocalSpots": "1.2", "DateOfLastCalibration": "20240104",
    "TimeOfLastCalibration": "070000", "ConvolutionKernel": "Br64", "PatientPosition": "HFS",
    "AcquisitionType": "SPIRAL", "StudyID": "4711", "SeriesNumber": "3", "AcquisitionNumber": "2",
    "ImageOrientationPatient": "1\\0\\0\\0\\1\\0", "Laterality": "", "PositionReferenceIndicator": "",
    "SliceLocation": "-120.5", "ImageComments": "", "PhotometricInterpretation": "MONOCHROME2",
    "PixelSpacing": "0.68\\0.68", "WindowCenter": "-600\\40", "WindowWidth": "1200\\400", "RescaleIntercept": "-1024",
    "RescaleSlope": "1", "RescaleType": "HU", "WindowCenterWidthExplanation": "LUNG\\MEDIASTINUM",
    "RequestingPhysician": "Bauer^Iris", "RequestingService": "Innere 2", "RequestedProcedureDescription": "CT Thorax",
    "PerformedProcedureStepStartDate": "20240105", "PerformedProcedureStepStartTime": "101000",
    "PerformedProcedureStepID": "PPS4711", "PerformedProcedureStepDescription": "CT Thorax",
    "CurrentPatientLocation": "Station 7", "IssuerOfPatientID": "KIS", "OtherPatientIDs": "A-99-1",
    "EthnicGroup": "", "Occupation": "Lehrerin", "AdditionalPatientHistory": "Husten", "PregnancyStatus": None,
    "SmokingStatus": "NO", "PatientBirthTime": "", "PatientReligiousPreference": "", "PatientMotherBirthName": "Lang",
    "MilitaryRank": "", "BranchOfService": "", "CountryOfResidence": "DE", "RegionOfResidence": "NRW",
    "PatientTelephoneNumbers": "0123-4567", "PhysiciansOfRecord": "Bauer^Iris",
    "NameOfPhysiciansReadingStudy": "Voss^M",
    "AdmittingDiagnosesDescription": "V.a. Pneumonie", "AdmissionID": "ADM12", "StudyComments": "",
    "TemporalPositionIdentifier": "", "ContrastBolusStartTime": "101000", "ContrastBolusStopTime": "101030",
    "ContrastBolusTotalDose": "70", "ContrastFlowRate": "3", "ContrastFlowDuration": "23",
    "ContrastBolusIngredient": "IODINE",
    "ContrastBolusIngredientConcentration": "370", "EstimatedRadiographicMagnificationFactor": "1",
    "AcquisitionComments": "", "DerivationDescription": "", "FrameOfReferenceUID": f"{ROOT}.9.1",
}  # fmt: skip
_NUMBERS = {
    "SamplesPerPixel": 1, "Rows": 512, "Columns": 512, "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11,
    "PixelRepresentation": 0, "SmallestImagePixelValue": 0, "LargestImagePixelValue": 4095, "PregnancyStatus": 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Generated:
    """One object: the data set in Explicit VR Little Endian, in pieces, since the pixels are shared."""

    sop_uid: str
    study_uid: str
    header: bytes
    pixels: bytes

    @property
    def size_bytes(self) -> int:
        """Bytes of the data set."""
        return len(self.header) + len(self.pixels)

    def as_file(self) -> bytes:
        """A PS3.10 file."""
        return file_start(CT, self.sop_uid, EXPLICIT_LE) + self.header + self.pixels


def pixel_bytes(edge: int = 512) -> bytes:
    """Noise around a disc; compresses no better than a CT does."""
    axis = np.linspace(-1, 1, edge)
    disc = (axis[:, None] ** 2 + axis[None, :] ** 2 < 0.8) * 1000
    noise = np.random.default_rng(1).normal(24, 12, (edge, edge))
    return np.clip(disc + noise, 0, 4095).astype("<u2").tobytes()


def make_ct(run: str, study: int, number: int, pixels: bytes, edge: int = 512) -> Generated:
    """The `number`-th slice of a study; the same arguments give the same object. `run` is digits, one value a run."""
    study_uid = f"{ROOT}.{run}.{study + 1}"
    sop_uid = f"{study_uid}.1.{number + 1}"
    data_set = DataSet()
    for keyword, text in _TEXT.items():
        if text is not None:
            data_set.put(tag_of(keyword), vr_of(tag_of(keyword)), text.encode("latin-1"))
    for keyword, value in _NUMBERS.items():
        data_set.put(tag_of(keyword), "US", struct.pack("<H", edge if keyword in ("Rows", "Columns") else value))
    own = {
        "SOPInstanceUID": sop_uid, "StudyInstanceUID": study_uid, "SeriesInstanceUID": f"{study_uid}.1",
        "PatientName": f"Mueller{study}^Anna", "PatientID": f"PID{run}{study}", "InstanceNumber": str(number + 1),
        "ImagePositionPatient": f"-170\\-170\\{number - 120}",
    }  # fmt: skip
    for keyword, text in own.items():
        data_set.put(tag_of(keyword), vr_of(tag_of(keyword)), text.encode())
    data_set.put(0x00290010, "LO", b"SIEMENS CSA HEADER")
    for element in range(0x1008, 0x1018):
        data_set.put(0x00290000 | element, "LO", b"private value")
    header = b"".join(bytes(each) for each in encode(data_set, _ENCODING, _ENCODING))
    header += struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OW", 0, len(pixels))
    return Generated(sop_uid, study_uid, header, struct.pack("<I", number) + pixels[4:])
