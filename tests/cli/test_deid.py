"""``pacs deid``: files in, de-identified files out, and nothing else."""

import contextlib
import csv
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pydicom
import pytest

from tests import warm
from tests.builders import ct_bytes, file_bytes, uid
from tests.pixels.pictures import as_object, labelled
from tests.wire.server import wait_for


def pacs(*words, **more):
    environment = {key: value for key, value in os.environ.items() if key != "PACS_DATA"}
    return warm.run(*map(str, words), environment=environment | more, timeout_s=120)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "Quixotic in"
    (folder / "a").mkdir(parents=True)
    for name in ("i1", "i2", "i3"):
        (folder / "a" / f"Quixotic-{name}.dcm").write_bytes(ct_bytes(sop=name))
    (folder / "notes.txt").write_text("Quixotic")
    return folder


def outputs(folder):
    return sorted(folder.rglob("*.dcm"))


def test_folder_is_deidentified_into_new_paths(images, tmp_path):
    out, cross, report = tmp_path / "out", tmp_path / "cross", tmp_path / "report.json"
    done = pacs("deid", images, out, "--crosswalk", cross, "--report", report, "--jobs", 2)
    assert done.returncode == 0, done.stderr
    assert "3 done, 0 quarantined, 0 duplicate, 1 skipped" in done.stdout
    files = outputs(out)
    assert len(files) == 3 == len([each for each in out.rglob("*") if each.is_file()])
    for file in files:
        ds = pydicom.dcmread(file)
        assert file.relative_to(out).parts == (
            ds.PatientID, ds.StudyInstanceUID, ds.SeriesInstanceUID, f"{ds.SOPInstanceUID}.dcm"
        )  # fmt: skip
        assert ds.PatientIdentityRemoved == "YES"
        assert b"Quixotic" not in file.read_bytes()
    with (cross / "uids.csv").open(newline="") as opened:
        new = {row["old"]: row["new"] for row in csv.DictReader(opened)}
    assert {file.stem for file in files} == {new[uid(name)] for name in ("i1", "i2", "i3")}
    with (cross / "patients.csv").open(newline="") as opened:
        (patient,) = csv.DictReader(opened)
    assert (patient["old_id"], patient["new_id"]) == ("ID-P1-4711", files[0].relative_to(out).parts[0])
    assert int(patient["date_shift_days"]) < 0
    assert not (tmp_path / "out.quarantine").exists()
    said = done.stdout + done.stderr + report.read_text()
    assert "Quixotic" not in said
    assert "4711" not in said.replace(patient["new_id"], "")
    content = json.loads(report.read_text())
    assert content["counts"]["done"] == 3
    changes = {each["path"]: each for each in content["objects"][0]["changes"]}
    assert changes["00100010"]["source"].startswith("DICOM PS3.15")
    assert changes["0020000D"]["action"] == "map_uid"


def test_same_key_gives_the_same_bytes_in_any_process(images, tmp_path):
    for name, jobs in (("one", 1), ("two", 2)):
        assert pacs("deid", images, tmp_path / name, "--key-file", tmp_path / "key", "--jobs", jobs).returncode == 0
    first, second = (
        {file.relative_to(tmp_path / name): file.read_bytes() for file in outputs(tmp_path / name)}
        for name in ("one", "two")
    )
    assert first == second
    assert pacs("deid", images, tmp_path / "three").returncode == 0
    assert {file.name for file in outputs(tmp_path / "three")}.isdisjoint(
        file.name for file in outputs(tmp_path / "one")
    )
    assert (tmp_path / "three.key").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_published_is_quarantined_with_a_reason(images, tmp_path):
    (images / "cut.dcm").write_bytes(ct_bytes(sop="i9")[:-40])
    done = pacs("deid", images, tmp_path / "out", "--quarantine", tmp_path / "aside")
    assert done.returncode == 3
    (reason,) = (tmp_path / "aside").glob("*.json")
    assert (tmp_path / "aside").stat().st_mode & 0o777 == 0o700
    assert "Quixotic" not in reason.read_text() + done.stdout + done.stderr
    assert json.loads(reason.read_text())["reason"].startswith("The object cannot be read")
    assert reason.with_suffix(".dcm").read_bytes() == (images / "cut.dcm").read_bytes()
    assert len(list((tmp_path / "aside").iterdir())) == 2
    assert len(outputs(tmp_path / "out")) == 3


