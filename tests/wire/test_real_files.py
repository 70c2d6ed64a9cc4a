"""Every real file through every door: what was accepted adds up, the rest was refused, and nothing dies."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import requests

from pacs.dicom.elements import parse
from pacs.dicom.fileformat import FileStart, inflate, read_start, text_of
from pacs.dicom.syntaxes import DEFLATED_LE, encoding_of
from pacs.dimse.messages import parse_command
from pacs.errors import Refused
from tests.data_folder import shared_data
from tests.wire.peers import Bare
from tests.wire.server import WholeServer

DATA = shared_data()
pytestmark = pytest.mark.skipif(DATA is None, reason="no folder of real files on this machine")


def real_files() -> list[Path]:
    """All DICOM-like files, in path order."""
    assert DATA is not None
    others = {".csv", ".md", ".xml", ".txt", ".json"}
    return sorted(path for path in DATA.rglob("*") if path.is_file() and path.suffix not in others)


def c_store(port: int, path: Path) -> int | None:
    """The status that one file gets by C-STORE as it is; None when it has no usable meta header."""
    content = path.read_bytes()
    try:
        start = read_start(content)
    except Refused:
        return None
    if 0x00020010 not in start.meta:
        return None
    sop_class, sop = named_by_sender(content, start)
    bare = Bare(port)
    kind, answer = bare.associate(sop_class, start.transfer_syntax_uid)
    status = -1
    if kind == 2 and accepted(answer):
        bare.command({0x0002: sop_class, 0x0100: 1, 0x0110: 1, 0x0700: 0, 0x0800: 1, 0x1000: sop})
        bare.data_set(content[start.data_set_offset :])
        kind, body = bare.pdu()
        assert kind == 4, (path.name, kind)
        status = parse_command(body[6:]).number(0x0900)
    bare.close()
    Bare.opened.remove(bare)
    return status


def named_by_sender(content: bytes, start: FileStart) -> tuple[str, str]:
    """What the command says: the data set's own class and instance, as DCMTK's storescu does, else the meta group's."""
    meta = text_of(start.meta, 0x00020002), text_of(start.meta, 0x00020003)
    body = content[start.data_set_offset :]
    if start.transfer_syntax_uid == DEFLATED_LE:
        body = b"".join(inflate(memoryview(body), 1 << 28))
    try:
        data_set = parse(body, encoding_of(start.transfer_syntax_uid))
    except Refused:
        return meta
    return text_of(data_set, 0x00080016) or meta[0], text_of(data_set, 0x00080018) or meta[1]


def accepted(answer: bytes) -> bool:
    """Whether an A-ASSOCIATE-AC accepts its only context. PS3.8 9.3.3.2."""
    position = 68
    while position < len(answer):
        length = int.from_bytes(answer[position + 2 : position + 4], "big")
        if answer[position] == 0x21:
            return answer[position + 6] == 0
        position += 4 + length
    return False


def check(server: WholeServer, sent_well: int) -> dict[str, int]:
    """All accepted objects are accounted for, and nearly all are published."""
    counts = server.wait_until_worked_off(280)  # text in pixels is read: 0.4 CPU seconds an image
    assert sum(counts.values()) == sent_well, counts
    kept = counts["published"] + counts["duplicate"]
    assert kept >= 0.95 * sent_well, counts
    assert server.processes[0].poll() is None
    return counts


@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_file_by_c_store(whole):
    statuses = Counter(status for path in real_files() if (status := c_store(whole.port, path)) is not None)
    assert statuses[0] >= 570
    assert set(statuses) <= {0, -1, 0xA900, 0xC000, 0x0122}, statuses
    check(whole, statuses[0])
    processes = [line for line in whole.log.read_text().splitlines() if '"process ended"' in line]
    assert processes == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_file_by_stow(whole):
    codes: Counter[int] = Counter()
    headers = whole.admin | {"Content-Type": "application/dicom"}
    for path in real_files():
        answer = requests.post(f"{whole.dicom_web}/studies", path.read_bytes(), headers=headers, timeout=60)
        codes[answer.status_code] += 1
        body = answer.json()
        assert ("00081199" in body) == (answer.status_code == 200), path.name
    assert codes[200] >= 580
    assert set(codes) <= {200, 400, 409, 415}, codes
    check(whole, codes[200])


@pytest.mark.timeout(300)
def test_some_of_all_files_by_import(whole):
    """Every fifth, from all folders: text in their pixels is read, which takes its time."""
    some = real_files()[::5]
    command = [sys.executable, "-m", "pacs", "import", *map(str, some), "--json", "--data", str(whole.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    result = json.loads(done.stdout)
    assert "Traceback" not in done.stderr
    assert result["accepted"] >= 0.93 * len(some)
    assert result["accepted"] + result["refused"] + result["skipped"] >= len(some)
    check(whole, result["accepted"])


@pytest.mark.long
@pytest.mark.timeout(600)
def test_every_file_by_import(whole, tmp_path):
    command = [sys.executable, "-m", "pacs", "import", str(DATA), "--json", "--data", str(whole.data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=dict(os.environ))
    result = json.loads(done.stdout)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert result["accepted"] >= 580
    assert result["accepted"] + result["refused"] + result["skipped"] >= len(real_files())
    check(whole, result["accepted"])


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_file_twice_is_one_copy(whole):
    command = [sys.executable, "-m", "pacs", "import", str(DATA), "--json", "--data", str(whole.data)]
    results = []
    for _run in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        results.append(json.loads(done.stdout))
    assert results[0] == results[1]
    counts = whole.wait_until_worked_off(560)
    assert sum(counts.values()) == 2 * results[0]["accepted"]
    assert counts["published"] <= results[0]["accepted"]
