"""Series that would show a face leave a batch run without it, or not at all."""

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID

from pacs.deid.pixels.face_series import head_series
from pacs.dicom.elements import parse
from pacs.dicom.fileformat import read_start
from pacs.dicom.syntaxes import encoding_of
from pacs.errors import NotAcceptable
from pacs.pipeline.batch import Batch, _scratch, deidentify_file, prepare, tidy
from pacs.pipeline.face_removal import SeriesDone, remove_faces
from pacs.pixels.transcode import read_file
from tests.builders import file_bytes
from tests.data_folder import shared_data
from tests.deid.pixels.test_face import head
from tests.pixels.pictures import as_object

STEP = 2.0


def slices(volume: np.ndarray, ct: bool, syntax: str = "1.2.840.10008.1.2.1") -> list[bytes]:
    """A volume, bottom to top, as transverse slices."""
    out = []
    for number, plane in enumerate(volume):
        stored = (plane + 1024).clip(0, 4095).astype("<u2") if ct else plane.clip(0, 4095).astype("<u2")
        ds = as_object(stored, BitsStored=12, HighBit=11, Modality="CT" if ct else "MR", BodyPartExamined="HEAD")
        ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2" if ct else "1.2.840.10008.5.1.4.1.1.4"
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.{number + 1}")
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.PixelSpacing, ds.SliceThickness = [STEP, STEP], STEP
        ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, STEP * number]
        ds.InstanceNumber = number + 1
        if ct:
            ds.RescaleIntercept, ds.RescaleSlope = -1024, 1
        if syntax != "1.2.840.10008.1.2.1":
            ds.compress(syntax, generate_instance_uid=False)
        out.append(file_bytes(ds))
    return out


def run(files: list[bytes], folder: Path) -> tuple[list[SeriesDone], Batch]:
    """A batch of these files; returns what became of faces."""
    batch = Batch(
        folder / "out",
        folder / "out.quarantine",
        "tcia",
        None,
        bytes(32),
        with_report=True,
        previews=folder / "pictures",
    )
    _scratch.cache_clear()  # each run of the command is a process of its own
    prepare(batch)
    fresh = []
    for number, content in enumerate(files, 1):
        file = folder / f"{number}.dcm"
        file.write_bytes(content)
        done = deidentify_file(file, number, batch)
        assert done.state in ("done", "duplicate"), done.reason
        fresh += [done.new_path] if done.fresh else []
    found = remove_faces(fresh, batch)
    tidy(batch)
    return found, batch


def read(batch: Batch) -> list[pydicom.FileDataset]:
    return sorted(map(pydicom.dcmread, batch.out.rglob("*.dcm")), key=lambda ds: ds.ImagePositionPatient[2])


def codes(ds: pydicom.FileDataset) -> set[str]:
    return {item.CodeValue for item in ds.DeidentificationMethodCodeSequence}


@pytest.mark.parametrize(("ct", "syntax"), [(True, "1.2.840.10008.1.2.1"), (False, "1.2.840.10008.1.2.5")])
def test_face_goes_and_brain_stays(tmp_path, ct, syntax):
    volume, brain = head(ct=ct)
    files = slices(volume, ct, syntax)
    (done,), batch = run(files, tmp_path)
    assert not done.refused
    result = read(batch)
    assert {ds.file_meta.TransferSyntaxUID for ds in result} == {syntax}
    before = np.stack([pydicom.dcmread(tmp_path / f"{n + 1}.dcm").pixel_array for n in range(len(files))])
    after = np.stack([ds.pixel_array for ds in result])
    changed = before != after
    assert np.array_equal(before[brain], after[brain])
    assert changed.sum() > 10_000
    assert done.changed_files > 30
    for ds, plane in zip(result, changed, strict=True):
        assert ds.RecognizableVisualFeatures == "NO"
        assert not plane.any() or "113102" in codes(ds)
    assert "113102" not in codes(result[-1])
    assert (tmp_path / "pictures" / done.preview).stat().st_mode & 0o777 == 0o600
    assert remove_faces([], batch) == []


def test_second_run_leaves_a_treated_series_alone(tmp_path):
    files = slices(head()[0], ct=False)
    run(files, tmp_path)
    names = {file.name: file.read_bytes() for file in (tmp_path / "out").rglob("*.dcm")}
    found, batch = run(files, tmp_path)
    assert len(found) <= 1
    assert {file.name: file.read_bytes() for file in batch.out.rglob("*.dcm")} == names


def test_series_that_geometry_cannot_treat_is_set_aside(tmp_path):
    files = slices(head()[0], ct=False)
    del files[60]
    (done,), batch = run(files, tmp_path)
    assert "uneven" in done.refused
    assert list(batch.out.rglob("*")) == []
    assert len(list(batch.quarantine.glob("*.dcm"))) == len(files)
    content = json.loads(next(iter(batch.quarantine.glob("*.json"))).read_text())
    assert content["state"] == "held"
    assert "could not be removed" in content["reason"]


def test_series_of_another_body_part_stays(tmp_path):
    files = []
    for content in slices(head()[0][:40], ct=True):
        (tmp_path / "one.dcm").write_bytes(content)
        ds = pydicom.dcmread(tmp_path / "one.dcm")
        ds.BodyPartExamined = "CHEST"
        files.append(file_bytes(ds))
    (tmp_path / "one.dcm").unlink()
    assert run(files, tmp_path)[0] == []


def test_real_head_series_is_refused_or_keeps_its_inside():
    folder = shared_data()
    files = sorted((folder / "mr" / "pacsman_128slices").rglob("*.dcm")) if folder else []
    if not files:
        pytest.skip("no real data here")
    stored = [read_file(file) for file in files]
    head_of = head_series([(each.data_set, each.transfer_syntax_uid) for each in stored])
    assert head_of.volume.numbers.shape[0] == len(files)
    with pytest.raises(NotAcceptable, match="brain without its skull"):  # as it is: the skull was taken off
        head_of.without_face()


def test_stack_is_put_in_order_whatever_order_files_have():
    volume, _brain = head()
    files = slices(volume, ct=True)
    objects = []
    for number in np.random.default_rng(3).permutation(len(files)):
        start = read_start(files[number])
        encoding = encoding_of(start.transfer_syntax_uid)
        objects.append((parse(files[number][start.data_set_offset :], encoding), start.transfer_syntax_uid))
    made = head_series(objects).volume
    assert made.ct
    assert np.array_equal(made.numbers[60], (volume[60] + 1024).clip(0, 4095) - 1024)
    assert made.spacing_mm == (STEP, STEP, STEP)
    assert np.allclose(made.directions, ((0, 0, 1), (0, 1, 0), (1, 0, 0)))