def test_one_file_and_a_second_run(images, tmp_path):
    for state in ("1 done", "1 duplicate"):
        done = pacs("deid", images / "a" / "Quixotic-i1.dcm", tmp_path / "out")
        assert done.returncode == 0
        assert state in done.stdout
    assert len(outputs(tmp_path / "out")) == 1


def test_mapping_table_decides_and_unmapped_patients_are_set_aside(images, tmp_path):
    table = tmp_path / "map.csv"
    table.write_text("from_patient_id,to_patient_id,date_shift\nID-P1-4711,TRIAL-1,-10\n")
    (images / "other.dcm").write_bytes(ct_bytes(sop="o", study="t2", series="s2", patient="P2"))
    done = pacs("deid", images, tmp_path / "out", "--mapping", table)
    assert done.returncode == 3
    assert {file.relative_to(tmp_path / "out").parts[0] for file in outputs(tmp_path / "out")} == {"TRIAL-1"}
    assert pydicom.dcmread(outputs(tmp_path / "out")[0]).StudyDate == "20200105"


@pytest.mark.parametrize("option", ["--quarantine", "--crosswalk", "--previews"])
def test_identified_data_must_not_lie_under_out(images, tmp_path, option):
    done = pacs("deid", images, tmp_path / "out", option, tmp_path / "out" / "x")
    assert done.returncode == 1
    assert "must not lie under OUT" in done.stderr
    assert not (tmp_path / "out").exists()


def test_faulty_profile_never_starts(images, tmp_path):
    profile = tmp_path / "site.toml"
    profile.write_text('title = "t"\n[[rule]]\nmatch = "PatientNam"\naction = "keep"\nreason = "r"\n')
    for words in (("deid", images, tmp_path / "out", "--profile", profile), ("profile", "check", profile)):
        done = pacs(*words)
        assert done.returncode == 1
        assert "line 3" in done.stderr
        assert "'PatientName'" in done.stderr
    assert not (tmp_path / "out").exists()


def test_key_of_the_data_directory_is_used(images, tmp_path):
    assert pacs("status", PACS_DATA=str(tmp_path / "d")).returncode == 0
    assert pacs("deid", images, tmp_path / "one", PACS_DATA=str(tmp_path / "d")).returncode == 0
    assert pacs("deid", images, tmp_path / "two", "--key-file", tmp_path / "d" / "key").returncode == 0
    assert {f.name for f in outputs(tmp_path / "one")} == {f.name for f in outputs(tmp_path / "two")}
    assert not (tmp_path / "one.key").exists()


def test_comparison_shows_what_would_differ_without_values(images):
    done = pacs("deid", "--compare", "basic", "tcia", images, "--json")
    assert done.returncode == 0, done.stderr
    rows = {row["tag"]: row for row in json.loads(done.stdout)}
    assert (rows["00080020"]["old"], rows["00080020"]["new"], rows["00080020"]["objects"]) == ("emptied", "changed", 3)
    assert (rows["00081030"]["old"], rows["00081030"]["new"]) == ("removed", "kept")
    assert "0020000D" not in rows
    assert "Quixotic" not in done.stdout + done.stderr


