"""What a receiver gets that takes the stored transfer syntax, byte for byte; and one that does not, pixel for pixel.

PS3.5 Annex A, PS3.4 C.4.2.
"""

import io
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID, JPEGLSLossless, RLELossless
from pynetdicom import evt
from pynetdicom.presentation import build_context, build_role

from pacs.dicom.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, TRANSFER_SYNTAXES
from tests.builders import file_bytes, make_ct, uid
from tests.dicom.real_files import real_files
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.peers import STUDY_ROOT, Receiver, association, identifier, move
from tests.wire.server import Server

MPEG2 = "1.2.840.10008.1.2.4.100"
FAILED_PARTLY = 0xB000
NAMES = """693_J2KI ExplVR_BigEnd GDCMJ2K_TextGBR JPEGLSNearLossless_16 JPGExtended MR_small_RLE MR_small_bigendian
MR_small_jp2klossless MR_small_jpeg_ls_lossless SC_jpeg_no_color_transform SC_rgb_dcmtk_+eb+cy+np SC_rgb_jpeg_gdcm
SC_rgb_rle_16bit_2frame SC_rgb_rle_32bit_2frame SC_rgb_small_odd_big_endian SC_rgb_small_odd_jpeg examples_ybr_color
rtdose_expb rtdose_rle JPEG2000 SC_rgb_jls_lossy_line""".split()


WHERE_SHARED = ("HTJ2K_08_RGB", "HTJ2KLossless_08_RGB")


def own_uids(ds: Any, name: str) -> Any:
    """The same object in a study of its own."""
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = uid(f"t{name}"), uid(f"s{name}"), uid(name)
    ds.file_meta.MediaStorageSOPInstanceUID = UID(uid(name))
    ds.PatientID = ds.PatientName = "TRANSCODE"
    ds.remove_private_tags()
    return ds


def frames_of_ramps(count: int) -> bytes:
    return b"".join(np.arange(n, n + 64, dtype="<u2").tobytes() for n in range(count))


