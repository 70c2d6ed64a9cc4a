"""The command line: works on a new directory, exits as promised, prints JSON where asked."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pacs.deid import load_profile
from tests import warm
from tests.builders import ct_bytes


def pacs(*arguments: str, data: Path) -> "subprocess.CompletedProcess[str]":
    return warm.run(*arguments, "--data", str(data), environment=dict(os.environ), timeout_s=120)


def ok(*arguments: str, data: Path) -> str:
    done = pacs(*arguments, data=data)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_first_command_makes_the_data_directory(tmp_path):
    data = tmp_path / "data"
    (inbox,) = json.loads(ok("collection", "list", "--json", data=data))
    assert (inbox["name"], inbox["release"], inbox["access"]) == ("inbox", "automatic", "restricted")
    assert data.stat().st_mode & 0o777 == 0o700
    assert (data / "key").stat().st_mode & 0o777 == 0o600
    assert (data / "admin-token").stat().st_mode & 0o777 == 0o600
    assert len((data / "admin-token").read_text()) >= 40


def test_status_of_a_new_directory_is_all_zero(tmp_path):
    names = {"waiting", "held", "published", "duplicate", "quarantined", "dropped"}
    assert json.loads(ok("status", "--json", data=tmp_path / "d")) == dict.fromkeys(names, 0)


def test_collections_peers_users_and_tokens(tmp_path):
    data = tmp_path / "d"
    made = json.loads(ok("collection", "create", "trial", "--called-aet", "TRIAL", "--json", data=data))
    assert made["release"] == "review"
    assert json.loads(ok("collection", "set", "trial", "--access", "public", "--json", data=data))["access"] == "public"
    ok("peer", "add", "CT1", "10.0.0.5", "104", "--allow", "echo,store", "--collection", "trial", data=data)
    (peer,) = json.loads(ok("peer", "list", "--json", data=data))
    assert (peer["aet"], peer["allow"]) == ("CT1", "echo,store")
    ok("user", "add", "ann", "--role", "curator", "--collection", "trial", data=data)
    assert {each["name"] for each in json.loads(ok("user", "list", "--json", data=data))} == {"admin", "ann"}
    assert len(ok("token", "create", "--user", "ann", "--expires", "30", data=data).strip()) >= 40
    ok("peer", "remove", "CT1", data=data)
    assert json.loads(ok("peer", "list", "--json", data=data)) == []


def test_new_address_leaves_what_a_peer_may_do(tmp_path):
    data = tmp_path / "data"
    ok("collection", "create", "trial", data=data)
    bound = ("--allow", "echo", "--collection", "trial", "--site", "St. Elsewhere")
    ok("peer", "add", "CT1", "10.0.0.5", "104", *bound, data=data)
    (before,) = json.loads(ok("peer", "list", "--json", data=data))
    ok("peer", "add", "CT1", "10.0.0.6", "11112", data=data)
    (after,) = json.loads(ok("peer", "list", "--json", data=data))
    assert after == before | {"host": "10.0.0.6", "port": 11112}
    assert after["site"] == "St. Elsewhere"


def test_peer_sends_for_another_site(tmp_path):
    data = tmp_path / "data"
    ok("peer", "add", "CT1", "10.0.0.5", "104", data=data)
    for text, site in (("site=Seattle Grace", "Seattle Grace"), ("tls=yes", "Seattle Grace"), ("site=", "")):
        assert json.loads(ok("peer", "set", "CT1", text, "--json", data=data))["site"] == site


@pytest.mark.parametrize(
    "arguments",
    [
        ("collection", "show", "nothing"),
        ("collection", "create", "a b"),
        ("collection", "create", "inbox"),
        ("collection", "create", "x", "--profile", "nothing"),
        ("peer", "add", "A\\B", "host", "104"),
        ("peer", "add", "TRIALPACS", "host", "104"),
        ("peer", "remove", "NOBODY"),
        ("peer", "set", "NOBODY", "site=A"),
        ("peer", "add", "A", "host", "104", "--site", "A\nB"),
        ("user", "add", "ann", "--role", "curator", "--collection", "nothing"),
        ("token", "create", "--user", "nobody"),
        ("trace", "1.2.3"),
        ("quarantine", "show", "nothing"),
        ("quarantine", "retry", "nothing"),
        ("collection", "release", "nothing"),
        ("profile", "show", "nothing"),
    ],
)
def test_failure_is_one_line_and_status_one(tmp_path, arguments):
    done = pacs(*arguments, data=tmp_path / "d")
    assert done.returncode == 1
    assert done.stderr.startswith("pacs: ")
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("fly",), ("peer", "add", "X"), ("status", "--what"), ("user", "add", "x")])
def test_wrong_usage_is_status_two(tmp_path, arguments):
    assert pacs(*arguments, data=tmp_path / "d").returncode == 2


def with_nameless_member(content: bytes) -> bytes:
    """A ZIP whose directory gives its first file no name, its length moved into the comment's."""
    at = content.index(b"PK\1\2")
    name_length = content[at + 28 : at + 30]
    return content[: at + 28] + b"\0\0" + content[at + 30 : at + 32] + name_length + content[at + 34 :]


