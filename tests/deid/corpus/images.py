"""Image objects: CT, enhanced MR, PET, ultrasound, radiographs, secondary captures, slides, movies."""

from collections.abc import Callable
from datetime import timedelta

import numpy as np
from pydicom.dataset import Dataset

from tests.deid.corpus import pixels
from tests.deid.corpus.planted import Planted, code, data_set
from tests.deid.corpus.study import Study, begin, da

SOP = "1.2.840.10008.5.1.4.1.1."


def ct(study: Study, number: int) -> Planted:
    """A CT slice, 16 bit."""
    obj = begin(study, "ct", number, SOP + "2", "CT")
    ds = obj.ds
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.KVP, ds.SliceThickness, ds.ConvolutionKernel, ds.ExposureTime = "120", "5.0", "B31f", "500"
    ds.ScanOptions, ds.GantryDetectorTilt, ds.TableHeight = "SPIRAL", "0", "152.5"
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "-1024", "1", "HU"
    ds.ContrastBolusAgent = "Omnipaque 350"
    ds.IrradiationEventUID = study.uid(f"irradiation {number}")
    obj.retained("KVP", "SliceThickness", "ConvolutionKernel", "ScanOptions", "RescaleIntercept", "ImageType")
    obj.retained("SoftwareVersions")
    obj.expect("text_retained", "ContrastBolusAgent", [["Omnipaque", 1], ["350", 1]])
    obj.expect("uid_changed", "IrradiationEventUID")
    geometry(obj, study, number)
    grey(obj, 64 + 8 * obj.rng.randrange(4), 12)
    study.images.append((str(ds.SOPClassUID), str(ds.SOPInstanceUID)))
    return obj


