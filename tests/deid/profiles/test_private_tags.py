"""The standard's safe list, and knowledge bases that sites import."""

import pytest

from pacs.deid import deidentify, load_profile
from pacs.deid.profiles.private_tags import COLUMNS, read_knowledge_base, signature_of, standard_safe_list
from pacs.dicom.elements import DataSet
from pacs.errors import ProfileError
from tests.data_folder import shared_data
from tests.deid.engine_runs import KEYS, text
from tests.dicom.raw_objects import EXPLICIT, IMPLICIT, ct, encoded, items, raw

HEAD = ",".join(COLUMNS) + "\n"
ROWS = """"(0019,""MAKER"",01)",Block:Safe Text,LO,k
"(0019,""MAKER"",02)",Block:Unsafe,LO,D
" (0019,MAKER"",03)",Block:UID,UI, k
"(0019,""MAKER"",04)",Block:Date,DA,o
"(0019,""MAKER"",05)",Block:Seconds,SL,oi
"(0019,""MAKER"",06)",Block:UID,UI,h
"(0019,""MAKER"",07)",Block:Nest,SQ,na
"(0019,""MAKER"",07)[<0>](0021,""MAKER"",01)",Block:Nest:Inner,LO,k
"(0019,""MAKER"",08)",Block:Number,FD,k
"(0019,,09)",Unknown,LO,d
"(0008,1111)[<0>](0019,""MAKER"",0a)",Steps:Nested only,LO,k
"""


@pytest.fixture
def profile(tmp_path):
    (tmp_path / "private-tags.csv").write_text(HEAD + ROWS)
    return load_profile("tcia", tmp_path)


def private(data_set: DataSet) -> set[int]:
    return {tag for tag in data_set if tag & 0x10000 and tag >> 16 != 0x0013}


def test_dispositions_are_followed(profile):
    source = ct(
        (0x00190010, "LO", "MAKER"),
        (0x00191001, "LO", "B30f of Quixotic"),
        (0x00191002, "LO", "secret"),
        (0x00191003, "UI", "1.2.826.0.1.3680043.99.77"),
        (0x00191004, "DA", "20200131"),
        (0x00191005, "SL", (1_580_000_000).to_bytes(4, "little")),
        (0x00191006, "UI", "1.2.826.0.1.3680043.99.4"),
        (0x00191008, "FD", b"\1\2\3\4\5\6\7\x40"),
        (0x00191009, "LO", "unknown"),
    )
    result = deidentify(source, EXPLICIT, profile, KEYS)
    after = result.data_set
    assert private(after) == {0x00190010, *(0x00191000 + n for n in (1, 3, 4, 5, 6, 8))}
    assert text(after, 0x00191001).startswith("B30f")
    assert "Quixotic" not in text(after, 0x00191001)
    assert text(after, 0x00191003) == KEYS.map_uid("1.2.826.0.1.3680043.99.77")
    assert text(after, 0x00191006) == result.sop_uid
    seconds = int.from_bytes(bytes(after[0x00191005].value), "little", signed=True)
    assert seconds == 1_580_000_000 + result.date_shift_days * 86400
    assert bytes(after[0x00191008].value) == b"\1\2\3\4\5\6\7\x40"
    assert "retain_safe_private" in result.options


def test_block_may_sit_anywhere(profile):
    source = ct((0x001900F1, "LO", "MAKER "), (0x0019F101, "LO", "B30f"), (0x00191001, "LO", "not of this block"))
    assert private(deidentify(source, EXPLICIT, profile, KEYS).data_set) == {0x001900F1, 0x0019F101}


def test_values_that_travelled_as_un_are_decoded(profile):
    source = ct((0x00190010, "LO", "MAKER"), (0x00191001, "UN", "B30f of Quixotic"), (0x00191004, "UN", "20200131"))
    result = deidentify(source, EXPLICIT, profile, KEYS)
    assert result.data_set[0x00191001].vr == "LO"
    assert "Quixotic" not in text(result.data_set, 0x00191001)
    assert text(result.data_set, 0x00191004) != "20200131"


def test_private_sequences_are_entered(profile):
    inner = raw(
        (0x00210010, "LO", "MAKER"), (0x00211001, "LO", "safe"), (0x00211002, "LO", "not"), (0x00100010, "PN", "A^B")
    )
    source = ct((0x00190010, "LO", "MAKER"), (0x00191007, "SQ", [inner]))
    item = items(deidentify(source, EXPLICIT, profile, KEYS).data_set, 0x00191007)[0]
    assert set(item) == {0x00210010, 0x00211001, 0x00100010}
    assert text(item, 0x00100010).startswith("INBOX-")
    travelled = ct(
        (0x00190010, "LO", "MAKER"), (0x00191007, "UN", encoded(raw((0x00191007, "SQ", [inner])), IMPLICIT)[8:])
    )
    item = items(deidentify(travelled, EXPLICIT, profile, KEYS).data_set, 0x00191007)[0]
    assert set(item) == {0x00210010, 0x00211001, 0x00100010}