def test_import_takes_files_folders_and_zips(tmp_path):
    data, folder = tmp_path / "d", tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.dcm").write_bytes(ct_bytes(sop="a"))
    (folder / "notes.txt").write_text("no image")
    (folder / "cut.dcm").write_bytes(ct_bytes(sop="b")[:-20])
    with zipfile.ZipFile(folder / "more.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/c.dcm", ct_bytes(sop="c"))
        archive.writestr("../escape.dcm", ct_bytes(sop="d"))
    broken = (folder / "more.zip").read_bytes()
    (folder / "nameless.zip").write_bytes(with_nameless_member(broken))
    done = pacs("import", str(folder), "--json", "--refused", str(tmp_path / "refused"), data=data)
    counts = json.loads(done.stdout)
    assert done.returncode == 1
    assert (counts["accepted"], counts["refused"], counts["skipped"]) == (3, 1, 2)
    assert "cut.dcm" in (tmp_path / "refused").read_text()
    assert json.loads(ok("status", "--json", data=data))["waiting"] == 3
    assert not list(tmp_path.rglob("escape.dcm"))
    assert list((data / "spool" / "incoming").iterdir()) == []


def test_import_does_not_print_file_names(tmp_path):
    name = tmp_path / "Quixotic_Patient.dcm"
    name.write_bytes(ct_bytes()[:-20])
    done = pacs("import", str(name), data=tmp_path / "d")
    assert done.returncode == 1
    assert "Quixotic" not in done.stdout + done.stderr


def test_import_refuses_a_zip_bomb(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.dcm", bytes(200_000_000))
    counts = json.loads(pacs("import", str(tmp_path / "bomb.zip"), "--json", data=tmp_path / "d").stdout)
    assert counts["accepted"] == 0


def test_import_follows_a_dicomdir(tmp_path):
    media = tmp_path / "media"
    (media / "CT").mkdir(parents=True)
    for sop in ("A", "B"):
        (media / "CT" / sop).write_bytes(ct_bytes(sop=sop))
    command = ["/usr/bin/dcmmkdir", "+r", "+I", "+id", str(media), "+D", str(media / "DICOMDIR")]
    subprocess.run(command, check=True, capture_output=True)
    (media / "stray.dcm").write_bytes(ct_bytes(sop="c"))
    done = pacs("import", str(tmp_path / "media" / "DICOMDIR"), "--json", data=tmp_path / "d")
    assert json.loads(done.stdout)["accepted"] == 2


def test_config_show_hides_the_password(tmp_path):
    (tmp_path / "pacs.toml").write_text("[http]\nport = 8081\n")
    shown = json.loads(ok("config", "show", "--json", "--config", str(tmp_path / "pacs.toml"), data=tmp_path / "d"))
    assert shown["http"]["port"] == 8081


def test_doctor_finds_and_mends(tmp_path):
    data = tmp_path / "d"
    assert "all is well" in ok("doctor", data=data)
    stray = data / "blobs" / "1" / "aa" / "bb" / "aabb.dcm"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"x")
    import os

    os.utime(stray, (0, 0))
    assert pacs("doctor", data=data).returncode == 1
    ok("doctor", "--fix", data=data)
    assert not stray.exists()


