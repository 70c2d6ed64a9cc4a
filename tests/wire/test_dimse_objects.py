"""Objects as modalities and old programs write them: taken or refused, and what becomes of them. PS3.4 B.2.3."""

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pydicom.uid import UID, ImplicitVRLittleEndian
from pynetdicom.presentation import build_context

from pacs.dicom.syntaxes import EXPLICIT_LE, STORAGE_CLASSES
from tests.builders import CT, ct_bytes, make_ct, uid, with_raw
from tests.wire.contract import contract
from tests.wire.peers import Bare, association, find, store
from tests.wire.server import Server
from tests.wire.test_dimse_store import data_set_of, elements, status_of, store_bytes, store_rq

SUCCESS, CANNOT_UNDERSTAND, MISMATCH, NOT_SUPPORTED, NO_ROOM = 0, 0xC000, 0xA900, 0x0122, 0xA700
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
STUDY, SERIES, SOP = 0x0020000D, 0x0020000E, 0x00080018


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Association servers with a worker. Shared: each test has its own patients."""
    running = Server(tmp_path_factory.mktemp("working") / "data")
    running.start_scp()
    running.start("worker", "--workers", "1")
    yield running
    running.stop()


def explicit(tag: int, vr: bytes, value: bytes) -> bytes:
    long = vr in (b"OB", b"OW", b"SQ", b"UN", b"UT")
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr)
    return head + (struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value))) + value


def status(server: Server, data: bytes, sop: str) -> int:
    return status_of(store_bytes(server, data, sop))


def raw(sop: str, tag: int, vr: str, value: bytes) -> bytes:
    return data_set_of(with_raw(ct_bytes(sop=sop), tag, vr, value))


@pytest.mark.parametrize("tag", [STUDY, SERIES, SOP, 0x00080016], ids=["study", "series", "instance", "class"])
@pytest.mark.parametrize("value", [b"", b"1.2.x\0", b"1." * 33 + b"1\0"], ids=["empty", "letters", "67 long"])
@contract("3.4", "3.3")
def test_refuses_uids_that_are_none(server: Server, tag: Any, value: Any) -> None:
    response = store_bytes(server, raw("no-uid", tag, "UI", value), "no-uid")
    assert status_of(response) == CANNOT_UNDERSTAND
    assert response[0x0901] == struct.pack("<HH", tag >> 16, tag & 0xFFFF)


@contract("3.4")
def test_refuses_length_beyond_the_data(server: Server) -> None:
    data = data_set_of(ct_bytes(sop="beyond"))
    assert status(server, data + struct.pack("<HH2sHI", 0x7FE1, 0x10, b"OB", 0, 0xFFFFFFF0), "beyond") == (
        CANNOT_UNDERSTAND
    )


@contract("3.3")
def test_other_class_than_the_contexts_is_not_supported(server: Server) -> None:
    peer = Bare(server.port)
    assert peer.associate()[0] == 2
    peer.command(store_rq(uid("mr")) | {2: "1.2.840.10008.5.1.4.1.1.4"})
    peer.data_set(data_set_of(ct_bytes(sop="mr")))
    assert status_of(elements(peer.pdu()[1][6:])) == NOT_SUPPORTED
    peer.command(store_rq(uid("after")))
    peer.data_set(data_set_of(ct_bytes(sop="after")))
    assert status_of(elements(peer.pdu()[1][6:])) == SUCCESS


@contract("3.3")
def test_data_set_of_another_class_mismatches(server: Server) -> None:
    data = raw("class", 0x00080016, "UI", b"1.2.840.10008.5.1.4.1.1.4\0")
    response = store_bytes(server, data, "class")
    assert status_of(response) == MISMATCH
    assert response[0x0901] == struct.pack("<HH", 8, 0x16)


@contract("3.3")
def test_disk_below_its_mark_is_out_of_resources(own_server: Server) -> None:
    own_server.environment["PACS_SPOOL__LOW_WATER_BYTES"] = str(1 << 60)
    own_server.start_scp(1)
    response = store_bytes(own_server, data_set_of(ct_bytes(sop="full")), "full")
    assert status_of(response) == NO_ROOM
    assert 0 < len(response[0x0902]) <= 64
    assert own_server.temporary_files() == []


def nested(depth: int, *, defined: bool) -> bytes:
    """Items in items. With defined lengths all of them must be counted from the innermost."""
    inner = b""
    for _ in range(depth):
        if defined:
            inner = explicit(0x00081140, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner)
        else:
            head = struct.pack("<HH2sHI", 8, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
                "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
            )
            inner = head + inner + struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return inner


def after_class(sop: str, more: bytes) -> bytes:
    """A data set with elements put behind its group 0008."""
    data = data_set_of(ct_bytes(sop=sop))
    position = data.index(struct.pack("<HH", 0x0010, 0x0010))
    return data[:position] + more + data[position:]


ODD = {
    "wrong group length": lambda sop: explicit(0x00080000, b"UL", b"\1\0\0\0") + data_set_of(ct_bytes(sop=sop)),
    "private elements": lambda sop: (
        data_set_of(ct_bytes(sop=sop)) + explicit(0x7FE10010, b"LO", b"ACME") + explicit(0x7FE11001, b"UN", b"\0\1\2\3")
    ),
    "odd length": lambda sop: after_class(sop, explicit(0x00084000, b"LT", b"odd")),
    "empty type 1": lambda sop: raw(sop, 0x00080060, "CS", b""),
    "UID padded with a space": lambda sop: raw(sop, STUDY, "UI", uid("t1").encode() + b" "),
    "UID padded with two NULs": lambda sop: raw(sop, STUDY, "UI", uid("t1").encode() + b"\0\0"),
    "300 levels, undefined": lambda sop: after_class(sop, nested(300, defined=False)),
    "300 levels, defined": lambda sop: after_class(sop, nested(300, defined=True)),
}


@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
@contract("3.5")
def test_takes_what_old_senders_write(server: Server, make: Any) -> None:
    sop = f"odd-{list(ODD.values()).index(make)}"
    assert status(server, make(sop), sop) == SUCCESS


@contract("3.5")
def test_takes_implicit_vr_with_undefined_lengths(server: Server) -> None:
    ds = make_ct("implicit", syntax=ImplicitVRLittleEndian)
    with association(server.port, [build_context(CT, ["1.2.840.10008.1.2"])]) as assoc:
        assert assoc.send_c_store(ds).Status == SUCCESS


@contract("3.1")
def test_takes_an_object_of_every_class(server: Server) -> None:
    assert LABEL_MAP in STORAGE_CLASSES
    for sop_class in sorted(STORAGE_CLASSES):
        peer = Bare(server.port)
        assert peer.associate(sop_class)[0] == 2
        sop = f"class-{sop_class}"
        peer.command(store_rq(uid(sop)) | {2: sop_class})
        name = sop_class.encode()
        peer.data_set(raw(sop, 0x00080016, "UI", name + b"\0" * (len(name) % 2)))
        assert status_of(elements(peer.pdu()[1][6:])) == SUCCESS, sop_class
        peer.close()


@contract("3.1")
def test_private_classes_may_go_to_quarantine(own_server: Server) -> None:
    own_server.environment["PACS_PIPELINE__PRIVATE_SOP_CLASSES"] = "quarantine"
    own_server.start_scp(1)
    own_server.start("worker", "--workers", "1")
    private = "1.2.826.0.1.3680043.8.498.1"
    ds = make_ct("private", SOPClassUID=private)
    ds.file_meta.MediaStorageSOPClassUID = UID(private)
    with association(own_server.port, [build_context(private, [EXPLICIT_LE])]) as assoc:
        assert assoc.send_c_store(ds).Status == SUCCESS
    assert store(own_server.port, [make_ct("public")]) == [SUCCESS]
    counts = own_server.wait_until_worked_off()
    assert (counts["quarantined"], counts["published"]) == (1, 1)


@contract("3.6")
def test_identical_object_is_not_counted_twice(working: Server) -> None:
    before = instances(working)
    for _ in range(2):
        assert store(working.port, [make_ct("same", "same-s", "same-t", "SAME")]) == [SUCCESS]
        working.wait_until_worked_off()
    assert instances(working) == before + 1


@pytest.mark.parametrize("policy", ["keep-first", "replace", "quarantine"])
@contract("3.6")
def test_different_content_follows_the_policy(working: Server, policy: Any) -> None:
    before = instances(working)
    working.run("collection", "set", "inbox", "--duplicates", policy)
    for size in (8, 16):
        ds = make_ct(f"{policy}-i", f"{policy}-s", f"{policy}-t", policy, Columns=size, PixelData=bytes(16 * size))
        assert store(working.port, [ds]) == [SUCCESS]
        counts = working.wait_until_worked_off()
    assert instances(working) == before + 1
    assert (16 in columns(working)) == (policy == "replace")
    assert policy != "quarantine" or counts["quarantined"] == 1
    if policy == "replace":
        assert store(working.port, [make_ct(f"{policy}-i", f"{policy}-s", f"{policy}-t", policy)]) == [SUCCESS]
        working.wait_until_worked_off()


def instances(server: Server) -> int:
    rows, _status = find(server.port, level="STUDY", StudyInstanceUID="", NumberOfStudyRelatedInstances="")
    return sum(int(each.NumberOfStudyRelatedInstances) for each in rows)


def columns(server: Server) -> list[int]:
    """Columns of every instance."""
    found = []
    for study in (each.StudyInstanceUID for each in find(server.port, level="STUDY", StudyInstanceUID="")[0]):
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": ""}
        for series in (each.SeriesInstanceUID for each in find(server.port, level="SERIES", **keys)[0]):
            keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": "", "Columns": ""}
            found += [int(each.Columns) for each in find(server.port, level="IMAGE", **keys)[0]]
    return found


@contract("3.7", "3.8")
def test_eight_writers_make_one_study(own_server: Server) -> None:
    own_server.start_scp()
    own_server.start("worker", "--workers", "2")

    def send(number: int) -> list[int]:
        peer = Bare(own_server.port)
        assert peer.associate()[0] == 2
        statuses = []
        for n in range(5):
            peer.command(store_rq(uid(f"w{number}-{n}")))
            peer.data_set(data_set_of(ct_bytes(sop=f"w{number}-{n}", series=f"ws{number}", study="wt")))
            response = elements(peer.pdu()[1][6:])
            assert response[0x1000].rstrip(b"\0").decode() == uid(f"w{number}-{n}")
            statuses.append(status_of(response))
        return statuses

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(send, range(8))) == [[SUCCESS] * 5] * 8
    assert own_server.wait_until_worked_off()["published"] == 40
    keys = {"StudyInstanceUID": "", "NumberOfStudyRelatedInstances": "", "NumberOfStudyRelatedSeries": ""}
    rows, _status = find(own_server.port, level="STUDY", **keys)
    assert [(each.NumberOfStudyRelatedSeries, each.NumberOfStudyRelatedInstances) for each in rows] == [(8, 40)]
    assert rows[0].StudyInstanceUID != uid("wt")


@contract("3.9")
def test_many_small_objects_on_one_association(server: Server) -> None:
    """How many a second is for the bench; here none is lost or out of order."""
    before = server.status()["waiting"]
    assert store(server.port, [make_ct(f"many-{n}", PixelData=bytes(128)) for n in range(100)]) == [SUCCESS] * 100
    assert server.status()["waiting"] == before + 100