def test_killed_run_leaves_no_process_and_can_be_run_again(images, tmp_path):
    for number in range(60):
        (images / f"more{number}.dcm").write_bytes(ct_bytes(sop=f"m{number}"))
    command = [sys.executable, "-m", "pacs", "deid", images, tmp_path / "out", "--jobs", "2"]
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        wait_for(lambda: len(outputs(tmp_path / "out")) > 2, 60)
        children = children_of(run.pid)
        run.kill()
    assert children
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 30)
    done = pacs("deid", images, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert len(outputs(tmp_path / "out")) == 63
    assert not [each for each in (tmp_path / "out").rglob("*") if each.is_file() and each.suffix != ".dcm"]


def children_of(parent):
    status = (each / "stat" for each in Path("/proc").iterdir() if each.name.isdigit())
    found = []
    for file in status:
        with contextlib.suppress(OSError):
            if int(file.read_text().rpartition(")")[2].split()[1]) == parent:
                found.append(file.parent.name)
    return found


def test_previews_are_private_and_named_by_the_new_uid(tmp_path):
    ds = as_object(labelled("QUIXOTIC^ADA 4711982", rows=160, columns=320), SOPClassUID="1.2.840.10008.5.1.4.1.1.6.1")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(file_bytes(ds))
    (tmp_path / "in" / "b.dcm").write_bytes(ct_bytes(sop="i2"))
    done = pacs("deid", tmp_path / "in", tmp_path / "out", "--previews", tmp_path / "pictures", "--jobs", 1)
    assert done.returncode == 0, done.stderr
    (picture,) = (tmp_path / "pictures").iterdir()
    assert picture.stem in {file.stem for file in outputs(tmp_path / "out")}
    assert picture.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "pictures").stat().st_mode & 0o777 == 0o700
    assert "as secret as IN" in " ".join(pacs("deid", "--help").stdout.split())


@pytest.mark.parametrize("option", ["--report", "--crosswalk", "--quarantine", "--previews"])
def test_nothing_is_written_into_in(images, tmp_path, option):
    target = images / "a" / "Quixotic-i1.dcm"
    before = target.read_bytes()
    done = pacs("deid", images, tmp_path / "out", option, target if option == "--report" else images / "x")
    assert done.returncode == 1
    assert "must not lie in IN" in done.stderr
    assert target.read_bytes() == before
    assert pacs("deid", images, tmp_path / "out", "--report", tmp_path / "out" / "r.json").returncode == 1


def test_missing_in_is_not_named(tmp_path):
    done = pacs("deid", tmp_path / "Quixotic", tmp_path / "out")
    assert done.returncode == 1
    assert "Quixotic" not in done.stderr


def test_second_run_tells_the_crosswalk_of_what_is_there(images, tmp_path):
    for _run in range(2):
        done = pacs("deid", images, tmp_path / "out", "--crosswalk", tmp_path / "cross")
        assert done.returncode == 0, done.stderr
    with (tmp_path / "cross" / "uids.csv").open(newline="") as file:
        assert {uid(name) for name in ("i1", "i2", "i3")} <= {row["old"] for row in csv.DictReader(file)}


