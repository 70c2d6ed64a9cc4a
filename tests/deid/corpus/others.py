"""Objects without an image, or with a special one: RT, segmentations, presentation states, ECG, documents, banners."""

import struct
import zlib

import numpy as np
from pydicom.dataset import Dataset

from tests.deid.corpus import pixels, texts
from tests.deid.corpus.banners import expect_text, lines_of
from tests.deid.corpus.images import SOP, grey, set_pixels
from tests.deid.corpus.planted import Planted, code, data_set
from tests.deid.corpus.study import Study, begin, da


def _reference(study: Study) -> Dataset:
    sop_class, sop = study.images[0] if study.images else (SOP + "2", study.uid("ct0"))
    return data_set(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=sop)


def _described(obj: Planted, path: str) -> str:
    text = texts.fill(texts.choose(obj.rng, obj.person), obj.person, obj.rng)
    return texts.plant(obj, path, text)


def structure_set(study: Study, number: int) -> Planted:
    """RTSTRUCT: labels, names and dates around contours."""
    obj = begin(study, "rtstruct", number, SOP + "481.3", "RTSTRUCT")
    ds, person = obj.ds, obj.person
    obj.is_image = False
    obj.trap = "RT labels"
    ds.StructureSetLabel, ds.StructureSetName = "PLAN CT", f"GTV {person.given} {person.patient_id}"
    ds.StructureSetDate, ds.StructureSetTime = da(person.study_day), "120000"
    region = data_set(ROINumber=1, ReferencedFrameOfReferenceUID=study.uid("frame of reference"))
    region.ROIName, region.ROIGenerationAlgorithm = f"GTV {person.given}", "MANUAL"
    region.ROIDescription = _described(obj, "StructureSetROISequence[0].ROIDescription")
    ds.StructureSetROISequence = [region]
    contour = data_set(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=3)
    contour.ContourData = [str(obj.rng.randrange(-200, 200)) for _ in range(9)]
    contour.ContourImageSequence = [_reference(study)]
    contours = data_set(ReferencedROINumber=1, ROIDisplayColor=[255, 0, 0])
    contours.ContourSequence = [contour]
    ds.ROIContourSequence = [contours]
    observed = data_set(ObservationNumber=1, ReferencedROINumber=1, RTROIInterpretedType="GTV")
    observed.ROIInterpreter = person.operator
    ds.RTROIObservationsSequence = [observed]
    obj.expect("text_notnull", "StructureSetLabel")
    obj.removed("StructureSetName", person.given, person.patient_id)
    obj.expect("text_retained", "StructureSetName", [["GTV", 1]])
    obj.removed("StructureSetROISequence[0].ROIName", person.given)
    obj.expect("text_retained", "StructureSetROISequence[0].ROIName", [["GTV", 1]])
    obj.removed("RTROIObservationsSequence[0].ROIInterpreter", *person.operator.split("^"))
    obj.expect("date_shifted", "StructureSetDate")
    at = "ROIContourSequence[0].ContourSequence[0]."
    obj.retained(at + "ContourData", at + "NumberOfContourPoints", "RTROIObservationsSequence[0].RTROIInterpretedType")
    obj.expect("uid_consistent", at + "ContourImageSequence[0].ReferencedSOPInstanceUID")
    obj.expect("uid_consistent", "StructureSetROISequence[0].ReferencedFrameOfReferenceUID")
    obj.expect("uid_changed", "StructureSetROISequence[0].ReferencedFrameOfReferenceUID")
    obj.trap = "baseline"
    return obj


