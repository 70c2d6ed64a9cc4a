"""Retrieves when something is wrong: with the destination, single objects, or who asked. PS3.4 C.4.2 and C.4.3."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation
from pynetdicom.presentation import build_context, build_role

from pacs.dicom.elements import DataSet
from pacs.dicom.syntaxes import EXPLICIT_LE, encoding_of
from pacs.dicom.writing import encode
from pacs.dimse.messages import parse_command
from tests.builders import CT, make_ct, uid
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.peers import (
    PATIENT_ROOT,
    STUDY_ROOT,
    Bare,
    Receiver,
    associate_rq,
    association,
    find_on,
    identifier,
    move,
)
from tests.wire.server import Server, free_port, wait_for

PENDING, CANCEL, FAILED_PARTLY, UNABLE = 0xFF00, 0xFE00, 0xB000, 0xA702
UNKNOWN_DESTINATION, WRONG_IDENTIFIER = 0xA801, 0xA900
STUDY = uid("big")
SOPS = [uid(f"big-{number}") for number in range(1, 61)]


@pytest.fixture(scope="module")
def holdings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A study of 60 slices in two series, and a study of one."""
    running = Server(tmp_path_factory.mktemp("faults") / "data")
    slices = [
        make_ct(f"big-{n}", f"big-{(n - 1) // 40}", "big", "B", InstanceNumber=n, SeriesNumber=(n - 1) // 40)
        for n in range(1, 61)
    ]
    hold(running.data, [*slices, make_ct("one", "one", "one", "O")])
    running.run("collection", "create", "other")
    running.run("peer", "add", "BOUND", "127.0.0.1", "1", "--collection", "other")
    running.run("peer", "add", "DEAD", "127.0.0.1", str(free_port()))
    running.run("peer", "add", "HOROS", "127.0.0.1", "1")
    running.run("peer", "set", "HOROS", "implied_roles=yes", "relational=yes")
    running.start_scp(1)
    with Destination("DEST", tmp_path_factory.mktemp("received")) as receiver:
        running.run("peer", "add", "DEST", "127.0.0.1", str(receiver.port))
        running.receiver = receiver  # type: ignore[attr-defined] # for `destination`
        yield running
    running.stop()


class Destination(Receiver):
    """A receiver with a mind of its own: `judge` gets each object's place in line, and the event."""

    judge: Callable[[int, Any], int] = staticmethod(lambda _number, _event: 0)
    lock = threading.Lock()
    ahead = 0

    def on_store(self, event: Any) -> int:
        with self.lock:
            number = len(self.objects)
            self.ahead = max(self.ahead, event.assoc.dimse.msg_queue.qsize())
            self.objects.append(event.dataset)
        return self.judge(number, event)


@contextmanager
def destination(server: Server, *rules: str, judge: Any = None) -> Iterator[Destination]:
    """The receiver that the server knows as DEST, as new; with other rules for so long."""
    receiver = server.receiver  # type: ignore[attr-defined] # put there by the fixture
    for each in (receiver.objects, receiver.associations):
        each.clear()
    receiver.ahead, receiver.judge = 0, judge or (lambda _number, _event: 0)
    if rules:
        server.run("peer", "set", "DEST", *rules)
    try:
        yield receiver
    finally:
        if rules:
            server.run("peer", "set", "DEST", "patience_s=60", "parallel=1")


def counters(status: Dataset) -> tuple[int, int, int]:
    return (
        status.NumberOfCompletedSuboperations,
        status.NumberOfFailedSuboperations,
        status.NumberOfWarningSuboperations,
    )


def aborted(receiver: Receiver) -> bool:
    return all(event.assoc.is_aborted for event in receiver.associations)


@contract("5.6", "5.5", "W2")
def test_refused_objects_do_not_stop_the_others(holdings: Server) -> None:
    def judge(number: int, _event: Any) -> int:
        return 0xC000 if number in (3, 40) else 0xB006 if number == 5 else 0

    with destination(holdings, judge=judge) as receiver:
        answers = move(holdings.port, "DEST", level="STUDY", StudyInstanceUID=STUDY)
    status, failed = answers[-1]
    assert (status.Status, counters(status)) == (FAILED_PARTLY, (57, 2, 1))
    assert failed is not None
    assert set(failed.FailedSOPInstanceUIDList) == {receiver.objects[n].SOPInstanceUID for n in (3, 40)}
    assert len(receiver.objects) == 60
    assert "NumberOfRemainingSuboperations" not in status
    remaining = [status.NumberOfRemainingSuboperations for status, _ in answers[:-1]]
    assert len(remaining) >= 12 - 1
    assert remaining == sorted(remaining, reverse=True)
    for pending, _ in answers[:-1]:
        assert pending.NumberOfRemainingSuboperations + sum(counters(pending)) == 60


@contract("5.6", "5.5")
def test_rest_fails_when_the_destination_aborts(holdings: Server) -> None:
    def judge(number: int, event: Any) -> int:
        if number == 10:
            event.assoc.abort()
        return 0

    with destination(holdings, judge=judge):
        status, failed = move(holdings.port, "DEST", level="STUDY", StudyInstanceUID=STUDY)[-1]
    assert (status.Status, counters(status)) == (FAILED_PARTLY, (10, 50, 0))
    assert failed is not None
    assert len(failed.FailedSOPInstanceUIDList) == 50


@contract("W24", "5.6", "W13")
def test_destination_that_never_answers_is_aborted(holdings: Server) -> None:
    gate = threading.Event()

    def judge(number: int, _event: Any) -> int:
        if number == 2:
            gate.wait(20)
        return 0

    with destination(holdings, "patience_s=1", judge=judge) as receiver:
        answers = move(holdings.port, "DEST", level="STUDY", StudyInstanceUID=STUDY)
        gate.set()
        assert len(receiver.objects) == 3
        wait_for(lambda: aborted(receiver))
    assert (answers[-1][0].Status, counters(answers[-1][0])) == (FAILED_PARTLY, (2, 58, 0))


@contract("5.5")
def test_reports_each_second_while_an_object_is_under_way(holdings: Server) -> None:
    gate = threading.Event()
    with (
        destination(holdings, judge=lambda _number, _event: gate.wait(20) and 0),
        association(holdings.port, [build_context(f"{STUDY_ROOT}2", [EXPLICIT_LE])]) as assoc,
    ):
        asked = identifier(level="STUDY", StudyInstanceUID=uid("one"))
        answers = assoc.send_c_move(asked, "DEST", f"{STUDY_ROOT}2")
        first, second = next(answers)[0], next(answers)[0]
        assert [each.NumberOfRemainingSuboperations for each in (first, second)] == [1, 1]
        gate.set()
        assert counters(list(answers)[-1][0]) == (1, 0, 0)


@contract("W23", "1.11")
def test_move_stops_when_its_requester_aborts(holdings: Server) -> None:
    gate = threading.Event()

    def judge(number: int, _event: Any) -> int:
        if number == 7:
            gate.wait(20)
        return 0

    with destination(holdings, judge=judge) as receiver:
        with association(holdings.port, [build_context(f"{STUDY_ROOT}2", [EXPLICIT_LE])]) as assoc:
            asked = identifier(level="STUDY", StudyInstanceUID=STUDY)
            next(assoc.send_c_move(asked, "DEST", f"{STUDY_ROOT}2"))
            wait_for(lambda: len(receiver.objects) == 8)
            assoc.abort()
        wait_for(lambda: "aborted" in holdings.log.read_text())
        gate.set()
        wait_for(lambda: aborted(receiver))
        assert len(receiver.objects) == 8


@contract("5.3", "W9", "W19")
def test_comment_names_the_unknown_destination(holdings: Server) -> None:
    status, failed = move(holdings.port, "NOBODY", level="STUDY", StudyInstanceUID=STUDY)[-1]
    assert (status.Status, counters(status), bool(failed)) == (UNKNOWN_DESTINATION, (0, 0, 0), False)
    assert "NOBODY" in status.ErrorComment


@contract("5.3", "W13", "W9")
def test_comment_says_that_the_destination_does_not_answer(holdings: Server) -> None:
    status, failed = move(holdings.port, "DEAD", level="STUDY", StudyInstanceUID=STUDY)[-1]
    assert (status.Status, counters(status)) == (UNABLE, (0, 60, 0))
    assert failed is not None
    assert len(failed.FailedSOPInstanceUIDList) == 60
    assert "DEAD" in status.ErrorComment
    assert "does not answer" in status.ErrorComment


@contract("5.3", "5.4", "W14")
def test_destination_title_is_trimmed(holdings: Server) -> None:
    with destination(holdings) as receiver:
        bare = Bare(holdings.port)
        assert bare.associate(f"{STUDY_ROOT}2", EXPLICIT_LE)[0] == 2
        ask_to_move(bare, "  DEST  ", STUDY)
        last = last_response(bare)
        assert (last.number(0x0900), last.number(0x1021)) == (0, 60)
        assert {str(event.assoc.requestor.ae_title) for event in receiver.associations} == {"TRIALPACS"}
        assert {str(event.assoc.requestor.primitive.called_ae_title) for event in receiver.associations} == {"DEST"}
        assert receiver.ahead == 0, "one request at a time"


def ask_to_move(bare: Bare, aet: str, study: str) -> None:
    bare.command({0x0002: f"{STUDY_ROOT}2", 0x0100: 0x0021, 0x0110: 7, 0x0700: 0, 0x0800: 1, 0x0600: aet})
    query = DataSet()
    query.put(0x00080052, "CS", b"STUDY")
    query.put(0x0020000D, "UI", study.encode())
    encoding = encoding_of(EXPLICIT_LE)
    bare.data_set(b"".join(map(bytes, encode(query, encoding, encoding))))


def last_response(bare: Bare) -> Any:
    while True:
        kind, body = bare.pdu()
        assert kind == 4, kind
        if not body[5] & 1:
            continue
        found = parse_command(body[6:])
        if found.number(0x0900) != PENDING:
            return found


@contract("W11")
def test_final_response_has_no_identifier_when_all_is_well(holdings: Server) -> None:
    with destination(holdings):
        bare = Bare(holdings.port)
        assert bare.associate(f"{STUDY_ROOT}2", EXPLICIT_LE)[0] == 2
        ask_to_move(bare, "DEST", uid("one"))
        assert last_response(bare).number(0x0800) == 0x0101
    bare = Bare(holdings.port)
    assert bare.associate(f"{STUDY_ROOT}1", EXPLICIT_LE)[0] == 2
    bare.command({0x0002: f"{STUDY_ROOT}1", 0x0100: 0x0020, 0x0110: 7, 0x0700: 0, 0x0800: 1})
    query = DataSet()
    query.put(0x00080052, "CS", b"STUDY")
    encoding = encoding_of(EXPLICIT_LE)
    bare.data_set(b"".join(map(bytes, encode(query, encoding, encoding))))
    last = last_response(bare)
    assert (last.number(0x0900), last.number(0x0800)) == (0, 0x0101)


@contract("5.4")
def test_large_move_uses_the_associations_that_the_rule_allows(holdings: Server) -> None:
    with destination(holdings, "parallel=3") as receiver:
        answers = move(holdings.port, "DEST", level="STUDY", StudyInstanceUID=STUDY)
        assert (answers[-1][0].Status, counters(answers[-1][0])) == (0, (60, 0, 0))
        assert len(receiver.associations) == 3
        assert sorted(each.SOPInstanceUID for each in receiver.objects) == sorted(SOPS)
        for pending, _ in answers[:-1]:
            assert pending.NumberOfRemainingSuboperations + sum(counters(pending)) == 60
        small = move(holdings.port, "DEST", level="STUDY", StudyInstanceUID=uid("one"))
        assert (counters(small[-1][0]), len(receiver.associations)) == ((1, 0, 0), 4)


@contract("5.12", "5.5")
@pytest.mark.parametrize("parallel", ["1", "3"])
def test_cancel_ends_a_move_over_any_number_of_associations(holdings: Server, parallel: str) -> None:
    gate = threading.Event()
    wait = lambda number, _event: 0 if number < 6 else gate.wait(20) and 0  # noqa: E731 # as short as a literal
    with destination(holdings, f"parallel={parallel}", judge=wait) as receiver:
        bare = Bare(holdings.port)
        assert bare.associate(f"{STUDY_ROOT}2", EXPLICIT_LE)[0] == 2
        ask_to_move(bare, "DEST", STUDY)
        wait_for(lambda: len(receiver.objects) == 6 + int(parallel))
        bare.command({0x0100: 0x0FFF, 0x0120: 7, 0x0800: 0x0101})
        threading.Timer(1.0, gate.set).start()
        last = last_response(bare)
        assert last.number(0x0900) == CANCEL
        assert last.number(0x1020) + last.number(0x1021) == 60
        assert len(receiver.objects) == last.number(0x1021) == 6 + int(parallel)


@contract("5.12", "W24")
def test_cancelled_move_does_not_wait_for_a_silent_destination(holdings: Server) -> None:
    gate = threading.Event()
    with destination(holdings, judge=lambda _number, _event: gate.wait(30) and 0) as receiver:
        bare = Bare(holdings.port)
        assert bare.associate(f"{STUDY_ROOT}2", EXPLICIT_LE)[0] == 2
        ask_to_move(bare, "DEST", STUDY)
        wait_for(lambda: receiver.objects)
        bare.command({0x0100: 0x0FFF, 0x0120: 7, 0x0800: 0x0101})
        last = last_response(bare)
        gate.set()
        assert (last.number(0x0900), last.number(0x1020)) == (CANCEL, 60)


def get_on(server: Server, roles: Any = (), calling: str = "PEER", **keys: Any) -> tuple[list[str], Dataset, Any]:
    """SOP Instance UIDs that a C-GET brings, its last response and identifier."""
    received: list[str] = []

    def on_store(event: evt.Event) -> int:
        received.append(str(event.dataset.SOPInstanceUID))
        return 0

    contexts = [build_context(f"{STUDY_ROOT}3", [EXPLICIT_LE]), build_context(CT, [EXPLICIT_LE])]
    handlers: list[Any] = [(evt.EVT_C_STORE, on_store)]
    with association(server.port, contexts, calling=calling, ext_neg=list(roles), evt_handlers=handlers) as assoc:
        if calling == "HOROS":  # it takes what comes, whatever was negotiated
            for context in assoc._accepted_cx.values():
                context._as_scp = True
        answers = list(assoc.send_c_get(identifier(**keys), f"{STUDY_ROOT}3"))
    return received, *answers[-1]


@contract("5.10", "W1", "W8")
def test_get_without_role_selection_works_by_rule_alone(holdings: Server) -> None:
    received, status, failed = get_on(holdings, level="STUDY", StudyInstanceUID=uid("one"))
    assert (received, status.Status, counters(status)) == ([], UNABLE, (0, 1, 0))
    assert failed.FailedSOPInstanceUIDList == uid("one")
    assert "SCP role" in status.ErrorComment
    received, status, _failed = get_on(holdings, calling="HOROS", level="STUDY", StudyInstanceUID=uid("one"))
    assert (received, status.Status, counters(status)) == ([uid("one")], 0, (1, 0, 0))


@contract("W24", "5.10")
def test_get_of_a_client_that_never_answers_is_aborted(holdings: Server) -> None:
    holdings.run("peer", "set", "HOROS", "patience_s=1")
    bare = Bare(holdings.port)
    bare.send(associate_rq([(f"{STUDY_ROOT}3", [EXPLICIT_LE]), (CT, [EXPLICIT_LE])], calling="HOROS"))
    assert bare.pdu()[0] == 2
    bare.command({0x0002: f"{STUDY_ROOT}3", 0x0100: 0x0010, 0x0110: 7, 0x0700: 0, 0x0800: 1})
    query = DataSet()
    query.put(0x00080052, "CS", b"STUDY")
    query.put(0x0020000D, "UI", STUDY.encode())
    encoding = encoding_of(EXPLICIT_LE)
    bare.data_set(b"".join(map(bytes, encode(query, encoding, encoding))))
    kinds: list[int] = []
    while not kinds or kinds[-1] == 4:
        kinds.append(bare.pdu()[0])
    assert kinds[-1] == 7


@contract("5.12", "5.10")
def test_cancelled_get_stops_before_the_next_object(holdings: Server) -> None:
    role = [build_role(CT, scp_role=True)]
    received: list[str] = []

    def on_store(event: evt.Event) -> int:
        received.append(str(event.dataset.SOPInstanceUID))
        if len(received) == 3:
            event.assoc.send_c_cancel(1, None, f"{STUDY_ROOT}3")
        return 0

    contexts = [build_context(f"{STUDY_ROOT}3", [EXPLICIT_LE]), build_context(CT, [EXPLICIT_LE])]
    handlers: list[Any] = [(evt.EVT_C_STORE, on_store)]
    with association(holdings.port, contexts, ext_neg=role, evt_handlers=handlers) as assoc:
        asked = identifier(level="STUDY", StudyInstanceUID=STUDY)
        status = list(assoc.send_c_get(asked, f"{STUDY_ROOT}3"))[-1][0]
        assert (status.Status, counters(status)[0]) == (CANCEL, len(received))
        assert status.NumberOfRemainingSuboperations == 60 - len(received) > 0
        again = list(assoc.send_c_get(identifier(level="STUDY", StudyInstanceUID=uid("one")), f"{STUDY_ROOT}3"))
        assert again[-1][0].Status == 0


@contract("5.8", "5.9", "W12")
def test_unknown_uid_is_success_without_association(holdings: Server) -> None:
    with destination(holdings) as receiver:
        status, failed = move(holdings.port, "DEST", level="STUDY", StudyInstanceUID="1.2.3")[-1]
        assert (status.Status, counters(status), failed) == (0, (0, 0, 0), None)
        assert receiver.associations == []
    received, status, _failed = get_on(holdings, [build_role(CT, scp_role=True)], level="STUDY", StudyInstanceUID="1.2")
    assert (received, status.Status, counters(status)) == ([], 0, (0, 0, 0))


@contract("5.11")
def test_invisible_objects_are_not_moved(holdings: Server) -> None:
    with (
        destination(holdings) as receiver,
        association(holdings.port, [build_context(f"{STUDY_ROOT}2", [EXPLICIT_LE])], calling="BOUND") as assoc,
    ):
        asked = identifier(level="STUDY", StudyInstanceUID=STUDY)
        status = list(assoc.send_c_move(asked, "DEST", f"{STUDY_ROOT}2"))[-1][0]
        assert (status.Status, counters(status), receiver.objects) == (0, (0, 0, 0), [])


@contract("5.11", "5.6")
def test_bound_destination_gets_nothing_else(holdings: Server) -> None:
    with destination(holdings) as receiver:
        holdings.run("peer", "add", "NARROW", "127.0.0.1", str(receiver.port), "--collection", "other")
        answers = move(holdings.port, "NARROW", level="SERIES", StudyInstanceUID=STUDY, SeriesInstanceUID=uid("big-1"))
        status, failed = answers[-1]
        assert (status.Status, counters(status)) == (0xA702, (0, 20, 0))
        assert failed is not None
        assert len(failed.FailedSOPInstanceUIDList) == 20
        assert receiver.associations == []


@contract("5.1", "5.2", "W6", "W25")
@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ({"level": "STUDY", "StudyInstanceUID": [STUDY, uid("one")]}, 61),
        ({"level": "SERIES", "StudyInstanceUID": STUDY, "SeriesInstanceUID": uid("big-1")}, 20),
        ({"level": "SERIES", "StudyInstanceUID": STUDY, "SeriesInstanceUID": [uid("big-0"), uid("big-1")]}, 60),
        (
            {
                "level": "IMAGE",
                "StudyInstanceUID": STUDY,
                "SeriesInstanceUID": uid("big-1"),
                "SOPInstanceUID": [SOPS[45], SOPS[50], SOPS[0]],
            },
            2,
        ),
        ({"level": "SERIES", "StudyInstanceUID": STUDY}, WRONG_IDENTIFIER),
        ({"level": "SERIES", "StudyInstanceUID": STUDY, "SeriesInstanceUID": "*"}, WRONG_IDENTIFIER),
        ({"level": "SERIES", "SeriesInstanceUID": uid("big-1")}, WRONG_IDENTIFIER),
        ({"level": "IMAGE", "SOPInstanceUID": SOPS[0]}, WRONG_IDENTIFIER),
        ({"level": "STUDY", "StudyInstanceUID": ["", ""]}, WRONG_IDENTIFIER),
        ({"level": "STUDY", "StudyInstanceUID": "1.2?"}, WRONG_IDENTIFIER),
    ],
    ids=lambda each: str(each)[:40],
)
def test_retrieves_lists_at_their_level_alone(holdings: Server, keys: Any, count: int) -> None:
    with destination(holdings) as receiver:
        status = move(holdings.port, "DEST", **keys)[-1][0]
        if count == WRONG_IDENTIFIER:
            assert (status.Status, counters(status)) == (WRONG_IDENTIFIER, (0, 0, 0))
            assert receiver.associations == []
            assert status.ErrorComment
        else:
            assert (status.Status, counters(status)) == (0, (count, 0, 0))
            assert len(receiver.objects) == count


