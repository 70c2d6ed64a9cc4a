"""Scripts of RSNA Anonymizer: expected values are computed here from the facts of its documentation."""

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pytest

from pacs.deid import Context, Result, deidentify, load_profile
from pacs.deid.ctp import Outside, read_script
from pacs.dicom.dictionary import tag_of
from pacs.dicom.elements import DataSet
from pacs.dicom.values import first_text, text_of
from pacs.errors import ProfileError
from tests.deid.ctp.test_scripts import ENCODING, KEYS, example

RULES = {
    "SOPClassUID": "", "SOPInstanceUID": "@uid", "StudyInstanceUID": "@uid", "SeriesInstanceUID": "@uid",
    "StudyDate": "@hashdate(this,PatientID)", "AcquisitionDateTime": "@hashdate(this,PatientID)",
    "AccessionNumber": "@acc", "PatientName": "@ptid", "PatientID": "@ptid", "PatientAge": "@round(this,5)",
    "PatientSex": "@empty", "Modality": "@keep", "InstitutionName": "@remove()", "ReferencedImageSequence": "",
    "ReferencedSOPInstanceUID": "@uid",
}  # fmt: skip
PARAMS = '<p t="UIDROOT">1.2.826.0.1</p><p t="SITEID">4711</p><p t="PROJECTNAME">TRIAL</p>'
PREFIX = "1.2.826.0.1.4711.2."


def script(params: str = PARAMS, **more: str) -> str:
    rules = (f'<e en="T" t="{tag_of(name):08X}" n="{name}">{text}</e>' for name, text in (RULES | more).items())
    return f"<script>{params}{''.join(rules)}</script>"


def run(tmp_path: Path, source: DataSet, ctp: str = "strict") -> Result:
    (tmp_path / "site.script").write_text(script())
    numbers: dict[str, int] = {}
    outside = Outside(integer=lambda _kind, text: numbers.setdefault(text, len(numbers) + 1))
    profile = load_profile(str(tmp_path / "site.script"), None, ctp)
    return deidentify(source, ENCODING, profile, KEYS, Context(outside=outside))


def md5(text: str) -> int:
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16)


def new_uid(uid: str) -> str:
    return f"{PREFIX}{md5(uid) % 10 ** (64 - len(PREFIX))}"


def full(**more: str) -> DataSet:
    return example(PatientAge="064Y", PatientSex="M", AccessionNumber="ACC123", AcquisitionDateTime="2024", **more)


@pytest.mark.parametrize("ctp", ["strict", "safe"])
def test_values_are_those_of_rsna_anonymizer(tmp_path, ctp):
    found = run(tmp_path, full(), ctp).data_set
    digits = hashlib.sha256(b"anonymizer::4711::1.2.826.0.1.4711ACC123").hexdigest()
    shifted = date(2024, 2, 29) + timedelta(md5("PID-0042") % 3652)
    expected = {
        "SOPInstanceUID": new_uid("1.2.840.113619.2.1.1.1"),
        "StudyDate": f"{shifted:%Y%m%d}",
        "AcquisitionDateTime": "20000101",
        "AccessionNumber": f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}",
        "PatientID": "4711-000001",
        "PatientName": "4711-000001",
        "PatientAge": "065Y",
        "PatientSex": "",
        "Modality": "CT",
    }
    assert {name: first_text(found, tag_of(name)) for name in expected} == expected
    items = found[0x00081140].items
    assert items is not None
    assert text_of(items[0][0x00081155]) == new_uid("1.2.840.113619.2.1.9")
    assert [text_of(found[tag]) for tag in (0x00130010, 0x00131001, 0x00131003)] == ["RSNA", "4711", "TRIAL"]


def test_what_is_not_listed_goes(tmp_path):
    found = set(run(tmp_path, full()).data_set)
    assert not found & {0x00090010, 0x00091001, 0x60003000, 0x50000010, 0x00081030, 0x00080080}


def test_patient_without_id_is_number_zero(tmp_path):
    found = run(tmp_path, full(PatientID="")).data_set
    assert first_text(found, 0x00100020) == "4711-000000"
    assert first_text(found, 0x00080020) == "20000101"


def test_words_and_values_of_the_project_are_checked():
    with pytest.raises(ProfileError, match="wants its project's values"):
        read_script(script("").encode(), "x.script")
    with pytest.raises(ProfileError, match="line 1: '@incrementdate"):
        read_script(script(PatientBirthDate="@incrementdate(this,5)").encode(), "x.script")
