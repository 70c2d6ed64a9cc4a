"""Filters of collections and of forwarding rules."""

from threading import Event

import pytest

from pacs.cli.options import filter_text
from pacs.curation.sending import Run
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