def collected(folder: Path) -> dict[str, bytes]:
    """Files by name: real ones, and some made here, in every compressed transfer syntax that there are codecs for."""
    known = {path.stem: path for path in real_files(300_000)}
    names = [*NAMES, *(each for each in WHERE_SHARED if each in known)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {name: file_bytes(own_uids(pydicom.dcmread(known[name]), name)) for name in names}
    plain = make_ct("plain", "splain", "tplain", PatientID="TRANSCODE")
    found["plain"] = file_bytes(plain)
    implicit = own_uids(make_ct(syntax=UID(IMPLICIT_LE)), "implicit")
    found["implicit"] = file_bytes(implicit)
    for name, syntax in (("jls", JPEGLSLossless), ("rle", RLELossless)):
        made = make_ct(name, f"s{name}", f"t{name}", PatientID="TRANSCODE", NumberOfFrames=5, PixelRepresentation=0)
        made.PixelData = frames_of_ramps(5)
        made.compress(syntax, generate_instance_uid=False)
        found[name] = file_bytes(made)
    for option, name in (("+e1", "jpeg-lossless-sv1"), ("+el", "jpeg-lossless"), ("+ee", "jpeg-extended")):
        source, target = folder / "source.dcm", folder / f"{name}.dcm"
        made = make_ct(name, f"s{name}", f"t{name}", PatientID="TRANSCODE", PixelRepresentation=0, BitsStored=12)
        made.HighBit = 11
        made.save_as(source)
        subprocess.run(["/usr/bin/dcmcjpeg", option, "+un", str(source), str(target)], check=True)
        found[name] = target.read_bytes()
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return collected(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def holdings(files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose archive holds `files`, and a video, which has no decoder."""
    running = Server(tmp_path_factory.mktemp("transcode") / "data")
    hold(running.data, [*files.values(), video()])
    running.start_scp(1)
    yield running
    running.stop()


def video() -> bytes:
    made = make_ct("video", "svideo", "tvideo", PatientID="TRANSCODE", syntax=UID(MPEG2))
    made.PixelData = pydicom.encaps.encapsulate([b"\0\0\1\xb3" + bytes(200)])
    made["PixelData"].is_undefined_length = True
    return file_bytes(made)


def pixels_of(ds: Dataset) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ds.pixel_array


def moved(server: Server, folder: Path, syntaxes: list[str], names: list[str]) -> tuple[dict[str, Dataset], Any, Any]:
    """Objects by name that a receiver of these syntaxes gets, the last status, and the identifier with it."""
    with Receiver("TARGET", folder, syntaxes=syntaxes) as receiver:
        server.run("peer", "add", "TARGET", "127.0.0.1", str(receiver.port))
        studies = [uid(f"t{name}") for name in names]
        answers = move(server.port, "TARGET", level="STUDY", StudyInstanceUID=studies)
    by_uid = {uid(name): name for name in names}
    return {by_uid[each.SOPInstanceUID]: each for each in receiver.objects}, *answers[-1]


@contract("5.7", "W30")
@pytest.mark.parametrize("syntax", [EXPLICIT_LE, IMPLICIT_LE])
def test_receiver_of_native_syntax_gets_the_same_pixels(
    holdings: Server, files: dict[str, bytes], tmp_path: Path, syntax: str
) -> None:
    got, status, failed = moved(holdings, tmp_path, [syntax], [*files, "video"])
    assert (status.Status, status.NumberOfFailedSuboperations) == (FAILED_PARTLY, 1)
    assert failed.FailedSOPInstanceUIDList == uid("video")
    assert set(got) == set(files)
    for name, ds in got.items():
        before = pydicom.dcmread(io.BytesIO(files[name]))
        assert ds.file_meta.TransferSyntaxUID == syntax
        np.testing.assert_array_equal(pixels_of(ds), pixels_of(before), err_msg=name)
        assert (ds.PatientID, ds.StudyInstanceUID) == (before.PatientID, before.StudyInstanceUID)
        assert ds.get("NumberOfFrames") == before.get("NumberOfFrames")


@contract("5.4", "5.7", "W6", "W16")
def test_receiver_of_everything_gets_the_stored_bytes(
    holdings: Server, files: dict[str, bytes], tmp_path: Path
) -> None:
    got, status, _failed = moved(holdings, tmp_path, list(TRANSFER_SYNTAXES), [*files, "video"])
    assert status.Status == 0
    for name, content in (files | {"video": video()}).items():
        before = pydicom.dcmread(io.BytesIO(content))
        assert got[name].file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID, name
        assert got[name].PixelData == before.PixelData, name


@contract("5.7", "5.10", "W27")
def test_get_of_native_contexts_decompresses(holdings: Server, files: dict[str, bytes]) -> None:
    """As dcmjs-dimse asks: each class with Implicit and Explicit LE; also with one first that we cannot make."""
    received: dict[str, Dataset] = {}

    def on_store(event: Any) -> int:
        ds = event.dataset
        ds.file_meta = event.file_meta
        received[ds.SOPInstanceUID] = ds
        return 0

    classes = {str(pydicom.dcmread(io.BytesIO(content)).SOPClassUID) for content in files.values()}
    for syntaxes in ([IMPLICIT_LE, EXPLICIT_LE], [str(RLELossless), EXPLICIT_LE], [EXPLICIT_BE, EXPLICIT_LE]):
        received.clear()
        contexts = [build_context(f"{STUDY_ROOT}3", [EXPLICIT_LE])]
        contexts += [build_context(each, syntaxes) for each in classes]
        roles = [build_role(each, scp_role=True) for each in classes]
        handlers = [(evt.EVT_C_STORE, on_store)]
        with association(holdings.port, contexts, ext_neg=roles, evt_handlers=handlers) as assoc:
            asked = identifier(level="STUDY", StudyInstanceUID=[uid(f"t{name}") for name in files])
            answers = list(assoc.send_c_get(asked, f"{STUDY_ROOT}3"))
        assert (answers[-1][0].Status, len(received)) == (0, len(files)), syntaxes
        first = next(each for each in syntaxes if each in (IMPLICIT_LE, EXPLICIT_LE))
        assert {each.file_meta.TransferSyntaxUID for each in received.values()} == {first}
    for name, content in files.items():
        np.testing.assert_array_equal(
            pixels_of(received[uid(name)]), pixels_of(pydicom.dcmread(io.BytesIO(content))), err_msg=name
        )
