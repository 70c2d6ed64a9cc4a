"""Mapping tables: read, checked, used."""

from datetime import date, timedelta

import pytest

from pacs.deid import Context, deidentify, load_profile
from pacs.deid.mapping import COLUMNS, mapped_row, read_mapping
from pacs.errors import BadRequest, Unmapped
from pacs.model import PatientRow
from tests.deid.engine_runs import KEYS, text
from tests.dicom.raw_objects import EXPLICIT, ct, items, raw

HEAD = ",".join(COLUMNS) + "\n"
TCIA = load_profile("tcia")


def run(row: PatientRow | None, *more):
    context = Context(
        collection="inbox", patients=lambda _issuer, patient_id: row if patient_id == "MRN-778812" else None
    )
    return deidentify(ct(*more), EXPLICIT, TCIA, KEYS, context)


def test_mapped_patient_gets_id_name_and_shift():
    result = run(PatientRow("TRIAL-001", "TRIAL-001-NAME", -100), (0x00080020, "DA", "20200131"))
    assert text(result.data_set, 0x00100020) == "TRIAL-001"
    assert text(result.data_set, 0x00100010) == "TRIAL-001-NAME"
    assert text(result.data_set, 0x00080020) == f"{date(2020, 1, 31) - timedelta(days=100):%Y%m%d}"
    assert result.patient_id == "TRIAL-001"
    assert result.date_shift_days == -100


def test_unmapped_patient_waits():
    with pytest.raises(Unmapped) as caught:
        run(None)
    assert caught.value.patient_hmac == KEYS.patient_hmac("MRN-778812")
    assert "778812" not in str(caught.value)


def test_shift_without_table_value_is_keyed_by_the_new_id():
    rows = read_mapping("from_patient_id,to_patient_id\nOLD-1,NEW\nOLD-2,NEW\n")
    shifts = {run(mapped_row(row, KEYS)).date_shift_days for row in rows}
    assert len(shifts) == 1


def test_reference_event_is_written_in_days():
    row = read_mapping("from_patient_id,to_patient_id,diagnosis_date,baseline_date\nP,N,2020-01-01,1960-01-01\n")[0]
    mapped = mapped_row(row, KEYS)
    assert mapped.event_date == "19600101"
    result = run(mapped, (0x00080020, "DA", "20200131"))
    assert text(result.data_set, 0x00080020) == "19600131"
    assert bytes(result.data_set[0x00120052].value) == b"\0\0\0\0\0\0\x3e\x40"  # 30 days
    assert text(result.data_set, 0x00120053) == "DIAGNOSIS"


def test_other_patients_in_items_get_their_own_ids():
    other = raw((0x00100020, "LO", "SOMEBODY ELSE"), (0x00100010, "PN", "Else^Some"))
    result = run(PatientRow("TRIAL-001"), (0x00082218, "SQ", [other]))
    item = items(result.data_set, 0x00082218)[0]
    assert text(item, 0x00100020) != "TRIAL-001"
    assert text(item, 0x00100020) == text(item, 0x00100010)


def test_table_of_all_columns_is_read():
    content = HEAD + "P1,N1,Name^N,inbox,Site A,b1,-30,,\n" + "P2,N2,,,,,,2020-01-31,1960-01-01\n\n"
    first, second = read_mapping("\ufeff" + content)
    assert (first.from_patient_id, first.to_patient_name, first.date_shift) == ("P1", "Name^N", -30)
    assert (second.diagnosis_date, second.baseline_date) == (date(2020, 1, 31), date(1960, 1, 1))


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ("P1,N1,,,,,,,\nP1,N1,,,,,,,\n", "line 3.*line 2.*twice"),
        ("P1,N1,,,,,,,\nP1,N2,,,,,,,\n", "line 3.*two targets"),
        ("P1,N1,,,,,-3,,\nP2,N1,,,,,-4,,\n", "line 3.*another shift"),
        ("P1,N1,,,,,-3,2020-01-01,1960-01-01\n", "line 2.*both given"),
        ("P1,,,,,,,,\n", "line 2.*must not be empty"),
        (",N1,,,,,,,\n", "line 2.*must not be empty"),
        ("P1,N1,,,,,x,,\n", "line 2.*date_shift"),
        ("P1,N1,,,,,99999999,,\n", "line 2.*date_shift"),
        ("P1,N1,,,,,,soon,\n", "line 2.*diagnosis_date"),
        ("P1,P1,,,,,,,\n", "line 2.*own id"),
        ("P1,N1,,,,,0,,\n", "line 2.*true dates"),
        ("P1,=1+1,,,,,,,\n", "line 2.*formula"),
        ("P1,N1\\x,,,,,,,\n", "line 2.*to_patient_id"),
        ("P1," + "N" * 65 + ",,,,,,,\n", "line 2.*to_patient_id"),
        ("P1,N1,,,,,,,,,\n", "line 2.*more values"),
    ],
)
def test_contradictions_are_named_by_line_without_values(rows, named):
    with pytest.raises(BadRequest, match=named) as caught:
        read_mapping(HEAD + rows)
    assert "P1" not in str(caught.value)


@pytest.mark.parametrize("head", ["to_patient_id\n", "from_patient_id\n", "from_patient_id,to_patient_id,colour\n", ""])
def test_header_is_checked(head):
    with pytest.raises(BadRequest, match="line 1"):
        read_mapping(head + "a,b,c\n")


def test_same_id_at_two_sites_may_be_two_patients():
    rows = read_mapping("from_patient_id,to_patient_id,site_name\nP1,N1,A\nP1,N2,B\n")
    assert [row.site_name for row in rows] == ["A", "B"]
