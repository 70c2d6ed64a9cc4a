"""The figures, one function each. Every function takes a server and returns values by name; names say the unit."""

import contextlib
import statistics
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from benchlib.objects import CT, Generated, make_ct, pixel_bytes
from benchlib.servers import Server
from benchlib.wire import FIND, GET, MOVE, Raw, command, element, send_in_parallel, status_of

Values = dict[str, float]
_WORTH_A_LINE_S = 0.05
LIST_PATH = "/studies?limit=101&offset=0&includefield=00081030&includefield=00080060"


@dataclass
class Bench:
    """What all measures share: sizes, generated pixels, and the content that queries run on."""

    objects: int
    sustained: int
    listed: int
    pixels: bytes = field(default_factory=pixel_bytes)
    tiny: bytes = field(default_factory=lambda: pixel_bytes(8))
    runs: int = field(default_factory=lambda: int(time.time()))
    studies: dict[str, str] = field(default_factory=dict)  # by server: the study of 100 slices
    series: dict[str, str] = field(default_factory=dict)

    def fresh(self, count: int, shares: int) -> list[list[Generated]]:
        """New objects in shares, each share a study of its own."""
        self.runs += 1
        each = max(1, count // shares)
        return [[make_ct(str(self.runs), share, n, self.pixels) for n in range(each)] for share in range(shares)]


def fill(bench: Bench, server: Server) -> None:
    """The content for queries: a study of 100 slices, then many of one tiny image."""
    large = [make_ct("2", 0, n, bench.pixels) for n in range(100)]
    _stored(send_in_parallel(server.dimse_port, server.aet, [large], CT))
    server.wait_until_queryable(100)
    http = server.http()
    (study,) = http.json("/studies")
    bench.studies[server.name] = study["0020000D"]["Value"][0]
    (series,) = http.json(f"/studies/{bench.studies[server.name]}/series")
    bench.series[server.name] = series["0020000E"]["Value"][0]
    tiny = [
        [make_ct("1", share * 10_000 + n, 0, bench.tiny, 8) for n in range(bench.listed // 4)] for share in range(4)
    ]
    _stored(send_in_parallel(server.dimse_port, server.aet, tiny, CT))
    server.wait_until_queryable(bench.listed)


def _stored(result: dict[str, Any]) -> dict[str, Any]:
    if result["refused"]:
        raise RuntimeError(f"objects were refused: {result['refused'][:3]}")
    return result


def acknowledged(bench: Bench, server: Server, associations: int) -> Values:
    """C-STORE until the last acknowledgement, workers paused."""
    shares = bench.fresh(bench.objects, associations)
    server.pause_workers(paused=True)
    try:
        result = _stored(send_in_parallel(server.dimse_port, server.aet, shares, CT))
    finally:
        server.pause_workers(paused=False)
    server.wait_until_queryable(0)
    count = sum(map(len, shares))
    latencies = result["latencies"]
    return {
        f"C-STORE {associations} assoc., acknowledged /s": count / result["seconds"],
        f"C-STORE {associations} assoc., response p50 ms": statistics.median(latencies) * 1000,
    }


def sustained(bench: Bench, server: Server) -> Values:
    """C-STORE over 4 associations until the last object can be found; CPU and memory meanwhile."""
    shares = bench.fresh(bench.sustained, 4)
    count = sum(map(len, shares))
    cpu = server.cpu_seconds()
    with peak_memory(server, every_s=5.0) as peak:
        started = time.monotonic()
        _stored(send_in_parallel(server.dimse_port, server.aet, shares, CT))
        acknowledged_s = time.monotonic() - started
        server.wait_until_queryable(count)
        seconds = time.monotonic() - started
    spent = {kind: (total - cpu.get(kind, 0.0)) / count * 1000 for kind, total in server.cpu_seconds().items()}
    found = {
        "C-STORE 4 assoc., queryable, sustained /s": count / seconds,
        "C-STORE 4 assoc., acknowledged meanwhile /s": count / acknowledged_s,
        "CPU s per 1000 objects": sum(spent.values()),
        "peak memory of all processes MB": peak[0] / 1e6,
    }
    if len(spent) > 1:
        found |= {f"CPU s per 1000 objects, {kind}": each for kind, each in spent.items() if each >= _WORTH_A_LINE_S}
    return found


@contextlib.contextmanager
def peak_memory(server: Server, every_s: float = 0.2) -> Iterator[list[float]]:
    """The largest sum of the processes' memory, sampled; and the largest growth of one process.

    A look costs the system some milliseconds for each process: where rates are measured, few are taken.
    """
    before = server.memory_bytes()
    peak = [float(sum(before.values())), 0.0]
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(every_s):
            now = server.memory_bytes()
            peak[0] = max(peak[0], sum(now.values()))
            peak[1] = max([peak[1], *(size - before.get(pid, size) for pid, size in now.items())])

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def stow(bench: Bench, server: Server) -> Values:
    """STOW-RS, ten objects a request, one client, until acknowledged."""
    (share,) = bench.fresh(bench.objects // 2, 1)
    files = [each.as_file() for each in share]
    boundary = "bench-boundary"
    bodies = []
    for start in range(0, len(files), 10):
        parts = [
            f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + each + b"\r\n"
            for each in files[start : start + 10]
        ]
        bodies.append(b"".join(parts) + f"--{boundary}--\r\n".encode())
    http = server.http()
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Accept": "application/dicom+json",
    }
    server.pause_workers(paused=True)
    try:
        started = time.monotonic()
        for body in bodies:
            http.request("POST", "/studies", body, headers)
        seconds = time.monotonic() - started
    finally:
        server.pause_workers(paused=False)
    server.wait_until_queryable(0)
    return {"STOW-RS 10 a request, acknowledged /s": len(files) / seconds}


def find(bench: Bench, server: Server) -> Values:
    """C-FIND latencies on one association."""
    study, series = bench.studies[server.name], bench.series[server.name]
    level = {name: element(0x00080052, "CS", name) for name in ("STUDY", "SERIES", "IMAGE")}
    described = element(0x00081030, "LO", "") + element(0x00100010, "PN", "")
    of_study, of_series = element(0x0020000D, "UI", study), element(0x0020000E, "UI", series)
    any_instance = element(0x00080018, "UI", "")
    link = Raw(server.dimse_port, server.aet, [FIND])
    found = {
        "C-FIND one study by UID ms": median_ms(lambda: link.find(level["STUDY"] + described + of_study), 1),
        f"C-FIND {bench.listed} studies ms": median_ms(
            lambda: link.find(level["STUDY"] + described + element(0x0020000D, "UI", "")),
            bench.listed,
            7,
        ),
        "C-FIND 100 instances of a series ms": median_ms(
            lambda: link.find(any_instance + level["IMAGE"] + of_study + of_series), 100
        ),
    }
    link.release()
    return found


def median_ms(call: Callable[[], int], at_least: int, times: int = 15) -> float:
    """Milliseconds of a call that returns how many results it got. Raises RuntimeError when these are too few."""
    return statistics.median(timings_ms(call, at_least, times))


def timings_ms(call: Callable[[], int], at_least: int, times: int = 15) -> list[float]:
    """Milliseconds of each of several calls, after one that is not counted."""
    call()
    taken = []
    for _ in range(times):
        started = time.monotonic()
        count = call()
        taken.append((time.monotonic() - started) * 1000)
        if count < at_least:
            raise RuntimeError(f"{count} results where {at_least} were expected")
    return taken


def retrieve(bench: Bench, server: Server) -> Values:
    """C-MOVE to a null receiver, and C-GET, of the study of 100 slices."""
    wanted = element(0x00080052, "CS", "STUDY") + element(0x0020000D, "UI", bench.studies[server.name])
    found: Values = {}
    for name, sop_class in (("C-MOVE", MOVE), ("C-GET", GET)):
        link = Raw(server.dimse_port, server.aet, [sop_class, CT], scp=[CT] if name == "C-GET" else ())
        taken = []
        for _ in range(3):
            started = time.monotonic()
            count = link.move(wanted, "BENCHDEST") if name == "C-MOVE" else link.get(wanted)
            taken.append(time.monotonic() - started)
            if count != 100:
                raise RuntimeError(f"{name} brought {count} of 100")
        link.release()
        found[f"{name} of 100 slices /s"] = 100 / statistics.median(taken)
    return found


def query(bench: Bench, server: Server) -> Values:
    """QIDO-RS latencies."""
    http = server.http()
    study, series = bench.studies[server.name], bench.series[server.name]
    instances = f"/studies/{study}/series/{series}/instances"
    return {
        "QIDO 101 studies, 2 include fields ms": median_ms(lambda: len(http.json(LIST_PATH)), 101),
        "QIDO 100 instances of a series ms": median_ms(lambda: len(http.json(instances)), 100),
        "QIDO one study by UID ms": median_ms(lambda: len(http.json(f"/studies?StudyInstanceUID={study}")), 1),
    }


def wado(bench: Bench, server: Server) -> Values:
    """WADO-RS latencies of one client."""
    http = server.http()
    study, series = bench.studies[server.name], bench.series[server.name]
    root = f"/studies/{study}/series/{series}"
    sop = http.json(f"{root}/instances?limit=1")[0]["00080018"]["Value"][0]
    instance = f"{root}/instances/{sop}"
    dicom = 'multipart/related; type="application/dicom"'
    bytes_ = 'multipart/related; type="application/octet-stream"'
    return {
        "WADO metadata of 100 slices ms": median_ms(lambda: len(http.get(f"{root}/metadata")), 100_000, 5),
        "WADO instance 0.5 MB ms": median_ms(lambda: len(http.get(instance, dicom)), 500_000),
        "WADO frame 0.5 MB ms": median_ms(lambda: len(http.get(f"{instance}/frames/1", bytes_)), 500_000),
    }


def large_object(server: Server, size_bytes: int = 500 << 20) -> Values:
    """How much one process grows while it receives one object of 500 MB."""
    head = make_ct("3", 0, 0, b"\0" * 4).header[:-12]
    head += bytes.fromhex("e07f10004f570000") + size_bytes.to_bytes(4, "little")
    server.pause_workers(paused=True)
    try:
        with peak_memory(server) as peak:
            link = Raw(server.dimse_port, server.aet, [CT])
            _send_large(link, head, size_bytes)
            link.release()
    finally:
        server.pause_workers(paused=False)
    return {"growth of the receiving process, 500 MB object MB": peak[1] / 1e6}


def _send_large(link: Raw, head: bytes, size_bytes: int) -> None:
    sop = make_ct("3", 0, 0, b"\0" * 4).sop_uid
    link.send(1, [command({2: CT, 0x0100: 1, 0x0110: 1, 0x0700: 0, 0x0800: 1, 0x1000: sop})], is_command=True)
    room = min(link.limit, 131072) - 6
    piece = bytes(room)
    left = size_bytes
    link.send_all(_pdv(head, last=False))
    while left:
        part = piece[: min(room, left)]
        left -= len(part)
        link.send_all(_pdv(part, last=not left))
    status = status_of(link.message()[1])
    if status:
        raise RuntimeError(f"the large object was refused with {status:04X}")


def _pdv(data: bytes, *, last: bool) -> list[Any]:
    return [struct.pack(">BxIIBB", 4, len(data) + 6, len(data) + 2, 1, 2 * last), data]
