"""Counting sub-operations, and which contexts are proposed for them. PS3.4 C.4.2."""

from hypothesis import given
from hypothesis import strategies as st

from pacs.dicom.syntaxes import EXPLICIT_LE, IMPLICIT_LE
from pacs.dimse.messages import COMPLETED, REMAINING
from pacs.dimse.suboperations import MAX_CONTEXTS, Tally, batches, contexts_for
from pacs.model import StoredInstance
from tests.wire.contract import contract

JPEG = "1.2.840.10008.1.2.4.50"


def stored(number: int, sop_class: str = "1.2", syntax: str = EXPLICIT_LE) -> StoredInstance:
    return StoredInstance(number, 1, "inbox", "P", "1", "1.1", f"1.1.{number}", sop_class, syntax, 1, 1, "", 1, "")


@given(st.lists(st.sampled_from([0x0000, 0xB000, 0xB007, 0x0107, 0xA700, 0xC000, 0x0110, None])))
def test_counters_always_add_up(statuses: list[int | None]) -> None:
    tally = Tally(len(statuses))
    for number, status in enumerate(statuses):
        tally.add(stored(number), status)
        assert tally.remaining + tally.completed + tally.failed + tally.warning == len(statuses)
    assert len(tally.failed_uids) == tally.failed


def test_final_status_says_how_it_went() -> None:
    assert Tally(0).final_status() == 0x0000
    assert Tally(0, completed=3).final_status() == 0x0000
    assert Tally(0, completed=2, failed=1).final_status() == 0xB000
    assert Tally(0, completed=2, warning=1).final_status() == 0xB000
    assert Tally(0, failed=3).final_status() == 0xA702


@contract("5.5")
def test_counters_end_at_what_an_element_holds() -> None:
    values = Tally(100_000, completed=70_000).values(with_remaining=True)
    assert (values[REMAINING], values[COMPLETED]) == (65535, 65535)


def test_stored_syntax_stands_alone_in_its_context() -> None:
    proposed = [
        (str(each.abstract_syntax), [str(syntax) for syntax in each.transfer_syntax])
        for each in contexts_for([stored(1), stored(2, syntax=JPEG), stored(3, "1.3", JPEG)])
    ]
    assert proposed == [
        ("1.2", [EXPLICIT_LE]),
        ("1.2", [JPEG]),
        ("1.3", [JPEG]),
        ("1.2", [EXPLICIT_LE, IMPLICIT_LE]),
        ("1.3", [EXPLICIT_LE, IMPLICIT_LE]),
    ]


def test_many_classes_are_split_over_associations() -> None:
    instances = [stored(n, f"1.2.{n}") for n in range(150)] + [stored(200, "1.2.149", JPEG)]
    found = list(batches(instances))
    assert [each for batch in found for each in batch] == instances
    assert all(len(contexts_for(batch)) <= MAX_CONTEXTS for batch in found)
    assert len(found) == 3