@contract("5.1", "W4")
@pytest.mark.parametrize("model", [PATIENT_ROOT, "1.2.840.10008.5.1.4.1.2.3."])
def test_moves_by_patient(holdings: Server, model: str) -> None:
    with destination(holdings) as receiver:
        patient = "ID-O-4711"
        status = move(holdings.port, "DEST", model, level="PATIENT", PatientID=patient)[-1][0]
        assert (status.Status, counters(status)) == (0, (1, 0, 0))
        keys = {"PatientID": patient, "StudyInstanceUID": uid("one")}
        assert counters(move(holdings.port, "DEST", model, level="STUDY", **keys)[-1][0]) == (1, 0, 0)
        keys["StudyInstanceUID"] = STUDY
        assert counters(move(holdings.port, "DEST", model, level="STUDY", **keys)[-1][0]) == (0, 0, 0)
        for wrong in ("", "*", "ID-*"):
            assert (
                move(holdings.port, "DEST", model, level="PATIENT", PatientID=wrong)[-1][0].Status == WRONG_IDENTIFIER
            )
        assert len(receiver.objects) == 2


@contract("5.1", "5.2")
def test_composite_instance_root_takes_instance_uids_alone(holdings: Server) -> None:
    roots = [f"1.2.840.10008.5.1.4.1.2.4.{number}" for number in (2, 3)]
    roles = [build_role(CT, scp_role=True)]
    contexts = [*(build_context(each, [EXPLICIT_LE]) for each in roots), build_context(CT, [EXPLICIT_LE])]
    got: list[str] = []

    def keep(event: Any) -> int:
        got.append(event.request.AffectedSOPInstanceUID)
        return 0

    with (
        destination(holdings) as receiver,
        association(holdings.port, contexts, ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, keep)]) as assoc,
    ):
        asked = identifier(level="IMAGE", SOPInstanceUID=[SOPS[3], SOPS[50]])
        status = list(assoc.send_c_move(asked, "DEST", roots[0]))[-1][0]
        assert (status.Status, counters(status)) == (0, (2, 0, 0))
        assert {each.SOPInstanceUID for each in receiver.objects} == {SOPS[3], SOPS[50]}
        status = list(assoc.send_c_get(asked, roots[1]))[-1][0]
        assert (status.Status, counters(status), set(got)) == (0, (2, 0, 0), {SOPS[3], SOPS[50]})
        for keys in ({"level": "IMAGE"}, {"level": "STUDY", "StudyInstanceUID": "1.2"}, {"level": "FRAME"}):
            status = list(assoc.send_c_get(identifier(**keys), roots[1]))[-1][0]
            assert status.Status == WRONG_IDENTIFIER


