"""Names outside ASCII: asked for and answered in any character set. PS3.5 6.1, PS3.3 C.12.1.1.2."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pynetdicom.presentation import build_context

from pacs.dicom.syntaxes import EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE
from tests.builders import make_ct
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.peers import STUDY_ROOT, association, dcmtk
from tests.wire.server import Server

NAMES = {
    "ISO_IR 100": "Müller^Zoë",
    "ISO_IR 101": "Dvořák^Jiří",
    "ISO_IR 109": "Ħamrun^Ġorġ",
    "ISO_IR 110": "Bērziņš^Jānis",
    "ISO_IR 144": "Иванов^Пётр",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 126": "Διονυσιος^Α",
    "ISO_IR 138": "שרון^דבורה",
    "ISO_IR 148": "Çavuşoğlu^Işık",
    "ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳ",
    "ISO_IR 166": "นามสกุล^ชื่อ",
    "ISO_IR 192": "Ελένη^Zoë^山田",
    "GB18030": "Wang^XiaoDong=王^小东",
    "GBK": "Zhang^XiaoDong=张^小冬",
    "\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "ISO 2022 IR 6\\ISO 2022 IR 87\\ISO 2022 IR 159": "Maruo=丸尾 鷗",
    "\\ISO 2022 IR 149": "Hong^Gildong=洪^吉洞=홍^길동",
    "\\ISO 2022 IR 58": "Li^Ming=李^明",
}


@pytest.fixture(scope="module")
def holdings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose archive holds a patient of each name; stored in UTF-8."""
    running = Server(tmp_path_factory.mktemp("names") / "data")
    objects = [
        make_ct(f"i{n}", f"s{n}", f"t{n}", f"P{n}", PatientName=name, SpecificCharacterSet="ISO_IR 192")
        for n, name in enumerate(NAMES.values())
    ]
    hold(running.data, objects)
    for aet, term in (("LATIN", "ISO_IR 100"), ("GREEK", "ISO_IR 126")):
        running.run("peer", "add", aet, "127.0.0.1", "1")
        running.run("peer", "set", aet, f"character_set={term}")
    running.start_scp(1)
    yield running
    running.stop()


def ask(
    server: Server, name: Any, label: str | None = None, calling: str = "PEER", syntax: str = EXPLICIT_LE
) -> list[Dataset]:
    """Rows by name; `label` is the request's (0008,0005), None for none at all."""
    ds = Dataset()
    ds.QueryRetrieveLevel, ds.StudyInstanceUID = "STUDY", ""
    if label is not None:
        ds.SpecificCharacterSet = label.split("\\")
    if isinstance(name, bytes):
        ds.add_new(0x00100010, "LO", name)  # written as it is
        ds[0x00100010].VR = "OB"
    else:
        ds.PatientName = name
    with association(server.port, [build_context(f"{STUDY_ROOT}1", [syntax])], calling=calling) as assoc:
        answers = list(assoc.send_c_find(ds, f"{STUDY_ROOT}1"))
    assert answers[-1][0].Status == 0
    return [row for _status, row in answers if row is not None]


@contract("4.10", "W26")
@pytest.mark.parametrize("label", [label for label in NAMES if "IR 58" not in label])
@pytest.mark.parametrize("syntax", [EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE])
def test_name_is_found_and_answered_in_its_set(holdings: Server, label: str, syntax: str) -> None:
    rows = ask(holdings, NAMES[label], label, syntax=syntax)
    assert [str(row.PatientName) for row in rows] == [NAMES[label]]
    said = rows[0].SpecificCharacterSet
    assert ("\\".join(said) if not isinstance(said, str) else said) == label


@contract("4.10")
def test_name_is_found_and_answered_in_chinese_escapes(holdings: Server) -> None:
    """As PS3.5 K.2 writes them, which pydicom does not."""
    family, given = (b"\x1b$)A" + each.encode("gb2312") for each in "李明")
    rows = ask(holdings, b"Li^Ming=" + family + b"^" + given, "\\ISO 2022 IR 58", syntax=IMPLICIT_LE)
    assert [row.SpecificCharacterSet[1] for row in rows] == ["ISO 2022 IR 58"]
    assert rows[0].PatientName.original_string == b"Li^Ming=" + family + b"^" + given


@contract("4.10", "W5", "W26")
@pytest.mark.parametrize("label", [None, ""])
def test_answers_in_labelled_utf_8_where_none_was_named(holdings: Server, label: str | None) -> None:
    """As Weasis asks: no (0008,0005), or an empty one."""
    rows = ask(holdings, "*", label)
    assert {str(row.PatientName) for row in rows} == set(NAMES.values())
    assert {row.SpecificCharacterSet for row in rows} == {"ISO_IR 192"}


@contract("4.10", "W5")
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_unlabelled_keys_are_utf_8_or_latin_1(holdings: Server, encoding: str) -> None:
    done = ask(holdings, "Müller^Zoë".encode(encoding), None, syntax=IMPLICIT_LE)
    assert [str(row.PatientName) for row in done] == ["Müller^Zoë"]


@contract("4.10")
def test_unlabelled_keys_are_read_as_the_peers_rule_says(holdings: Server) -> None:
    done = ask(holdings, "Διονυσιος*".encode("iso8859_7"), None, "GREEK", IMPLICIT_LE)
    assert [(str(row.PatientName), row.SpecificCharacterSet) for row in done] == [("Διονυσιος^Α", "ISO_IR 126")]


@contract("4.10")
def test_rule_of_the_peer_decides_the_answers_set(holdings: Server) -> None:
    """What the set cannot hold comes in UTF-8, and says so."""
    rows = ask(holdings, "*", "ISO_IR 192", "LATIN")
    said = {str(row.PatientName): row.SpecificCharacterSet for row in rows}
    assert set(said) == set(NAMES.values())
    assert said["Müller^Zoë"] == "ISO_IR 100"
    assert said["Иванов^Пётр"] == "ISO_IR 192"


@contract("4.10")
def test_answers_what_the_requests_set_cannot_hold_in_utf_8(holdings: Server) -> None:
    rows = ask(holdings, "*", "ISO_IR 101")
    said = {str(row.PatientName): row.SpecificCharacterSet for row in rows}
    assert set(said) == set(NAMES.values())
    assert (said["Dvořák^Jiří"], said["Иванов^Пётр"]) == ("ISO_IR 101", "ISO_IR 192")


@contract("4.10", "7")
def test_clearcanvas_finds_names_with_accents(holdings: Server) -> None:
    rows = ask(holdings, "MÜLLER*", "ISO_IR 192", "CLEARCANVAS")
    assert [(str(row.PatientName), row.SpecificCharacterSet) for row in rows] == [("Müller^Zoë", "ISO_IR 192")]


@contract("4.10", "7")
def test_findscu_shows_the_label(holdings: Server) -> None:
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", "PatientName=M*", "-k", "StudyInstanceUID")
    done: subprocess.CompletedProcess[str] = dcmtk("findscu", "-v", "-S", *keys, "127.0.0.1", str(holdings.port))
    assert "[ISO_IR 192]" in done.stdout + done.stderr
    assert "Müller^Zoë" in done.stdout + done.stderr