def geometry(obj: Planted, study: Study, number: int) -> None:
    """Frame of reference and plane."""
    ds = obj.ds
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = study.uid("frame of reference"), ""
    ds.ImagePositionPatient, ds.ImageOrientationPatient = ["-120", "-130", str(5 * number)], [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = ["0.7", "0.7"]
    obj.retained("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    obj.expect("uid_changed", "FrameOfReferenceUID")
    obj.expect("uid_consistent", "FrameOfReferenceUID")


def grey(obj: Planted, edge: int, bits: int, frames: int = 1) -> None:
    """Noise, unsigned, 8 or 16 bit allocated."""
    shape = (frames, edge, edge)
    values = pixels.noise(obj.rng, shape, (1 << bits) - 1).astype("<u2" if bits > 8 else "u1")
    set_pixels(obj, values, bits)
    obj.expect("pixels_retained", "", [])


def set_pixels(obj: Planted, values: pixels.Array, bits: int, photometric: str = "MONOCHROME2") -> None:
    """The image pixel module, native; values are (frames, rows, columns[, samples])."""
    ds = obj.ds
    ds.SamplesPerPixel, ds.PhotometricInterpretation = (3, photometric) if values.ndim == 4 else (1, photometric)
    if values.ndim == 4:
        ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = values.shape[1:3]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = values.itemsize * 8, bits, bits - 1
    ds.PixelRepresentation = 0
    if values.shape[0] > 1:
        ds.NumberOfFrames = values.shape[0]
    raw = values.tobytes()
    ds.PixelData = raw + b"\0" * (len(raw) % 2)
    ds["PixelData"].VR = "OB" if values.itemsize == 1 else "OW"
    obj.retained("Rows", "Columns", "BitsStored", "SamplesPerPixel")


def pt(study: Study, number: int) -> Planted:
    """A PET slice with its radiopharmaceutical."""
    obj = begin(study, "pt", number, SOP + "128", "PT")
    day = obj.person.study_day
    tracer = data_set(
        Radiopharmaceutical="FDG -- fluorodeoxyglucose",
        RadiopharmaceuticalStartTime="091500",
        RadiopharmaceuticalStartDateTime=f"{da(day)}091500.00+0100",
        RadionuclideTotalDose="370000000",
        RadionuclideHalfLife="6586.2",
    )
    tracer.RadionuclideCodeSequence = [code("C-111A1", "SRT", "^18^Fluorine")]
    obj.ds.RadiopharmaceuticalInformationSequence = [tracer]
    obj.ds.Units, obj.ds.DecayCorrection = "BQML", "START"
    at = "RadiopharmaceuticalInformationSequence[0]."
    obj.retained(
        at + "RadionuclideTotalDose", at + "RadiopharmaceuticalStartTime", at + "RadionuclideHalfLife", "Units"
    )
    obj.retained(at + "Radiopharmaceutical", at + "RadionuclideCodeSequence[0].CodeMeaning")
    obj.expect("date_shifted", at + "RadiopharmaceuticalStartDateTime")
    obj.expect("date_intervals", "", ["StudyDate", at + "RadiopharmaceuticalStartDateTime"])
    geometry(obj, study, number)
    grey(obj, 64, 16)
    return obj


def enhanced_mr(study: Study, number: int) -> Planted:
    """Enhanced MR with functional groups, dimensions and comments in them."""
    obj = begin(study, "emr", number, SOP + "4.1", "MR")
    ds, day = obj.ds, obj.person.study_day
    ds.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
    ds.DimensionOrganizationSequence = [data_set(DimensionOrganizationUID=study.uid("dimensions"))]
    shared = Dataset()
    shared.PixelMeasuresSequence = [data_set(PixelSpacing=["1.5", "1.5"], SliceThickness="3")]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = []
    for frame in range(2):
        content = data_set(
            FrameAcquisitionDateTime=f"{da(day)}10{frame:02d}00.000000",
            FrameReferenceDateTime=f"{da(day + timedelta(days=frame))}110000",
            FrameComments=f"b=800 direction {obj.person.given} {obj.person.patient_id}",
            StackID="1",
            DimensionIndexValues=[frame + 1, 1],
        )
        group = Dataset()
        group.FrameContentSequence = [content]
        ds.PerFrameFunctionalGroupsSequence.append(group)
        at = f"PerFrameFunctionalGroupsSequence[{frame}].FrameContentSequence[0]."
        obj.retained(at + "StackID", at + "DimensionIndexValues")
        obj.expect("date_shifted", at + "FrameAcquisitionDateTime")
        obj.expect("date_shifted", at + "FrameReferenceDateTime")
        obj.trap = "frame comments"
        obj.removed(at + "FrameComments", obj.person.given, obj.person.patient_id)
        obj.expect("text_retained", at + "FrameComments", [["b=800", 1], ["direction", 1]])
        obj.trap = "baseline"
    obj.retained("SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing")
    obj.expect("uid_changed", "DimensionOrganizationSequence[0].DimensionOrganizationUID")
    grey(obj, 48, 12, frames=2)
    return obj


def mr(study: Study, number: int) -> Planted:
    """A plain MR slice."""
    obj = begin(study, "mr", number, SOP + "4", "MR")
    ds = obj.ds
    ds.ImageType, ds.ScanningSequence, ds.SequenceVariant = ["ORIGINAL", "PRIMARY", "M", "ND"], "GR", "SP"
    ds.RepetitionTime, ds.EchoTime, ds.SequenceName = "2000", "3.4", "*tfl3d1_16ns"
    ds.ReceiveCoilName, ds.MagneticFieldStrength = "HeadMatrix", "3"
    obj.retained("RepetitionTime", "EchoTime", "SequenceName", "ReceiveCoilName", "MagneticFieldStrength")
    geometry(obj, study, number)
    grey(obj, 64, 12)
    return obj


def sc(study: Study, number: int) -> Planted:
    """A secondary capture in RGB, no text in it."""
    obj = begin(study, "sc", number, SOP + "7", "OT")
    obj.ds.ConversionType, obj.ds.ImageType = "WSD", ["DERIVED", "SECONDARY"]
    values = np.stack([pixels.noise(obj.rng, (1, 64, 72), 255) for _ in range(3)], axis=-1).astype("u1")
    set_pixels(obj, values, 8, "RGB")
    obj.retained("ConversionType")
    obj.expect("pixels_retained", "", [])
    return obj


def radiograph(kind: str, sop: str, modality: str) -> Callable[[Study, int], Planted]:
    """CR, DX and MG differ in little here."""

    def make(study: Study, number: int) -> Planted:
        obj = begin(study, kind, number, SOP + sop, modality)
        ds = obj.ds
        ds.ViewPosition, ds.ImageLaterality, ds.PresentationIntentType = "AP", "L", "FOR PRESENTATION"
        ds.DetectorID, ds.PlateID, ds.CassetteID, ds.GantryID = (f"{obj.person.serial}{c}" for c in "DPCG")
        ds.DateOfLastDetectorCalibration = da(obj.person.study_day - timedelta(days=30))
        obj.trap = "machine ids"
        for keyword in ("DetectorID", "PlateID", "CassetteID", "GantryID"):
            obj.removed(keyword, obj.person.serial)
        obj.expect("text_removed", "DateOfLastDetectorCalibration", [])
        obj.trap = "baseline"
        obj.retained("ViewPosition", "ImageLaterality", "PresentationIntentType")
        grey(obj, 96, 12)
        return obj

    return make


def slide(study: Study, number: int) -> Planted:
    """A small whole-slide tile with its specimen and label."""
    obj = begin(study, "sm", number, SOP + "77.1.6", "SM")
    ds, person = obj.ds, obj.person
    ds.ImageType, ds.ContainerIdentifier = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], f"{person.accession}-A"
    specimen = data_set(
        SpecimenIdentifier=f"{person.accession}-A1",
        SpecimenUID=study.uid("specimen"),
        SpecimenShortDescription="left breast core biopsy",
    )
    ds.SpecimenDescriptionSequence = [specimen]
    ds.LabelText, ds.BarcodeValue = f"{person.name.split('=')[0]}", person.accession
    obj.trap = "specimen"
    obj.removed("ContainerIdentifier", person.accession)
    obj.removed("SpecimenDescriptionSequence[0].SpecimenIdentifier", person.accession)
    obj.expect("text_notnull", "SpecimenDescriptionSequence[0].SpecimenIdentifier")
    obj.expect("uid_changed", "SpecimenDescriptionSequence[0].SpecimenUID")
    words = [["left", 1], ["breast", 1], ["core", 1], ["biopsy", 1]]
    obj.expect("text_retained", "SpecimenDescriptionSequence[0].SpecimenShortDescription", words)
    obj.removed("LabelText", *[part for part in person.name.split("=")[0].split("^") if len(part) > 2])
    obj.removed("BarcodeValue", person.accession)
    obj.trap = "baseline"
    values = np.stack([pixels.noise(obj.rng, (1, 64, 64), 255) for _ in range(3)], axis=-1).astype("u1")
    set_pixels(obj, values, 8, "RGB")
    obj.expect("pixels_retained", "", [])
    return obj


def movie(study: Study, number: int) -> Planted:
    """A video whose stream carries a name; nothing here can decode it, so it may be kept back."""
    obj = begin(study, "es", number, SOP + "77.1.1.1", "ES")
    ds = obj.ds
    obj.syntax, obj.fixed_syntax, obj.may_hold = "1.2.840.10008.1.2.4.102", True, "a video that cannot be read"
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "YBR_PARTIAL_420", 0
    ds.Rows = ds.Columns = 64
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation, ds.NumberOfFrames = 8, 8, 7, 0, 4
    token = f"{obj.person.given} {obj.person.patient_id}"
    ds.PixelData = pixels.encapsulated([pixels.movie(token)])
    ds["PixelData"].is_undefined_length = True
    obj.trap = "H.264 SEI and MP4 user data"
    obj.expect("codec_metadata", "", [obj.person.patient_id])
    obj.trap = "baseline"
    return obj
