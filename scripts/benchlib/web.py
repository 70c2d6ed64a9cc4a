"""What viewers wait for: many clients at once, frames of a cine, pictures, metadata never asked for before."""

import io
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from threading import Thread

import numpy as np
import pydicom
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

from benchlib.measures import Bench, Values, median_ms
from benchlib.objects import CT, ROOT
from benchlib.servers import Http, Server, free_ports
from benchlib.wire import send_in_parallel

NGINX = Path("/usr/sbin/nginx")
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'
OCTETS = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
DECODED = 'multipart/related; type="application/octet-stream"'
_PROCESSES, _THREADS, _SECONDS = 4, 4, 3.0
_FRAMES = 30
_SETTLED_S = 10.0  # until what came last has settled, and workers have looked at its series
_US = "1.2.840.10008.5.1.4.1.1.3.1"


def web(bench: Bench, server: Server) -> Values:
    """Frames, instances and pictures of one client and of sixteen; metadata of a series that nobody asked for yet."""
    http = server.http()
    root = f"/studies/{bench.studies[server.name]}/series/{bench.series[server.name]}"
    rows = http.json(f"{root}/instances?limit=100")
    instances = [f"{root}/instances/{row['00080018']['Value'][0]}" for row in rows]
    frames = [f"{each}/frames/1" for each in instances]
    values = _cine_values(bench, server, 640, 480) | _cine_values(bench, server, 1024, 768)
    return values | {
        "WADO rendered CT ms": median_ms(lambda: len(http.get(f"{instances[0]}/rendered", "image/jpeg")), 1000),
        "WADO frame 0.5 MB, 16 clients /s": many(http, frames, OCTETS),
        "WADO instance 0.5 MB, 16 clients /s": many(http, instances, DICOM),
        "WADO rendered CT, 16 clients /s": many(http, [f"{each}/rendered" for each in instances], "image/jpeg"),
        "WADO metadata of 100 slices, first time ms": _first_metadata(bench, server),
        "WADO metadata of 100 slices, from the disk ms": _cold_metadata(bench, server),
    }


def _cine_values(bench: Bench, server: Server, columns: int, rows: int) -> Values:
    """Frames of an ultrasound of thirty, as they are stored and decoded: each once, and one again and again."""
    http, path = server.http(), _cine(bench, server, columns, rows)
    time.sleep(_SETTLED_S)
    what, size = f"30-frame JPEG, {columns} x {rows}", columns * rows * 3
    return {
        f"WADO frames of a {what}, decoded, first time ms": _each_once(http, path, size),
        f"WADO frame 15 of a {what}, as stored ms": median_ms(
            lambda: len(http.get(f"{path}/frames/15", OCTETS)), 1000, 7
        ),
        f"WADO frame 15 of a {what}, decoded, again ms": median_ms(
            lambda: len(http.get(f"{path}/frames/15", DECODED)), size, 7
        ),
    }


def _each_once(http: Http, cine: str, size: int) -> float:
    """Milliseconds of a decoded frame that nobody asked for before: the median of all."""
    taken = []
    for number in range(1, _FRAMES + 1):
        started = time.monotonic()
        found = http.get(f"{cine}/frames/{number}", DECODED)
        taken.append((time.monotonic() - started) * 1000)
        if len(found) < size:
            raise RuntimeError(f"{len(found)} bytes where {size} were expected")
    return statistics.median(taken)


def many(http: Http, paths: list[str], accept: str) -> float:
    """Successful requests a second of sixteen clients, each with a connection of its own."""
    context = get_context("fork")
    counts = context.Queue()
    crew = [
        context.Process(target=_ask, args=(http.port, http.root, http.headers, paths, accept, counts))
        for _ in range(_PROCESSES)
    ]
    for each in crew:
        each.start()
    found = sum(counts.get() for _ in crew)
    for each in crew:
        each.join()
    return float(found / _SECONDS)