def plan(study: Study, number: int) -> Planted:
    """RTPLAN."""
    obj = begin(study, "rtplan", number, SOP + "481.5", "RTPLAN")
    ds, person = obj.ds, obj.person
    obj.is_image = False
    obj.trap = "RT labels"
    ds.RTPlanLabel, ds.RTPlanName = "PROSTATE", f"Boost {person.given}"
    ds.RTPlanDate, ds.RTPlanTime, ds.RTPlanGeometry = da(person.study_day), "130000", "PATIENT"
    ds.ApprovalStatus, ds.ReviewerName, ds.ReviewDate = "APPROVED", person.operator, da(person.study_day)
    beam = data_set(BeamNumber=1, BeamName=f"AP {person.given}", TreatmentMachineName=person.station)
    beam.BeamType, beam.RadiationType = "STATIC", "PHOTON"
    ds.BeamSequence = [beam]
    obj.expect("text_notnull", "RTPlanLabel")
    obj.removed("RTPlanName", person.given)
    obj.expect("text_retained", "RTPlanName", [["Boost", 1]])
    obj.removed("ReviewerName", *person.operator.split("^"))
    obj.removed("BeamSequence[0].BeamName", person.given)
    obj.removed("BeamSequence[0].TreatmentMachineName", person.station)
    obj.retained("ApprovalStatus", "BeamSequence[0].RadiationType", "RTPlanGeometry")
    obj.expect("date_shifted", "RTPlanDate")
    obj.expect("date_shifted", "ReviewDate")
    obj.trap = "baseline"
    return obj


def dose(study: Study, number: int) -> Planted:
    """RTDOSE, a grid."""
    obj = begin(study, "rtdose", number, SOP + "481.2", "RTDOSE")
    ds = obj.ds
    ds.DoseUnits, ds.DoseType, ds.DoseGridScaling, ds.DoseSummationType = "GY", "PHYSICAL", "0.0001", "PLAN"
    ds.GridFrameOffsetVector = ["0", "5"]
    obj.retained("DoseUnits", "DoseGridScaling", "GridFrameOffsetVector")
    grey(obj, 40, 16, frames=2)
    return obj


def segmentation(study: Study, number: int) -> Planted:
    """Binary SEG."""
    obj = begin(study, "seg", number, SOP + "66.4", "SEG")
    ds, person = obj.ds, obj.person
    ds.ImageType, ds.SegmentationType = ["DERIVED", "PRIMARY"], "BINARY"
    ds.ContentLabel, ds.ContentDescription = "SEGMENTATION", "Lesion segmentation"
    ds.ContentCreatorName = person.operator
    segment = data_set(SegmentNumber=1, SegmentLabel="Tumor", SegmentAlgorithmType="MANUAL")
    segment.TrackingUID, segment.TrackingID = study.uid("tracking"), "Lesion1"
    segment.SegmentDescription = "necrotic core"
    segment.SegmentedPropertyTypeCodeSequence = [code("4147007", "SCT", "Mass")]
    ds.SegmentSequence = [segment]
    referenced = data_set(SeriesInstanceUID=study.uid("series ct"))
    referenced.ReferencedInstanceSequence = [_reference(study)]
    ds.ReferencedSeriesSequence = [referenced]
    obj.trap = "segmentation"
    obj.removed("ContentCreatorName", *person.operator.split("^"))
    obj.retained("SegmentSequence[0].SegmentLabel", "SegmentSequence[0].SegmentNumber", "SegmentationType")
    obj.retained("SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0].CodeMeaning", "ContentLabel")
    obj.expect("uid_changed", "SegmentSequence[0].TrackingUID")
    obj.expect("uid_consistent", "SegmentSequence[0].TrackingUID")
    at = "ReferencedSeriesSequence[0].ReferencedInstanceSequence[0].ReferencedSOPInstanceUID"
    obj.expect("uid_consistent", at)
    obj.expect("uid_changed", at)
    obj.trap = "baseline"
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.Rows, ds.Columns = 1, "MONOCHROME2", 32, 32
    ds.BitsAllocated = ds.BitsStored = 1
    ds.HighBit, ds.PixelRepresentation, ds.NumberOfFrames = 0, 0, 1
    ds.PixelData = bytes(obj.rng.randrange(256) for _ in range(128))
    ds["PixelData"].VR = "OB"
    obj.expect("pixels_retained", "", [])
    obj.fixed_syntax = True
    return obj