def test_profile_show_explains_each_tag(tmp_path):
    rows = json.loads(ok("profile", "show", "basic", "--json", data=tmp_path / "d"))
    by_tag = {row["tag"]: row for row in rows}
    assert by_tag["(0010,0010)"]["code"] == "Z"
    assert "PS3.15" in by_tag["(0010,0010)"]["source"]
    assert len(rows) >= 657


def test_empty_data_folder_is_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pacs", "status", "--data", ""],
        capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_collection_may_not_claim_our_own_title(tmp_path):
    done = pacs("collection", "create", "trial", "--called-aet", "TRIALPACS", data=tmp_path / "d")
    assert done.returncode == 1
    assert "dimse.aet" in done.stderr


def test_imports_for_profiles_are_checked_and_kept(tmp_path):
    data, good, bad = tmp_path / "d", tmp_path / "ours.script", tmp_path / "bad.script"
    good.write_text('One { Manufacturer.equals("ACME") } (0, 0, 3, 1)')
    bad.write_text("{ Manufacturer.equals(")
    before = json.loads(ok("profile", "list", "--json", data=data))
    assert json.loads(ok("profile", "import-pixel-script", str(good), "--json", data=data))["signatures"] == 1
    refused = pacs("profile", "import-pixel-script", str(bad), data=data)
    assert refused.returncode == 1
    assert "line 1" in refused.stderr
    table = tmp_path / "kb.csv"
    table.write_text('element_sig_pattern,tag_name,vr,private_disposition\n"(0019,""M"",01)",Name,LO,k\n')
    assert json.loads(ok("profile", "import-private-tags", str(table), "--json", data=data))["rows"] == 1
    after = json.loads(ok("profile", "list", "--json", data=data))
    assert {each["version"] for each in before}.isdisjoint(each["version"] for each in after)
    versions = json.loads(ok("profile", "versions", "--json", data=data))
    assert [each["name"] for each in versions] == ["tcia", "tcia", "tcia"]


def test_script_added_strictly_is_applied_strictly(tmp_path):
    data, script = tmp_path / "d", tmp_path / "trial.script"
    script.write_text('<script><e en="T" t="00100010" n="PatientName">@keep()</e></script>')
    refused = pacs("profile", "add", str(script), data=data)
    assert refused.returncode == 1
    added = json.loads(ok("profile", "add", str(script), "--ctp", "strict", "--json", data=data))
    assert added["name"] == "trial-strict"
    ok("collection", "create", "LUNG", "--profile", "trial-strict", data=data)
    profile = load_profile("trial-strict", data / "profiles")
    assert profile.strict is not None
    assert (profile.settings.ctp, profile.settings.pixels) == ("strict", "detect")
    assert load_profile(str(script), ctp="strict").rules() == profile.rules()


def test_own_profile_is_added_and_used(tmp_path):
    data, file = tmp_path / "d", tmp_path / "lung.toml"
    file.write_text('title = "Lung"\nbase = "tcia"\n')
    assert pacs("collection", "create", "LUNG", "--profile", "lung", data=data).returncode == 1
    ok("profile", "add", str(file), data=data)
    ok("collection", "create", "LUNG", "--profile", "lung", data=data)
    ok("collection", "set", "inbox", "--profile", "basic+retain_uids", data=data)
    file.write_text('title = "Lung"\nbase = "nosuch"\n')
    assert pacs("profile", "add", str(file), data=data).returncode == 1
    (data / "profiles" / "lung.toml").write_text("title = 7\n")
    started = pacs("status", data=data)
    assert started.returncode == 1
    assert "lung, line 1" in started.stderr