def _ask(port: int, root: str, headers: dict[str, str], paths: list[str], accept: str, counts: "object") -> None:
    done = [0] * _THREADS
    ends = time.monotonic() + _SECONDS

    def client(number: int) -> None:
        http = Http(port, root, headers)
        at = number * 7 + os.getpid()
        while time.monotonic() < ends:
            at += 1
            http.get(paths[at % len(paths)], accept)
            done[number] += 1

    threads = [Thread(target=client, args=(number,)) for number in range(_THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    counts.put(sum(done))  # type: ignore[attr-defined]


def _first_metadata(bench: Bench, server: Server) -> float:
    """Milliseconds of the first request for the metadata of a new series of 100 slices: the median of three series.

    What was written is still in memory, Orthanc's own storage cache among it.
    """
    return statistics.median(_waited(server, path) for path in (_new_series(bench, server) for _ in range(3)))


def _cold_metadata(bench: Bench, server: Server) -> float:
    """The same of series that nobody has asked for, later: other series came since, and the system has let files go."""
    paths = [_new_series(bench, server) for _ in range(6)]
    time.sleep(_SETTLED_S)
    taken = []
    for path in paths[:3]:
        _let_files_go(server.folder)
        taken.append(_waited(server, path))
    return statistics.median(taken)


def _new_series(bench: Bench, server: Server) -> str:
    """The address of the metadata of a series that is stored now."""
    http = server.http()
    (share,) = bench.fresh(100, 1)
    before = {each["0020000E"]["Value"][0] for each in http.json("/series?limit=5000")}
    send_in_parallel(server.dimse_port, server.aet, [share], CT)
    server.wait_until_queryable(100)
    new = next(row for row in http.json("/series?limit=5000") if row["0020000E"]["Value"][0] not in before)
    return f"/studies/{new['0020000D']['Value'][0]}/series/{new['0020000E']['Value'][0]}/metadata"


def _waited(server: Server, path: str) -> float:
    """Milliseconds until an answer is there, over a connection that is open already."""
    http = server.http()
    http.json("/studies?limit=1")
    started = time.monotonic()
    http.get(path)
    return (time.monotonic() - started) * 1000


def _let_files_go(folder: Path) -> None:
    """Bring all files to the disk, and take them out of the system's memory."""
    os.sync()
    for each in folder.rglob("*"):
        if each.is_file():
            descriptor = os.open(each, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def _cine(bench: Bench, server: Server, columns: int, rows: int) -> str:
    """The address of a stored ultrasound of thirty JPEG frames, sent by STOW-RS."""
    http = server.http()
    bench.runs += 1
    known = {each["00080018"]["Value"][0] for each in http.json("/instances?Modality=US")}
    boundary = "bench-boundary"
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    body = head + ultrasound(f"{ROOT}.7.{bench.runs}", columns, rows) + f"\r\n--{boundary}--\r\n".encode()
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    http.request("POST", "/studies", body, {"Content-Type": kind, "Accept": "application/dicom+json"})
    server.wait_until_queryable(1)
    for row in http.json("/instances?Modality=US"):
        study, series, sop = (row[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
        if sop not in known:
            return f"/studies/{study}/series/{series}/instances/{sop}"
    raise RuntimeError("the ultrasound was not published")


def ultrasound(uid: str, columns: int, rows: int) -> bytes:
    """A file of thirty colour frames, JPEG baseline."""
    noise = np.random.default_rng(1)
    encoded = []
    for _ in range(_FRAMES):
        coarse = Image.fromarray(noise.integers(0, 255, (rows // 8, columns // 8, 3), np.uint8)).resize((columns, rows))
        sink = io.BytesIO()
        coarse.save(sink, "JPEG", quality=85)
        encoded.append(sink.getvalue())
    data_set = pydicom.Dataset()
    data_set.file_meta = pydicom.dataset.FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.SOPClassUID, data_set.SOPInstanceUID = _US, f"{uid}.3"
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = f"{uid}.1", f"{uid}.2"
    data_set.Modality, data_set.PatientID, data_set.PatientName = "US", "US1", "Mueller^Anna"
    data_set.Rows, data_set.Columns, data_set.SamplesPerPixel, data_set.NumberOfFrames = rows, columns, 3, _FRAMES
    data_set.BitsAllocated, data_set.BitsStored, data_set.HighBit, data_set.PixelRepresentation = 8, 8, 7, 0
    data_set.PhotometricInterpretation, data_set.PlanarConfiguration = "YBR_FULL_422", 0
    data_set.PixelData = encapsulate(encoded)
    data_set["PixelData"].VR = "OB"
    data_set["PixelData"].is_undefined_length = True
    data_set.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    sink = io.BytesIO()
    pydicom.dcmwrite(sink, data_set, enforce_file_format=True)
    return sink.getvalue()


def sendfile_limit(folder: Path, pixels: bytes) -> Values:
    """What nginx makes of the same bytes as plain files, sixteen clients: the limit of this machine."""
    if not NGINX.exists():
        return {}
    with _nginx(folder, pixels) as port:
        http = Http(port)
        paths = [f"/{number}.bin" for number in range(100)]
        return {"limit: nginx, 0.5 MB files, 16 clients /s": many(http, paths, "*/*")}


@contextmanager
def _nginx(folder: Path, pixels: bytes) -> Iterator[int]:
    root = folder / "nginx"
    root.mkdir(parents=True)
    for number in range(100):
        (root / f"{number}.bin").write_bytes(pixels)
    (port,) = free_ports(1)
    config = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    config.write_text(
        f"daemon off; {user} worker_processes 2; pid {folder}/nginx.pid; error_log /dev/null; events {{}}"
        f" http {{ access_log off; sendfile on; keepalive_requests 1000000;"
        f" server {{ listen 127.0.0.1:{port}; root {root}; }} }}"
    )
    process = subprocess.Popen([str(NGINX), "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        _wait_until(lambda: bool(Http(port).get("/0.bin", "*/*")))
        yield port
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(root, ignore_errors=True)


def _wait_until(ready: Callable[[], bool]) -> None:
    for _ in range(100):
        try:
            if ready():
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("nginx did not start")