def presentation_state(study: Study, number: int) -> Planted:
    """GSPS whose annotations name the patient."""
    obj = begin(study, "pr", number, SOP + "11.1", "PR")
    ds, person = obj.ds, obj.person
    obj.is_image = False
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "ARROWS", "arrow at nodule", person.operator
    ds.PresentationCreationDate, ds.PresentationCreationTime = da(person.study_day), "140000"
    note = data_set(UnformattedTextValue=f"{person.name.split('=')[0].replace('^', ' ')} {person.patient_id}")
    note.BoundingBoxAnnotationUnits, note.AnchorPointVisibility = "PIXEL", "N"
    drawing = data_set(GraphicLayer="LAYER1")
    drawing.TextObjectSequence = [note]
    drawing.ReferencedImageSequence = [_reference(study)]
    ds.GraphicAnnotationSequence = [drawing]
    series = data_set(SeriesInstanceUID=study.uid("series ct"))
    series.ReferencedImageSequence = [_reference(study)]
    ds.ReferencedSeriesSequence = [series]
    ds.PresentationLUTShape = "IDENTITY"
    obj.trap = "graphic annotations"
    at = "GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue"
    obj.removed(at, person.patient_id, *[part for part in person.name.split("=")[0].split("^") if len(part) > 2])
    obj.removed("ContentCreatorName", *person.operator.split("^"))
    obj.retained("PresentationLUTShape", "ContentLabel")
    obj.expect("date_shifted", "PresentationCreationDate")
    obj.expect("uid_consistent", "ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedSOPInstanceUID")
    obj.trap = "baseline"
    return obj


def ecg(study: Study, number: int) -> Planted:
    """A waveform whose annotations and channel labels carry names."""
    obj = begin(study, "ecg", number, SOP + "9.1.1", "ECG")
    ds, person = obj.ds, obj.person
    obj.is_image = False
    channel = data_set(ChannelLabel=f"Lead I {person.given}", WaveformBitsStored=16, ChannelSensitivity="1")
    channel.ChannelSourceSequence = [code("2:1", "MDC", "Lead I")]
    group = data_set(
        WaveformOriginality="ORIGINAL",
        NumberOfWaveformChannels=1,
        NumberOfWaveformSamples=64,
        SamplingFrequency="500",
        MultiplexGroupLabel="RHYTHM",
        WaveformBitsAllocated=16,
        WaveformSampleInterpretation="SS",
    )
    group.ChannelDefinitionSequence = [channel]
    group.WaveformData = np.random.default_rng(number).integers(-900, 900, 64).astype("<i2").tobytes()
    group["WaveformData"].VR = "OW"
    ds.WaveformSequence = [group]
    note = data_set(UnformattedTextValue=f"Sinus rhythm {person.given} {person.accession}", AnnotationGroupNumber=1)
    ds.WaveformAnnotationSequence = [note]
    obj.trap = "waveform"
    at = "WaveformSequence[0]."
    obj.removed(at + "ChannelDefinitionSequence[0].ChannelLabel", person.given)
    obj.expect("text_retained", at + "ChannelDefinitionSequence[0].ChannelLabel", [["Lead", 1], ["I", 1]])
    obj.removed("WaveformAnnotationSequence[0].UnformattedTextValue", person.given, person.accession)
    obj.retained(at + "WaveformData", at + "SamplingFrequency", at + "NumberOfWaveformSamples")
    obj.trap = "baseline"
    return obj


def document(study: Study, number: int) -> Planted:
    """A PDF with the patient's name in a compressed stream: nothing cleans that."""
    obj = begin(study, "pdf", number, SOP + "104.1", "DOC")
    ds, person = obj.ds, obj.person
    obj.is_image = False
    text = f"Discharge letter {person.given} {person.family} {person.patient_id}"
    stream = zlib.compress(b"BT /F1 12 Tf 72 720 Td (" + text.encode("latin-1", "replace") + b") Tj ET")
    parts = (
        b"%PDF-1.4\n1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj\n",
        b"2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj\n",
        b"3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R>> endobj\n",
        b"4 0 obj <</Length %d /Filter /FlateDecode>> stream\n" % len(stream) + stream + b"\nendstream endobj\n",
        b"trailer <</Root 1 0 R /Info <</Title (" + person.accession.encode() + b")>>>>\n%%EOF\n",
    )
    body = b"".join(parts)
    ds.EncapsulatedDocument = body + b"\0" * (len(body) % 2)
    ds["EncapsulatedDocument"].VR = "OB"
    ds.MIMETypeOfEncapsulatedDocument, ds.DocumentTitle = "application/pdf", f"Letter {person.given}"
    ds.BurnedInAnnotation, ds.ConceptNameCodeSequence = "YES", []
    obj.may_hold = "an encapsulated document"
    obj.trap = "encapsulated PDF"
    obj.expect("pdf", "", [person.given, person.patient_id, person.accession])
    obj.trap = "baseline"
    return obj