def test_patients_without_an_id_are_told_apart(images, tmp_path):
    for name in ("x", "y"):
        (images / f"{name}.dcm").write_bytes(ct_bytes(sop=name, study=name, series=name, PatientID="", PatientName=""))
    assert pacs("deid", images, tmp_path / "out", "--crosswalk", tmp_path / "cross").returncode == 0
    with (tmp_path / "cross" / "patients.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if not row["old_id"]]
    assert len({row["new_id"] for row in rows}) == 2


def test_known_uid_in_another_series_is_set_aside(images, tmp_path):
    (images / "z.dcm").write_bytes(ct_bytes(sop="i1", study="t9", series="s9", patient="P9"))
    done = pacs("deid", images, tmp_path / "out", "--jobs", 1)
    assert done.returncode == 3
    assert "3 done, 1 quarantined" in done.stdout
    assert len(outputs(tmp_path / "out")) == 3


def test_other_content_under_a_known_uid_is_told(images, tmp_path):
    (images / "z.dcm").write_bytes(ct_bytes(sop="i1", KVP=100))
    done = pacs("deid", images, tmp_path / "out", "--jobs", 1)
    assert done.returncode == 0
    assert "with other content" in done.stderr


def test_mapping_to_the_patients_own_name_is_held(images, tmp_path):
    table = tmp_path / "map.csv"
    table.write_text("from_patient_id,to_patient_id,to_patient_name\nID-P1-4711,TRIAL-1,Quixotic\n")
    assert pacs("deid", images, tmp_path / "out", "--mapping", table).returncode == 3
    assert outputs(tmp_path / "out") == []


def test_unreadable_folders_and_files_are_told(images, tmp_path, monkeypatch):
    (images / "gone.dcm").symlink_to("nowhere")  # no file, so nothing to tell
    locked = images / "locked"
    locked.mkdir()
    (locked / "Quixotic.dcm").write_bytes(ct_bytes(sop="i9"))
    unreadable = images / "a" / "Quixotic-i2.dcm"
    unreadable.chmod(0)
    locked.chmod(0)
    done = _without_override("deid", images, tmp_path / "out", "--jobs", 1)
    locked.chmod(0o700)
    assert done.returncode == 3
    assert done.stdout.startswith("2 done, 0 quarantined, 0 duplicate, 1 skipped, 2 unreadable")
    assert "Quixotic" not in done.stdout + done.stderr


def _without_override(*words):
    """The command without root's right to read everything; Linux's setpriv does nothing for other users."""
    drop = "-dac_override,-dac_read_search"
    command = ["setpriv", f"--bounding-set={drop}", f"--inh-caps={drop}"] if os.getuid() == 0 else []
    return subprocess.run(
        [*command, sys.executable, "-m", "pacs", *map(str, words)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_cut_off_object_without_preamble_is_set_aside(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    whole = ct_bytes(sop="i1")
    length = int.from_bytes(whole[140:144], "little")
    (source / "IM0001").write_bytes(whole[144 + length :][:600])
    assert pacs("deid", source, tmp_path / "out").stdout.startswith("0 done, 1 quarantined")


def test_quarantine_keeps_what_an_earlier_run_left(tmp_path):
    for run in (b"first", b"second", b"second"):
        source = tmp_path / run.decode()
        source.mkdir(exist_ok=True)
        (source / "x.dcm").write_bytes(run * 50)
        pacs("deid", source, tmp_path / "out")
    names = [file.name for file in sorted((tmp_path / "out.quarantine").glob("*.dcm"))]
    assert names == ["000001-2.dcm", "000001.dcm"]


@pytest.mark.parametrize("option", ["--crosswalk", "--report"])
def test_place_that_cannot_be_written_stops_the_start(images, tmp_path, option):
    (tmp_path / "file").write_text("x")
    done = pacs("deid", images, tmp_path / "out", option, tmp_path / "file" / "within")
    assert done.returncode == 1
    assert not (tmp_path / "out").exists()


def test_out_within_in_is_named(images):
    assert pacs("deid", images, images / "out").stderr == "pacs: OUT must not lie within IN\n"


def test_crosswalk_of_another_run_is_added_to(images, tmp_path):
    (images / "b").mkdir()
    (images / "b" / "x.dcm").write_bytes(ct_bytes(sop="i9"))
    for folder in ("a", "b"):
        assert pacs("deid", images / folder, tmp_path / "out", "--crosswalk", tmp_path / "cross").returncode == 0
    with (tmp_path / "cross" / "uids.csv").open(newline="") as file:
        assert {uid(name) for name in ("i1", "i2", "i3", "i9")} <= {row["old"] for row in csv.DictReader(file)}
    (tmp_path / "cross" / "uids.csv").write_text("something else")
    refused = pacs("deid", images, tmp_path / "other", "--crosswalk", tmp_path / "cross")
    assert refused.returncode == 1
    assert not (tmp_path / "other").exists()


def test_two_runs_do_not_write_into_one_folder(images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    folder = os.open(out, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        done = pacs("deid", images, out)
    finally:
        os.close(folder)
    assert done.returncode == 1
    assert "another run writes into OUT" in done.stderr
    assert outputs(out) == []
    assert pacs("deid", images, out).returncode == 0
