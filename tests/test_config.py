"""Settings: defaults, file, environment, command line; anything unknown stops the start."""

import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from pacs.config import SECTIONS, Settings, load_settings
from pacs.errors import ConfigError

SHIPPED = Path(__file__).parents[1] / "config" / "pacs.toml"


def test_shipped_file_is_complete_and_has_the_defaults():
    content = tomllib.loads(SHIPPED.read_text())
    defaults = {name: value for name, value in asdict(Settings()).items() if name in SECTIONS}
    assert content == defaults


def test_later_sources_win(tmp_path):
    file = tmp_path / "pacs.toml"
    file.write_text("[http]\nport = 1\nthreads = 2\n[dimse]\naet = 'FILE'\n")
    environment = {"PACS_HTTP__THREADS": "3", "PACS_DIMSE__AET": "ENV", "PACS_DATA": "/x", "OTHER": "y"}
    settings = load_settings(tmp_path, file, environment, {"dimse.aet": "LINE", "http.port": None})
    assert (settings.http.port, settings.http.threads, settings.dimse.aet) == (1, 3, "LINE")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[http]\nprot = 1", "port"),
        ("[htp]\nport = 1", "http"),
        ("[http]\nport = 'x'", "http.port"),
        ("[http]\nport = -1", "http.port"),
        ("[http]\nport = 1.5", "http.port"),
        ("[dimse]\ncheck_called_aet = 'maybe'", "check_called_aet"),
        ("port = 1", "no section"),
        ("[http", "pacs.toml"),
    ],
)
def test_faults_name_the_key_or_the_nearest_one(tmp_path, content, message):
    file = tmp_path / "pacs.toml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=message):
        load_settings(tmp_path, file, {})


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_settings(tmp_path, tmp_path / "none.toml", {})


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.0.0.9", True),
        ("::1", True),
        ("localhost", True),
        ("127.evil.example", False),
        ("0.0.0.0", False),
        ("10.1.1.1", False),
    ],
)
def test_knows_whether_it_is_bound_to_loopback(tmp_path, host, expected):
    assert load_settings(tmp_path, None, {}, {"http.host": host}).bound_to_loopback is expected