def scanned_paper(study: Study, number: int) -> Planted:
    """A scanned form."""
    obj = begin(study, "paper", number, SOP + "7", "OT")
    ds = obj.ds
    ds.ConversionType = "SD"
    frame = np.full((1, 160, 320), 240, "u1")
    text = f"{obj.person.given} {obj.person.patient_id}"
    pixels.burn(frame[0], text, (20, 30), 18, 10)
    set_pixels(obj, frame, 8)
    obj.may_hold = "scanned paper"
    obj.trap = "scanned paper"
    obj.expect("pdf", "", [])
    obj.trap = "baseline"
    return obj


def ultrasound(frames: int, palette: bool, kind: str = "us") -> object:
    """Ultrasound with a banner burned into every frame, and technical marks that must stay."""

    def make(study: Study, number: int) -> Planted:
        multi = frames > 1
        obj = begin(study, kind, number, SOP + ("3.1" if multi else "6.1"), "US")
        ds = obj.ds
        ds.ImageType, ds.BurnedInAnnotation = ["ORIGINAL", "PRIMARY"], "NO"  # proves nothing
        values = pixels.noise(obj.rng, (frames, 240, 320), 120).astype("u1")
        ink = 250
        lines = lines_of(obj)
        boxes: list[list[int]] = []
        marks: list[list[int]] = []
        for frame in values:
            found = [pixels.burn(frame, lines[0], (10, 6), 18, ink), pixels.burn(frame, lines[1], (10, 30), 18, ink)]
            stays = [pixels.burn(frame, "L", (296, 120), 18, ink), pixels.burn(frame, "MI 1.2", (250, 210), 16, ink)]
            boxes, marks = found, stays
        if palette:
            _palette(ds)
        set_pixels(obj, values, 8, "PALETTE COLOR" if palette else "MONOCHROME2")
        ds.SequenceOfUltrasoundRegions = []
        expect_text(obj, boxes, lines, marks)
        return obj

    return make


def _palette(ds: Dataset) -> None:
    ramp = [n * 257 for n in range(256)]
    for colour, values in (("Red", ramp), ("Green", ramp), ("Blue", [n // 2 for n in ramp])):
        setattr(ds, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        ds[f"{colour}PaletteColorLookupTableDescriptor"].VR = "US"
        setattr(ds, f"{colour}PaletteColorLookupTableData", struct.pack("<256H", *values))
        ds[f"{colour}PaletteColorLookupTableData"].VR = "OW"


def shuttered(study: Study, number: int) -> Planted:
    """A radiograph with the name written outside its shutter, at the padding value's neighbour."""
    obj = begin(study, "cr", number + 50, SOP + "1", "CR")
    ds, person = obj.ds, obj.person
    values = pixels.noise(obj.rng, (1, 240, 320), 3000).astype("<u2")
    values[:, :60, :] = 0
    line = f"{person.given.upper() if person.given.isascii() else person.accession} {person.patient_id}"
    box = pixels.burn(values[0], line, (12, 14), 22, 4000)
    ds.ShutterShape, ds.ShutterUpperHorizontalEdge, ds.ShutterLowerHorizontalEdge = "RECTANGULAR", "61", "240"
    ds.ShutterLeftVerticalEdge, ds.ShutterRightVerticalEdge, ds.PixelPaddingValue = "1", "320", 0
    ds["PixelPaddingValue"].VR = "US"
    set_pixels(obj, values, 12)
    obj.trap = "text outside the shutter"
    obj.expect("pixels_hidden", "", {"box": box, "text": line})
    obj.expect("pixels_retained", "", [box])
    obj.trap = "baseline"
    return obj
