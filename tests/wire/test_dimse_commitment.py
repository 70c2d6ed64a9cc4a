"""Storage commitment over real sockets: on the same association, on a new one, after a restart. PS3.4 Annex J."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pydicom.config import IGNORE
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.presentation import build_context

from tests.builders import CT, make_ct
from tests.wire.contract import contract
from tests.wire.peers import STUDY_ROOT, association, store
from tests.wire.server import Server, free_port, wait_for

PUSH, INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"


class Sender:
    """A modality: asks for commitment and takes the answer, on the association that asked or as an SCP."""

    def __init__(self, aet: str = "MODALITY") -> None:
        self.aet = aet
        self.told: list[tuple[int, Dataset]] = []
        self.came, self.answered = threading.Event(), threading.Event()
        self.roles: list[Any] = []

    def on_report(self, event: Any) -> Any:
        self.told.append((event.request.EventTypeID, event.event_information))
        self.came.set()
        return 0x0000, None

    def on_sent(self, event: Any) -> None:
        """Who releases before its answer has gone out breaks the protocol."""
        if self.came.is_set() and isinstance(event.pdu, P_DATA_TF):
            self.answered.set()

    def ask(self, port: int, references: Any, transaction: str = "1.2.3.4", wait_s: float = 0.0, **more: Any) -> int:
        """The status of the N-ACTION; stays on the association for `wait_s` seconds, or until it was told."""
        ae = AE(self.aet)
        handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, self.on_report), (evt.EVT_PDU_SENT, self.on_sent)]
        assoc = ae.associate(
            "127.0.0.1", port, [build_context(PUSH)], ae_title=more.get("called", "TRIALPACS"), evt_handlers=handlers
        )
        assert assoc.is_established
        status, _reply = assoc.send_n_action(request(references, transaction), 1, PUSH, more.get("to", INSTANCE))
        if self.came.wait(wait_s):
            assert self.answered.wait(20)
        assoc.release()
        return int(status.Status)

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        """As the SCU of the service that answers calls: role SCP is proposed by who calls."""
        ae = AE(self.aet)
        ae.add_supported_context(PUSH, scu_role=False, scp_role=True)
        handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, self.on_report), (evt.EVT_ESTABLISHED, self.roles.append)]
        server: Any = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
        try:
            yield
        finally:
            server.shutdown()


def request(references: Any, transaction: str) -> Dataset:
    asked = Dataset()
    asked.add(DataElement(0x00081195, "UI", transaction, validation_mode=IGNORE))
    asked.ReferencedSOPSequence = []
    for sop_class, sop_uid in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_uid
        asked.ReferencedSOPSequence.append(item)
    return asked


def pairs(objects: list[Dataset]) -> list[tuple[str, str]]:
    return [(each.SOPClassUID, each.SOPInstanceUID) for each in objects]


def safe_in(report: Dataset) -> set[str]:
    return {each.ReferencedSOPInstanceUID for each in report.get("ReferencedSOPSequence", [])}


def failed_in(report: Dataset) -> dict[str, int]:
    return {each.ReferencedSOPInstanceUID: each.FailureReason for each in report.get("FailedSOPSequence", [])}


@pytest.fixture
def trial(own_server: Server) -> Server:
    """A server whose collection `trial` commits what it published; no worker yet."""
    own_server.start_scp(1)
    own_server.run("collection", "create", "trial", "--called-aet", "TRIAL", "--release", "automatic")
    own_server.run("collection", "set", "trial", "--commitment", "published")
    own_server.run("peer", "add", "MODALITY", "127.0.0.1", "104")
    return own_server


def sent(server: Server, count: int = 2, prefix: str = "c") -> list[Dataset]:
    objects: list[Dataset] = [make_ct(f"{prefix}-{n}", "c", "c", "C", InstanceNumber=n) for n in range(count)]
    assert set(store(server.port, objects, calling="MODALITY", called="TRIAL")) == {0}
    return objects


@contract("6", "3.8", "W28")
def test_all_safe_is_told_on_the_same_association(trial: Server) -> None:
    trial.start("worker", "--workers", "1")
    objects = sent(trial)
    sender = Sender()
    assert sender.ask(trial.port, pairs(objects), "1.2.3", wait_s=20, called="TRIAL") == 0
    event, report = sender.told[0]
    assert (event, report.TransactionUID) == (1, "1.2.3")
    assert safe_in(report) == {each.SOPInstanceUID for each in objects}
    assert "FailedSOPSequence" not in report
    wait_for(lambda: not list((trial.data / "vault" / "requests").iterdir()))


@contract("6")
def test_new_uids_are_understood_too(trial: Server) -> None:
    trial.start("worker", "--workers", "1")
    sent(trial)
    trial.wait_until_worked_off()
    rows = _rows_of(trial)
    assert len(rows) == 2
    sender = Sender()
    assert sender.ask(trial.port, [(CT, each.SOPInstanceUID) for each in rows], wait_s=20, called="TRIAL") == 0
    assert sender.told[0][0] == 1


def _rows_of(server: Server) -> list[Dataset]:
    """Every image that the peer sees, asked for in one query across the levels."""
    server.run("peer", "set", "MODALITY", "relational=yes")
    asked = Dataset()
    asked.QueryRetrieveLevel, asked.SOPInstanceUID = "IMAGE", ""
    with association(server.port, [build_context(STUDY_ROOT + "1")], calling="MODALITY") as assoc:
        return [ds for _status, ds in assoc.send_c_find(asked, STUDY_ROOT + "1") if ds is not None]


@pytest.mark.parametrize("right_first", [True, False])
@contract("6")
def test_each_class_of_an_object_is_judged_by_itself(trial: Server, right_first: bool) -> None:
    trial.start("worker", "--workers", "1")
    (one,) = sent(trial, 1)
    asked = [(CT, one.SOPInstanceUID), ("1.2.840.10008.5.1.4.1.1.4", one.SOPInstanceUID)]
    sender = Sender()
    assert sender.ask(trial.port, asked if right_first else asked[::-1], wait_s=20, called="TRIAL") == 0
    event, report = sender.told[0]
    assert event == 2
    assert [each.ReferencedSOPClassUID for each in report.ReferencedSOPSequence] == [CT]
    assert [(each.ReferencedSOPClassUID, each.FailureReason) for each in report.FailedSOPSequence] == [
        ("1.2.840.10008.5.1.4.1.1.4", 0x0119)
    ]


@contract("6")
def test_failures_are_named_with_their_reasons(trial: Server) -> None:
    trial.start("worker", "--workers", "1")
    good, other = sent(trial)
    asked = [(CT, good.SOPInstanceUID), ("1.2.840.10008.5.1.4.1.1.4", other.SOPInstanceUID), (CT, "1.2.3.999")]
    sender = Sender()
    assert sender.ask(trial.port, asked, wait_s=20, called="TRIAL") == 0
    event, report = sender.told[0]
    assert event == 2
    assert safe_in(report) == {good.SOPInstanceUID}
    assert failed_in(report) == {other.SOPInstanceUID: 0x0119, "1.2.3.999": 0x0112}


@contract("6")
def test_answer_waits_for_what_was_accepted_before(trial: Server) -> None:
    """No worker runs: the association ends unanswered; later the job calls the sender, across a restart."""
    port = free_port()
    trial.run("peer", "add", "MODALITY", "127.0.0.1", str(port))
    objects = sent(trial)
    sender = Sender()
    assert sender.ask(trial.port, pairs(objects), wait_s=1, called="TRIAL") == 0
    assert sender.told == []
    trial.stop()
    trial.start_scp(1)
    trial.start("worker", "--workers", "1")
    trial.start("jobs", "run")
    with sender.listening(port):
        assert wait_for(lambda: sender.told, 60)
    event, report = sender.told[0]
    assert event == 1
    assert safe_in(report) == {each.SOPInstanceUID for each in objects}


@contract("6", "W28")
def test_sender_that_is_away_is_told_later(trial: Server) -> None:
    port = free_port()
    trial.run("peer", "add", "MODALITY", "127.0.0.1", str(port))
    trial.start("worker", "--workers", "1")
    objects = sent(trial)
    trial.wait_until_worked_off()
    sender = Sender()
    trial.stop()
    trial.start_scp(1)
    refusing = Sender()
    refusing.on_report = lambda _event: (0x0110, None)  # type: ignore[method-assign,assignment]
    assert refusing.ask(trial.port, pairs(objects), wait_s=2, called="TRIAL") == 0
    trial.start("jobs", "run")
    with sender.listening(port):
        assert wait_for(lambda: sender.told, 60)
    assert sender.told[0][0] == 1


@contract("6", "W28")
def test_sender_that_has_released_is_called_at_once(trial: Server) -> None:
    port = free_port()
    trial.run("peer", "add", "MODALITY", "127.0.0.1", str(port))
    trial.start("worker", "--workers", "1")
    trial.start("jobs", "run")
    objects = sent(trial)
    trial.wait_until_worked_off()
    sender = Sender()
    with sender.listening(port):
        assert sender.ask(trial.port, pairs(objects), called="TRIAL") == 0
        assert wait_for(lambda: sender.told, 10)
    assert sender.told[0][0] == 1


@contract("6")
def test_transaction_used_twice_fails(trial: Server) -> None:
    trial.start("worker", "--workers", "1")
    objects = sent(trial)
    for expected in (1, 2):
        sender = Sender()
        assert sender.ask(trial.port, pairs(objects), "1.2.7", wait_s=20, called="TRIAL") == 0
        assert sender.told[0][0] == expected
    assert set(failed_in(sender.told[0][1]).values()) == {0x0131}


@pytest.mark.parametrize(("policy", "expected"), [("published", {0x0110}), ("kept", set())])
@contract("6")
def test_held_objects_are_safe_by_policy(trial: Server, policy: str, expected: set[int]) -> None:
    trial.run("collection", "set", "trial", "--commitment", policy, "--documents", "quarantine")
    trial.start("worker", "--workers", "1")
    pdf = make_ct("c-pdf", "c", "c", "C")
    pdf.EncapsulatedDocument, pdf.MIMETypeOfEncapsulatedDocument = b"%PDF-1.4", "application/pdf"
    assert store(trial.port, [pdf], calling="MODALITY", called="TRIAL") == [0]
    sender = Sender()
    assert sender.ask(trial.port, pairs([pdf]), wait_s=20, called="TRIAL") == 0
    assert set(failed_in(sender.told[0][1]).values()) == expected


@contract("6")
def test_off_by_default(own_server: Server) -> None:
    own_server.start_scp(1)
    own_server.run("peer", "add", "MODALITY", "127.0.0.1", "104")
    assert Sender().ask(own_server.port, [(CT, "1.2.3")]) == 0x0124


@contract("1.2", "6")
def test_peer_that_may_not_commit_is_refused(trial: Server) -> None:
    trial.run("peer", "add", "MODALITY", "127.0.0.1", "104", "--allow", "echo,store")
    assert Sender().ask(trial.port, [(CT, "1.2.3")], called="TRIAL") == 0x0124


@pytest.mark.parametrize(
    ("references", "transaction", "to", "status"),
    [
        ([], "1.2.3", INSTANCE, 0x0120),
        ([(CT, "1.2.3")], "", INSTANCE, 0x0120),
        ([(CT, "")], "1.2.3", INSTANCE, 0x0115),
        ([(CT, "1.2.3")], "abc", INSTANCE, 0x0115),
        ([(CT, "1.2.3")], "1.2.3", "1.2.3.4", 0x0112),
    ],
)
def test_requests_that_mean_nothing_are_refused(
    trial: Server, references: Any, transaction: str, to: str, status: int
) -> None:
    assert Sender().ask(trial.port, references, transaction, to=to, called="TRIAL") == status


def test_no_original_uid_stands_outside_the_wall(trial: Server) -> None:
    objects = sent(trial)
    assert Sender().ask(trial.port, pairs(objects), "1.2.840.99.7654321", called="TRIAL") == 0
    files = [each for each in trial.data.rglob("*") if each.is_file() and "spool" not in each.parts]
    texts = [each.read_bytes() for each in [*files, trial.log]]
    for secret in ("1.2.840.99.7654321", *(each.SOPInstanceUID for each in objects)):
        assert not any(secret.encode() in text for text in texts)
