"""What the disk itself can do, beside which the figures of storing stand; and associations that only hold a place."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchlib.measures import Bench, Values, peak_memory
from benchlib.objects import CT
from benchlib.servers import Server
from benchlib.wire import VERIFICATION, Raw, send_in_parallel

IDLE, SENDING = 64, 8


def disk(folder: Path, content: bytes, files: int = 200) -> Values:
    """Files of so many bytes, each fsynced, with its name: by one thread, and by four."""
    found = {}
    for threads in (1, 4):
        place = folder / f"disk-{threads}"
        place.mkdir()
        started = time.monotonic()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda number: _durable(place / str(number), content), range(files)))  # noqa: B023
        found[f"disk: 0.5 MB files fsynced with their names, {threads} at once /s"] = files / (
            time.monotonic() - started
        )
        shutil.rmtree(place)
    return found


def _durable(path: Path, content: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(file, content)
    os.fsync(file)
    os.close(file)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def idle(bench: Bench, server: Server) -> Values:
    """Eight senders beside 64 associations that do nothing; TrialPACS alone: Orthanc has a thread for each of four."""
    if server.name != "TrialPACS":
        return {}
    shares = bench.fresh(bench.objects, SENDING)
    server.pause_workers(paused=True)
    links: list[Raw] = []
    try:
        before = _door_bytes(server)
        links += [Raw(server.dimse_port, server.aet, [VERIFICATION, CT]) for _ in range(IDLE)]
        each = (_door_bytes(server) - before) / IDLE
        resting = sum(server.memory_bytes().values())
        with peak_memory(server) as peak:
            result = send_in_parallel(server.dimse_port, server.aet, shares, CT)
        assert not result["refused"]
        assert all(link.echo() == 0 for link in links)
        grown = peak[0] - resting
    finally:
        for link in links:
            link.release()
        server.pause_workers(paused=False)
    server.wait_until_queryable(0)
    return _idle_values(result, each, grown)


def _idle_values(result: dict[str, Any], idle_bytes: float, grown_bytes: float) -> Values:
    latencies = result["latencies"]
    return {
        f"C-STORE {SENDING} assoc. beside {IDLE} idle, acknowledged /s": len(latencies) / result["seconds"],
        f"C-STORE {SENDING} assoc. beside {IDLE} idle, longest response ms": latencies[-1] * 1000,
        "memory of an idle association MB": idle_bytes / 1e6,
        "memory of a sending association MB": max(grown_bytes / SENDING, 0.0) / 1e6 + idle_bytes / 1e6,
    }


def _door_bytes(server: Server) -> int:
    kinds = server.kinds()
    return sum(size for pid, size in server.memory_bytes().items() if kinds.get(pid) == "scp")