@contract("5.1", "4.2", "W7", "W29")
def test_image_by_its_uid_alone_when_relational_was_negotiated(holdings: Server) -> None:
    extended = SOPClassExtendedNegotiation()
    extended.sop_class_uid, extended.service_class_application_information = f"{STUDY_ROOT}2", b"\1"
    contexts = [build_context(f"{STUDY_ROOT}2", [EXPLICIT_LE])]
    with (
        destination(holdings) as receiver,
        association(holdings.port, contexts, ext_neg=[extended]) as assoc,
    ):
        assert assoc.acceptor.sop_class_extended[UID(f"{STUDY_ROOT}2")] == b"\1"
        for uids in ([SOPS[3]], [SOPS[3], SOPS[50], uid("one")]):
            receiver.objects.clear()
            asked = identifier(level="IMAGE", SOPInstanceUID=uids)
            status = list(assoc.send_c_move(asked, "DEST", f"{STUDY_ROOT}2"))[-1][0]
            assert (status.Status, counters(status)) == (0, (len(uids), 0, 0))
            assert {each.SOPInstanceUID for each in receiver.objects} == set(uids)
        for keys in ({"level": "IMAGE"}, {"level": "IMAGE", "SOPInstanceUID": "*"}, {"level": "STUDY"}):
            status = list(assoc.send_c_move(identifier(**keys), "DEST", f"{STUDY_ROOT}2"))[-1][0]
            assert status.Status == WRONG_IDENTIFIER


@contract("4.9", "1.11")
def test_serves_on_after_each_of_these(holdings: Server) -> None:
    with association(holdings.port, [build_context(f"{STUDY_ROOT}1", [EXPLICIT_LE])]) as assoc:
        assert len(find_on(assoc, f"{STUDY_ROOT}1", level="STUDY", StudyInstanceUID="")[0]) == 2
