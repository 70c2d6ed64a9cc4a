"""Filters of collections and of forwarding rules."""

from threading import Event

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner

from pacs.cli import collection, forward
from pacs.cli.options import filter_text
from pacs.curation.sending import Run
from pacs.deid import load_profile
from pacs.errors import BadRequest, ProfileError
from pacs.jobs.sending import SEND
from pacs.model import InstanceKey, State
from pacs.pipeline.housekeeping import Housekeeping
from tests.installation import send_ct, work
from tests.pipeline.test_pipeline import CURATOR, studies

CT_ALONE = 'Modality.equals("CT") * !ImageType.contains("SECONDARY")'


def test_object_that_does_not_pass_is_quarantined_and_told_why(app):
    app.registry.set_collection("inbox", {"import_filter": CT_ALONE})
    send_ct(app)
    send_ct(app, sop="i2", Modality="MR")
    counts = work(app)
    assert (counts["published"], counts["quarantined"]) == (1, 1)
    (receipt,) = app.archive.parts.receipts.in_states(State.QUARANTINED)
    assert receipt.reason == "It does not pass the filter of collection inbox: Modality.equals."


def test_filter_drops_by_explicit_rule(app):
    app.registry.set_collection("inbox", {"import_filter": CT_ALONE, "filter_action": "drop"})
    send_ct(app, Modality="MR")
    assert work(app)["dropped"] == 1
    with pytest.raises(BadRequest, match="filter_action"):
        app.registry.set_collection("inbox", {"filter_action": "perhaps"})


def test_filter_is_given_as_text_or_file(tmp_path):
    file = tmp_path / "ct.script"
    file.write_text(f"// ours\n{CT_ALONE}\n")
    assert filter_text(str(file)) == file.read_text()
    assert filter_text(CT_ALONE) == CT_ALONE
    assert filter_text(" ") == ""
    file.write_text("\nModality.equals(CT)")
    with pytest.raises(ProfileError, match=r"ct\.script, line 2"):
        filter_text(str(file))


class Told(Run):
    """A receiver that takes all."""

    def send_series(self, instances):
        for each in instances:
            self.taken(each)


def test_forwarding_rule_sends_what_passes_its_filter(app):
    app.registry.add_peer("PEER", "127.0.0.1", 11112)
    app.registry.add_forward("inbox", "PEER", send_filter='InstanceNumber.equals("7") * PatientID.startsWith("INBOX-")')
    send_ct(app, InstanceNumber=7)
    send_ct(app, sop="i2", InstanceNumber=8)
    work(app)
    Housekeeping(app.archive, 0.0).run()
    jobs = app.archive.parts.jobs
    job = jobs.claim((SEND,))
    run = Told(app.archive, jobs, job, CURATOR, Event())
    assert run.attempt() == "1 sent"
    (study,) = studies(app)
    one, _other = app.archive.open(InstanceKey(str(study["StudyInstanceUID"])), CURATOR)
    assert run.passes(one)


@pytest.fixture
def strictly(app):
    """The profile of the collection is a CTP script in mode strict."""
    profiles = app.folders.profiles
    profiles.mkdir(exist_ok=True)
    (profiles / "strict.script").write_text(
        '<script><p t="ROOT">1.2.3</p>'
        + "".join(f'<e en="T" t="{tag}" n="">@hashuid(@ROOT,this)</e>' for tag in ("00080018", "0020000D", "0020000E"))
        + '<e en="T" t="00100010" n="">@hash(this,8)</e><e en="T" t="00100020" n="">@hash(this,8)</e>'
        + '<r en="T" t="unspecifiedelements"/></script>'
    )
    (profiles / "mine.toml").write_text(
        'title = "Mine"\nbase = "basic"\nscript = "strict.script"\n[settings]\nctp = "strict"\n'
    )
    app.registry.set_collection("inbox", {"profile": "mine"})
    return app


