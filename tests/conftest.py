"""Fixtures that several folders share: a real PostgreSQL, and a migrated database of each kind."""

import itertools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from peewee import Database

import pacs.db
from pacs.app import App
from pacs.db.connection import close_thread, execute, open_database
from tests.installation import installed

POSTGRESQL_BIN = Path("/usr/lib/postgresql/15/bin")
_numbers = itertools.count()
# No test looks at the clock: on a busy machine any example may take long.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def _as_server_user(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root; then it runs as nobody."""
    if os.getuid() != 0:
        return command
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *command]


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL 15 server of our own, up to the database name: a Unix socket, no network, no fsync."""
    if not (POSTGRESQL_BIN / "initdb").exists():
        pytest.fail("PostgreSQL 15 is missing: run scripts/test, which installs Debian's postgresql-15")
    folder = Path("/tmp") / f"pacs-postgresql-{os.getpid()}"  # a socket path may have 107 bytes at most
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755)
    if os.getuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")
    data = folder / "data"
    initdb = [str(POSTGRESQL_BIN / "initdb"), "-D", str(data), "-U", "pacs", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(_as_server_user([*initdb, "--locale=C.UTF-8"]), check=True, stdout=subprocess.DEVNULL)
    options = {"fsync": "off", "full_page_writes": "off", "listen_addresses": ""}
    options |= {"unix_socket_directories": str(folder), "max_connections": "50"}
    options |= {"autovacuum": "off", "shared_buffers": "64MB"}
    server = [str(POSTGRESQL_BIN / "postgres"), "-D", str(data)]
    for name, value in options.items():
        server += ["-c", f"{name}={value}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(_as_server_user(server), stdout=log, stderr=log)
    try:
        _wait_until_ready(folder, process)
        yield f"postgresql://pacs@/{{name}}?host={folder}"
    finally:
        process.send_signal(signal.SIGINT)  # fast shutdown: do not wait for clients
        process.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(folder: Path, process: "subprocess.Popen[bytes]") -> None:
    ready = [str(POSTGRESQL_BIN / "pg_isready"), "-q", "-h", str(folder), "-U", "pacs"]
    deadline = time.monotonic() + 60
    while subprocess.run(ready, check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"PostgreSQL did not start: {(folder / 'log').read_text()[-2000:]}")
        time.sleep(0.05)  # the condition is polled: pg_isready has no way to wait


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'index.sqlite'}"
        return
    pattern = request.getfixturevalue("postgresql")
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _server_command(pattern, f"CREATE DATABASE {name}")
    yield pattern.format(name=name)
    _server_command(pattern, f"DROP DATABASE {name} WITH (FORCE)")


def _server_command(pattern: str, statement: str) -> None:
    server = open_database(pattern.format(name="postgres"))
    execute(server, statement)
    close_thread(server)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database of each kind, which the tables stand in."""
    opened = pacs.db.connect(database_url)
    yield opened
    close_thread(opened)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """A fresh installation on SQLite, without processes."""
    with installed(tmp_path) as opened:
        yield opened
