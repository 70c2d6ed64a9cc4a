"""Analysis before submission: what it counts, and that nothing identified is in it."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from pacs.cli.analyze import command
from pacs.deid import load_profile
from pacs.pipeline.analysis import Analysis, analyse
from pacs.pipeline.patterns import pattern_of
from tests.builders import ct_bytes, file_bytes, make_ct, uid


def analysed(folder: Path, mapped: frozenset[str] | None = None) -> dict:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return analyse(files, load_profile("tcia"), mapped).as_json()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two patients, a copy, a contradiction, and files that are no objects."""
    made = tmp_path / "Quixotic"
    made.mkdir()
    private = make_ct(sop="i5", patient="P2", study="t2", series="s2", Manufacturer="Dr. Quixotic's own")
    private.private_block(0x0099, "QUIXOTIC 4711", create=True).add_new(1, "LO", "Sancho")
    private.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "1000")
    files = {
        "1": ct_bytes(sop="i1"),
        "2": ct_bytes(sop="i1"),
        "3": ct_bytes(sop="i1", InstanceNumber=7),
        "4": ct_bytes(sop="i2", PhotometricInterpretation="", Manufacturer="SIEMENS Healthineers"),
        "5": file_bytes(private),
        "6": ct_bytes(sop="i6", study="t1", patient="P3"),
        "7": b"no DICOM",
        "8": b"",
        "9": ct_bytes(sop="i9")[:-60],
    }
    for name, content in files.items():
        (made / f"Sancho {name}.dcm").write_bytes(content)
    return made


def test_analysis_counts_what_is_there(folder):
    found = analysed(folder, frozenset(["ID-P1-4711"]))
    counts = found["counts"]
    assert (counts["files"], counts["objects"], counts["patients"], counts["studies"]) == (9, 6, 3, 2)
    assert found["modalities"] == {"CT": 6}
    assert found["manufacturers"]["SIEMENS"] == 1
    assert found["missing_type_1"] == {"PhotometricInterpretation": 1}
    assert found["problems"] == {
        "the same file again": 1,
        "another object under the same SOP Instance UID": 1,
        "a study of several patients": 1,
    }
    assert found["patients_without_mapping"] == 2
    assert sum(found["not_dicom"].values()) == 3
    assert found["patterns_of_PatientID"] == {"AA-A9-9999": 6}
    kept = {each["creator"]: (each["kept"], each["removed"]) for each in found["private_creators"]}
    assert kept["SIEMENS MR HEADER"] == (1, 0)
    assert kept["AAAAAAAA 9999"] == (0, 1)


def test_report_holds_nothing_identified(folder, tmp_path):
    page = tmp_path / "report.html"
    done = CliRunner().invoke(command, [str(folder), "--html", str(page), "--json"])
    assert done.exit_code == 0, done.output
    plain = CliRunner().invoke(command, [str(folder)])
    texts = [done.stdout, page.read_text(), plain.stdout]
    for text in texts:
        for secret in (
            "Quixotic",
            "QUIXOTIC",
            "Sancho",
            "ID-P",
            uid("t1"),
            uid("i1"),
            "19600101",
            "ACCP1",
            str(tmp_path),
        ):
            assert secret not in text
    assert "<svg" in texts[1]
    assert json.loads(done.stdout)["modalities"] == {"CT": 6}


def test_a_number_that_is_0_is_not_missing(tmp_path):
    (tmp_path / "1").write_bytes(ct_bytes(PixelRepresentation=0, HighBit=None))
    assert analysed(tmp_path)["missing_type_1"] == {"HighBit": 1}


def test_missing_uids_contradict_nothing(tmp_path):
    for number in range(3):
        content = ct_bytes(patient=f"P{number}", StudyInstanceUID="", SeriesInstanceUID="", InstanceNumber=number)
        (tmp_path / f"{number}").write_bytes(content)
    assert "a study of several patients" not in analysed(tmp_path)["problems"]


def test_lookup_table_of_ctp_tells_patients_without_a_row(folder, tmp_path):
    table = tmp_path / "lookup.properties"
    table.write_text("ptid/ID-P1-4711=S1\nshift/ID-P2-4711=3\n")
    done = CliRunner().invoke(command, [str(folder), "--mapping", str(table), "--json"])
    assert json.loads(done.stdout)["patients_without_mapping"] == 2


def test_heads_in_fine_slices_may_show_a_face(tmp_path):
    for number in range(60):
        more = {"BodyPartExamined": "HEAD", "ImagePositionPatient": [0, 0, 2.0 * number]}
        content = ct_bytes(sop=f"h{number}", Rows=256, Columns=256, PixelData=b"", **more)
        (tmp_path / f"{number}").write_bytes(content)
    assert analysed(tmp_path)["series_that_may_show_a_face"] == 1


def test_odd_files_do_not_stop_it(tmp_path):
    whole = ct_bytes()
    for number in range(0, len(whole), 37):
        broken = bytearray(whole)
        broken[number] ^= 0xFF
        (tmp_path / f"{number}").write_bytes(bytes(broken))
    found = analysed(tmp_path)
    assert found["counts"]["files"] == len(os.listdir(tmp_path))
    assert found["counts"]["objects"] > 0


def test_files_that_are_gone_are_counted(tmp_path):
    found = Analysis(load_profile("tcia"))
    found.add(tmp_path / "gone")
    assert found.others.as_json() == {"cannot be opened": 1}


@pytest.mark.parametrize(
    ("value", "pattern"),
    [("MRN-0042", "AAA-9999"), ("Öz é", "Aa a"), ("1" * 40, "9…"), ("a[$B", "a??A"), ("", "")],
)
def test_patterns_keep_no_letter_and_no_digit(value, pattern):
    assert pattern_of(value) == pattern