def test_malformed_filter_of_a_strict_collection_is_taken_with_a_warning(strictly, capsys, tmp_path):
    profile = load_profile("mine", strictly.folders.profiles)
    assert filter_text("Modality.equals(CT)", profile) == "Modality.equals(CT)"
    assert "warning: filter, line 1: the text of a method" in capsys.readouterr().err
    assert filter_text(CT_ALONE, profile) == CT_ALONE
    assert not capsys.readouterr().err
    with pytest.raises(ProfileError, match="double quotes"):
        filter_text("Modality.equals(CT)", load_profile("tcia"))


def test_profile_does_not_change_under_a_filter_that_it_does_not_take(strictly):
    def set_inbox(*options):
        return CliRunner().invoke(collection.command, ["set", "inbox", *options, "--data", str(strictly.folders.data)])

    taken = set_inbox("--filter", "Modality.equals(CT)")
    assert "warning: filter, line 1" in taken.stderr
    assert isinstance(set_inbox("--profile", "tcia").exception, ProfileError)
    assert set_inbox("--profile", "tcia", "--filter", "").exit_code == 0
    added = CliRunner().invoke(
        forward.command,
        ["add", "inbox", "HUB", "--filter", "Modality.equals(CT)", "--data", str(strictly.folders.data)],
    )
    assert isinstance(added.exception, ProfileError)


@pytest.mark.parametrize("text", ["Modality.equals(CT)", '!!Modality.equals("CT")'])
def test_odd_filter_of_a_strict_collection_quarantines_and_never_drops(strictly, text):
    strictly.registry.set_collection("inbox", {"import_filter": text, "filter_action": "drop"})
    send_ct(strictly)
    assert work(strictly)["quarantined"] == 1
    strictly.registry.set_collection("inbox", {"import_filter": 'Modality.equals("MR")'})
    send_ct(strictly, sop="i2")
    assert work(strictly)["dropped"] == 1


def test_malformed_filter_under_another_profile_quarantines(app):
    app.registry.set_collection("inbox", {"import_filter": "Modality.equals(CT)", "filter_action": "drop"})
    send_ct(app)
    assert work(app)["quarantined"] == 1


def test_filter_without_end_quarantines_and_says_where(app, monkeypatch):
    monkeypatch.setattr("pacs.deid.ctp.patterns.LONGEST_S", 0.02)
    app.registry.set_collection("inbox", {"import_filter": 'StudyDescription.matches("(.*?,){12}P")'})
    send_ct(app, StudyDescription="17," * 20)
    work(app)
    (receipt,) = app.archive.parts.receipts.in_states(State.QUARANTINED)
    assert "filter of inbox: condition 1, StudyDescription.matches, took longer than" in receipt.reason
    assert "17" not in receipt.reason


def test_forwarding_filter_is_read_as_the_collections_profile_says(strictly):
    strictly.registry.add_peer("PEER", "127.0.0.1", 11112)
    strictly.registry.add_forward("inbox", "PEER", send_filter='!!Modality.equals("") ')
    send_ct(strictly)
    work(strictly)
    Housekeeping(strictly.archive, 0.0).run()
    jobs = strictly.archive.parts.jobs
    run = Told(strictly.archive, jobs, jobs.claim((SEND,)), CURATOR, Event())
    assert run.attempt() == "0 sent"


def test_pixel_script_of_a_strict_collection_fills_with_0_and_leaves_no_mark(strictly):
    """As CTP does; the filter of the first signature is true only when `!!` means what it says."""
    script = '{ !!Modality.equals("CT") } (0,0,9,9) { Modality.equals("CT") } (1,1,1,0)'
    (strictly.folders.profiles / "device.pixels").write_text(script)
    strictly.registry.set_collection("inbox", {"pixels": "clean"})
    pixels = np.full((16, 16), 500, "<u2")
    send_ct(strictly, Rows=16, Columns=16, PixelData=pixels.tobytes())
    assert work(strictly)["published"] == 1
    Housekeeping(strictly.archive, 0.0).run()
    (study,) = studies(strictly)
    (found,) = strictly.archive.open(InstanceKey(str(study["StudyInstanceUID"])), CURATOR)
    result = pydicom.dcmread(found.path)
    pixels[1:2, 1:3] = 0
    assert np.array_equal(result.pixel_array, pixels)
    assert "DeidentificationMethodCodeSequence" not in result
    assert "BurnedInAnnotation" not in result