def test_signature_within_a_sequence_holds_there_only(profile):
    nested = raw((0x00190010, "LO", "MAKER"), (0x0019100A, "LO", "safe"))
    source = ct((0x00190010, "LO", "MAKER"), (0x0019100A, "LO", "not"), (0x00081111, "SQ", [nested]))
    after = deidentify(source, EXPLICIT, profile, KEYS).data_set
    assert 0x0019100A not in after
    assert 0x00190010 not in after  # a creator without elements goes too


def test_unknown_elements_are_counted_by_creator(profile):
    source = ct(
        (0x00190010, "LO", "MAKER"), (0x00191099, "LO", "x"), (0x00210010, "LO", "Dr Quixotic"), (0x00211001, "LO", "y")
    )
    assert deidentify(source, EXPLICIT, profile, KEYS).unknown_private == {"MAKER": 1, "": 1}


def test_private_elements_without_creator_go(profile):
    source = ct((0x00191001, "LO", "x"), (0x00190001, "LO", "y"), (0x00190000, "UL", b"\0\0\0\0"))
    assert not private(deidentify(source, EXPLICIT, profile, KEYS).data_set)


def test_safe_list_of_the_standard_is_whole():
    assert len(standard_safe_list().rules) == 87


def test_import_overrides_the_safe_list(tmp_path):
    source = ct((0x00190010, "LO", "SIEMENS MR HEADER"), (0x0019100C, "IS", "1000"))
    assert 0x0019100C in deidentify(source, EXPLICIT, load_profile("tcia"), KEYS).data_set
    (tmp_path / "private-tags.csv").write_text(HEAD + '"(0019,""SIEMENS MR HEADER"",0c)",B Value,IS,d\n')
    assert 0x0019100C not in deidentify(source, EXPLICIT, load_profile("tcia", tmp_path), KEYS).data_set


def test_counts_and_faults_are_reported():
    read = read_knowledge_base(
        HEAD + ROWS + '"(0019,""M"",0b)",x,LO,zz\n"nonsense",x,LO,k\n"(0019,""M"",0b)",x,QQ,k\n', "kb"
    )
    assert read.rows == 14
    assert read.counts == {"k": 5, "d": 2, "o": 1, "oi": 1, "h": 1, "na": 1, "without creator": 1}
    assert [fault.partition(":")[0] for fault in read.faults] == ["line 13", "line 14", "line 15"]


@pytest.mark.parametrize("said", ["kd", "dk", "kdk"])
def test_rows_that_contradict_each_other_remove(said):
    rows = "".join(f'"(0019,""{name}"",01)",x,LO,{each}\n' for name, each in zip(("M", "m", "M"), said, strict=False))
    read = read_knowledge_base(HEAD + rows, "kb")
    assert read.tags.rules['0019,"M",01']["LO"].code == "X"
    assert read.counts["contradicting"] == len(said) - 1


def test_other_tables_are_refused():
    with pytest.raises(ProfileError, match="column"):
        read_knowledge_base("a,b\n1,2\n", "kb")


@pytest.mark.parametrize(
    ("pattern", "signature"),
    [
        ('(0019,"MAKER",01)', '0019,"MAKER",01'),
        ('(0019,MAKER",01)', '0019,"MAKER",01'),
        ('( 0019 , "Maker  A" , 1 )', '0019,"MAKER A",01'),
        ('(0008,1111)[<0>](2005,"P",0e)[<1>](2005,"P",01)', '00081111/2005,"P",0E/2005,"P",01'),
        ("(0019,,01)", None),
        ("", None),
        ("(0019", None),
    ],
)
def test_signatures_have_one_spelling(pattern, signature):
    assert signature_of(pattern) == signature


@pytest.mark.skipif(shared_data() is None, reason="no shared data here")
def test_published_knowledge_base_is_understood_whole():
    folder = shared_data()
    assert folder is not None
    file = folder.parent / "reference" / "tables" / "tcia_private_tags.csv"
    if not file.exists():
        pytest.skip("no table here")
    read = read_knowledge_base(file.read_text(encoding="utf-8"), "kb")
    assert read.rows == 8787
    assert not read.faults
