"""Own identifying values are cut out of kept text; research words, codes and numbers stay."""

import pytest

from tests.deid.engine_runs import KEYS, run, text
from tests.dicom.raw_objects import ct, items, raw

SOFTWARE, SEQUENCE_NAME, MODEL = 0x00181020, 0x00180024, 0x00081090


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("VB20A Quixotic", "VB20A"),
        ("VB20A QUIXOTIC^ZEBULON", "VB20A"),
        ("Zebulon Quixotic VB20A", "VB20A"),
        ("VB20A QUIXOTICZEBULON", "VB20A"),
        ("VB20A for MRN-778812", "VB20A"),
        ("VB20A 2020-01-15", "VB20A"),
        ("VB20A 15.01.2020", "VB20A"),
        ("Quixotical VB20A", "VB20A"),
        ("ep2d_diff_b1000", "ep2d_diff_b1000"),
        ("syngo MR B17", "syngo MR B17"),
        ("A\\Quixotic\\B", "A\\\\B"),
    ],
)
def test_words_that_identify_are_cut(before, after):
    result = run(ct((SOFTWARE, "LO", before), (0x00080020, "DA", "20200115")))
    assert text(result.data_set, SOFTWARE) == after


def test_values_of_deleted_elements_count():
    hidden = raw((0x00101001, "PN", "Hiddenname^Olga"))
    result = run(ct((0x00091001, "SQ", [hidden]), (MODEL, "LO", "Scanner of Hiddenname")))
    assert text(result.data_set, MODEL) == "Scanner"


def test_ordinary_word_goes_only_beside_the_name():
    source = ct((0x00100010, "PN", "Long^Axelia"), (MODEL, "LO", "long axis"), (SOFTWARE, "LO", "V1 axelia long"))
    result = run(source)
    assert text(result.data_set, MODEL) == "long axis"
    assert text(result.data_set, SOFTWARE) == "V1"


def test_accents_and_case_are_folded():
    source = ct((0x00080005, "CS", "ISO_IR 192"), (0x00100010, "PN", "Jérômé^X".encode()), (MODEL, "LO", "M1 JEROME"))
    assert text(run(source).data_set, MODEL) == "M1"


def test_chinese_names_are_cut_without_blanks():
    source = ct(
        (0x00080005, "CS", "ISO_IR 192"),
        (0x00100010, "PN", "Wang=王^小东".encode()),
        (MODEL, "LO", "给小东的".encode()),
    )
    assert bytes(run(source).data_set[MODEL].value).decode().strip() == "给 的"


def test_uids_in_text_are_mapped():
    result = run(ct((MODEL, "LO", "from 1.2.826.0.1.3680043.99.4 v1.2.3")))
    assert text(result.data_set, MODEL) == f"from {KEYS.map_uid('1.2.826.0.1.3680043.99.4')} v1.2.3"


def test_public_codes_are_never_cut():
    code = raw((0x00080100, "SH", "T-1"), (0x00080102, "SH", "SCT"), (0x00080104, "LO", "Quixotic structure"))
    result = run(ct((0x00082218, "SQ", [code])))
    assert text(items(result.data_set, 0x00082218)[0], 0x00080104) == "Quixotic structure"


def test_whole_value_leaves_it_empty():
    assert text(run(ct((SEQUENCE_NAME, "SH", "Quixotic"))).data_set, SEQUENCE_NAME) == ""


def test_nobody_is_cut_for_a_placeholder():
    source = ct((0x00100010, "PN", "ANONYMOUS^TEST"), (0x00100020, "LO", "PHANTOM"), (MODEL, "LO", "PHANTOM TEST"))
    assert text(run(source).data_set, MODEL) == "PHANTOM TEST"


def test_cut_is_reported_without_the_value():
    report = run(ct((SOFTWARE, "LO", "VB20A Quixotic"))).report
    assert [change.action for change in report if change.path == "00181020"] == ["C"]
