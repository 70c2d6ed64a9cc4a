"""The same questions to indexes of two sizes, on SQLite and on PostgreSQL: answers must not take longer for what is
not returned.

The rows are generated (`benchlib.rows`); there are no blobs.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchlib import rows
from benchlib.measures import Values, timings_ms
from benchlib.objects import ROOT
from benchlib.servers import Server, TrialPacs, started
from benchlib.wire import FIND, Raw, element
from pacs.app import open_app
from pacs.config import load_settings

SIZES = (10_000, 1_000_000)
POSTGRESQL_BIN = Path("/usr/lib/postgresql/15/bin")
DATABASES = ("SQLite", "PostgreSQL")
_ROUNDS = 5
_STUDY = f"{ROOT}.8.51"  # in the middle of the small index
_PAGE = "/studies?limit=101&offset=0&fuzzymatching=true&includefield=00081030%2C00080060%2C00080090%2C00100030"
_SERIES_FIELDS = "00080021%2C00080031%2C0008103E%2C00200011"


def scale(folder: Path) -> Values:
    """Milliseconds of several questions to the small and to the large index, and how they compare."""
    found: Values = {}
    for kind in DATABASES:
        found |= _compared(folder, kind)
    return found


def _compared(folder: Path, kind: str) -> Values:
    """The quickest of many calls counts: what else the machine does would hide what the index costs."""
    rounds: list[list[Values]] = [[], []]
    with contextlib.ExitStack() as stack:
        urls = [""] * 2 if kind == "SQLite" else stack.enter_context(_postgresql(folder / "postgresql"))
        servers = [
            stack.enter_context(_filled(folder / f"{kind}-{size}", size, url))
            for size, url in zip(SIZES, urls, strict=True)
        ]
        for _round in range(_ROUNDS):  # in turns, so that what else the machine does meets both
            for measured, server in zip(rounds, servers, strict=True):
                measured.append(_questions(server))
    small, large = ({name: min(each[name] for each in by_round) for name in by_round[0]} for by_round in rounds)
    found: Values = {}
    for name in small:
        found[f"{kind}: {name}, {SIZES[0]} instances ms"] = small[name]
        found[f"{kind}: {name}, {SIZES[1]} instances ms"] = large[name]
        found[f"{kind}: {name}: time, large / small index"] = large[name] / small[name]
    return found


@contextlib.contextmanager
def _filled(folder: Path, instances: int, database_url: str) -> Iterator[Server]:
    """A server with an index of so many instances."""
    folder.mkdir()
    server = TrialPacs(folder)
    with _environment("PACS_STORAGE__DATABASE", database_url):
        database = open_app(load_settings(Path(server.data))).archive.parts.database
        if not database_url:
            database.execute_sql("PRAGMA synchronous = off")  # type: ignore[no-untyped-call] # nothing must be kept
        rows.fill(database, instances)
        database.close()
        with started(server, 1):
            yield server


@contextlib.contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """What the servers that are started meanwhile read their settings from."""
    if value:
        os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)


@contextlib.contextmanager
def _postgresql(folder: Path) -> Iterator[list[str]]:
    """URLs of a database for each size, of a PostgreSQL server of our own on a Unix socket; it flushes nothing."""
    folder = Path("/tmp") / f"{folder.parent.name}-postgresql"  # a socket's path may have 107 bytes at most
    folder.mkdir(mode=0o755)
    root = os.getuid() == 0
    as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if root else []
    if root:
        shutil.chown(folder, "nobody", "nogroup")
    options = ["-D", str(folder / "data"), "-U", "pacs", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"]
    subprocess.run([*as_user, POSTGRESQL_BIN / "initdb", *options], check=True, stdout=subprocess.DEVNULL)
    settings = ["fsync=off", "full_page_writes=off", "listen_addresses=", f"unix_socket_directories={folder}"]
    words = [word for setting in [*settings, "shared_buffers=256MB"] for word in ("-c", setting)]
    server = subprocess.Popen(
        [*as_user, POSTGRESQL_BIN / "postgres", "-D", folder / "data", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        names = [f"scale{size}" for size in SIZES]
        for name in names:
            _create(folder, name)
        yield [f"postgresql://pacs@/{name}?host={folder}" for name in names]
    finally:
        server.terminate()
        server.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _create(folder: Path, name: str) -> None:
    command = [POSTGRESQL_BIN / "createdb", "-h", folder, "-U", "pacs", name]
    deadline = time.monotonic() + 60
    while subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode != 0:
        if time.monotonic() > deadline:
            raise RuntimeError("PostgreSQL did not start")
        time.sleep(0.2)


def _questions(server: Server) -> Values:
    """By question: milliseconds."""
    return _by_web(server) | _by_dimse(server)


def _by_web(server: Server) -> Values:
    http = server.http()
    study, series = rows.large_series()
    paths = {
        "study list page": (_PAGE, 101),
        "studies of a patient": (f"{_PAGE}&00100020=BENCH-0000P7", 2),
        "studies by part of a name": (f"{_PAGE}&PatientName=*0000P1*", 22),
        "studies of a day": (f"{_PAGE}&StudyDate=20000101", 100),
        "studies by modality": (f"{_PAGE}&ModalitiesInStudy=CT%2CMR", 101),
        "one study": (f"{_PAGE}&StudyInstanceUID={_STUDY}", 1),
        "series of a study": (f"/studies/{_STUDY}/series?includefield={_SERIES_FIELDS}", 2),
        "instances of a series": (f"/studies/{_STUDY}/series/{_STUDY}.1/instances", 25),
        "100 of all instances": ("/instances?limit=100", 100),
        "metadata of 500 slices": (f"/studies/{study}/series/{series}/metadata", 500),
    }
    found = {}
    for name, (path, count) in paths.items():
        found[f"web, {name}"] = min(timings_ms(lambda: _objects(http.get(path)), count))  # noqa: B023 - called at once
    return found


def _objects(answer: bytes) -> int:
    """Rows, by their retrieve URL, or data sets, by their UID; parsing them here would hide what the server does."""
    return max(answer.count(b'"00081190"'), answer.count(b'"00080018"'))


def _by_dimse(server: Server) -> Values:
    link = Raw(server.dimse_port, server.aet, [FIND])
    level = {name: element(0x00080052, "CS", name) for name in ("STUDY", "SERIES", "IMAGE")}
    shown = element(0x00081030, "LO", "") + element(0x00100010, "PN", "")
    study = element(0x0020000D, "UI", _STUDY)
    series = element(0x0020000E, "UI", f"{_STUDY}.1")
    identifiers = {
        "study by UID": (level["STUDY"] + shown + study, 1),
        "100 studies by date": (element(0x00080020, "DA", "20000101") + level["STUDY"] + shown, 100),
        "200 studies by name": (level["STUDY"] + element(0x00100010, "PN", "BENCH0000*"), 200),
        "series of a study": (level["SERIES"] + study, 2),
        "instances of a series": (element(0x00080018, "UI", "") + level["IMAGE"] + study + series, 25),
    }
    found = {}
    for name, (identifier, count) in identifiers.items():
        found[f"C-FIND, {name}"] = min(timings_ms(lambda: link.find(identifier), count))  # noqa: B023 - called at once
    link.release()
    return found
