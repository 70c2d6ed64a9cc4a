"""What is accepted is durable; what is not leaves nothing."""

import os
import threading
import zlib
from pathlib import Path

import pytest

from pacs.dicom.fileformat import file_start, read_start
from pacs.dicom.syntaxes import DEFLATED_LE
from pacs.errors import ClassMismatch, MissingUid, NotAllowed, NotDicom, OutOfResources, Refused, Truncated, Unsupported
from pacs.spool import Claims, Expected, Limits, Spool
from tests.builders import CT, ct_bytes, make_envelope, put, uid, with_raw


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", tmp_path / "quarantine")


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_accepted_object_waits_with_its_bytes(spool):
    content = ct_bytes()
    accepted = spool.accept(put(spool.incoming, content), make_envelope())
    (entry,) = spool.entries()
    assert entry.intake_id == accepted.intake_ids[0]
    assert entry.path.read_bytes() == content
    assert files_below(spool.incoming) == []
    assert accepted.sop_uid == uid("i1")
    assert accepted.sop_class_uid == CT


def test_envelope_is_kept_with_the_entry(spool):
    spool.accept(put(spool.incoming, ct_bytes()), make_envelope(3))
    (entry,) = spool.entries()
    assert entry.collection_id == 3
    assert spool.envelope(entry.envelope_id) == make_envelope(3)


def test_object_of_two_collections_waits_twice(spool):
    accepted = spool.accept(put(spool.incoming, ct_bytes()), make_envelope(1, 2))
    assert len(accepted.intake_ids) == 2
    assert sorted(entry.collection_id for entry in spool.entries()) == [1, 2]


def test_every_truncation_is_refused_and_leaves_nothing(spool):
    content = ct_bytes()
    for size in [*range(0, 400, 7), *range(400, len(content) - 1, 97)]:
        with pytest.raises(Refused):
            spool.accept(put(spool.incoming, content[:size]), make_envelope())
    assert list(spool.entries()) == []
    assert files_below(spool.incoming) == []


def test_cut_pixel_data_is_called_truncated(spool):
    with pytest.raises(Truncated):
        spool.accept(put(spool.incoming, ct_bytes()[:-10]), make_envelope())


@pytest.mark.parametrize("tag", [0x00080016, 0x00080018, 0x0020000D, 0x0020000E])
@pytest.mark.parametrize("value", [b"", b"\0\0", b"1.2.x", b"1" * 66])
def test_refuses_object_without_usable_uid(spool, tag, value):
    with pytest.raises(MissingUid):
        spool.accept(put(spool.incoming, with_raw(ct_bytes(), tag, "UI", value)), make_envelope())


def test_takes_uid_padded_with_spaces(spool):
    content = with_raw(ct_bytes(), 0x00080018, "UI", b"1.2.3 ")
    assert spool.accept(put(spool.incoming, content), make_envelope()).sop_uid == "1.2.3"


def test_refuses_noise_and_other_files(spool):
    for content in (b"", b"x", os.urandom(5000), b"%PDF-1.7" * 100, b"\0" * 5000):
        with pytest.raises(NotDicom):
            spool.accept(put(spool.incoming, content), make_envelope())


def test_refuses_unknown_transfer_syntax(spool):
    content = ct_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
    with pytest.raises(Unsupported):
        spool.accept(put(spool.incoming, content), make_envelope())


def test_refuses_what_the_command_did_not_announce(spool):
    with pytest.raises(ClassMismatch):
        spool.accept(put(spool.incoming, ct_bytes()), make_envelope(), Expected(CT, uid("another")))
    with pytest.raises(ClassMismatch):
        spool.accept(put(spool.incoming, ct_bytes()), make_envelope(), Expected(CT + ".1", uid("i1")))


def test_refuses_below_the_low_water_mark(tmp_path):
    spool = Spool(tmp_path / "spool", tmp_path / "quarantine", Limits(low_water_bytes=1 << 60))
    with pytest.raises(OutOfResources):
        spool.accept(put(spool.incoming, ct_bytes()), make_envelope())
    assert files_below(spool.incoming) == []


def test_refuses_objects_over_the_size_limit(tmp_path):
    spool = Spool(tmp_path / "spool", tmp_path / "quarantine", Limits(max_object_bytes=100))
    with pytest.raises(Refused):
        spool.accept(put(spool.incoming, ct_bytes()), make_envelope())


def test_refuses_sender_without_collection(spool):
    from dataclasses import replace

    with pytest.raises(NotAllowed):
        spool.accept(put(spool.incoming, ct_bytes()), replace(make_envelope(), collection_ids=()))


def test_errors_carry_no_value_of_the_object(spool):
    content = ct_bytes(patient="Zanzibar")
    for size in range(200, len(content), 50):
        with pytest.raises(Refused) as caught:
            spool.accept(put(spool.incoming, content[:size]), make_envelope())
        assert "anzibar" not in str(caught.value)


def test_accepts_while_a_worker_removes_the_shard(spool):
    for number in range(5):
        spool.accept(put(spool.incoming, ct_bytes(sop=str(number))), make_envelope())
        for shard in spool.waiting.iterdir():
            for path in shard.iterdir():
                path.unlink()
            shard.rmdir()
    spool.accept(put(spool.incoming, ct_bytes()), make_envelope())
    assert spool.backlog() == 1


def test_accepts_while_a_fast_worker_empties_shards(spool):
    """Claiming between a door's mkdir, link and fsync must not make it refuse anything."""
    stop = threading.Event()
    finished = []

    def work():
        claims = Claims(spool)
        while not stop.is_set() or spool.backlog():
            for entry in claims.claim(4):
                spool.finish(entry)
                finished.append(entry.intake_id)
        claims.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        sent = [
            spool.accept(put(spool.incoming, ct_bytes(sop=str(number))), make_envelope()).intake_ids[0]
            for number in range(40)
        ]
    finally:
        stop.set()
        worker.join()
    assert sorted(finished) == sorted(sent)


def test_deflate_bomb_is_refused_in_flat_memory(tmp_path):
    """64 KB that would be 64 MB: the limit holds, and what was inflated is gone."""
    spool = Spool(tmp_path / "spool", tmp_path / "quarantine", Limits(max_inflated_bytes=8 * 1024**2))
    engine = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = engine.compress(bytes(64 * 1024**2)) + engine.flush()
    content = file_start(CT, uid("i1"), DEFLATED_LE) + bomb
    with pytest.raises(NotDicom, match="larger"):
        spool.accept(put(spool.incoming, content), make_envelope())
    assert files_below(spool.incoming) == []


def test_takes_deflated_objects(spool):
    plain = ct_bytes()
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = engine.compress(plain[read_start(plain).data_set_offset :]) + engine.flush()
    spool.accept(put(spool.incoming, file_start(CT, uid("i1"), DEFLATED_LE) + body), make_envelope())
    assert spool.backlog() == 1
