"""What follows an attempt to send that broke off."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from pacs.curation.sending import MOST_FRUITLESS, SOON_S, again_or_never
from pacs.jobs import GiveUp, TryAgain
from pacs.jobs.sending import Sending

BEFORE = Sending("DEST", study_uid="1.2", sent=36, fruitless=7)


def attempt(after: Sending) -> tuple[Any, Sending]:
    """What follows, and what is remembered."""
    run: Any = SimpleNamespace(sending=after, remember=lambda: None)
    return again_or_never(run, BEFORE, "gone"), run.sending


@pytest.mark.parametrize("got_on", [{"sent": 37}, {"refused": 1}])
def test_progress_makes_the_next_attempt_soon(got_on: Any) -> None:
    follows, remembered = attempt(replace(BEFORE, **got_on))
    assert isinstance(follows, TryAgain)
    assert (follows.delay_s, remembered.fruitless) == (SOON_S, 0)


def test_waits_double_only_without_progress() -> None:
    follows, remembered = attempt(replace(BEFORE, fruitless=1))
    assert isinstance(follows, TryAgain)
    assert (follows.delay_s, remembered.fruitless) == (10.0, 2)


def test_given_up_after_many_attempts_without_progress() -> None:
    follows, remembered = attempt(replace(BEFORE, fruitless=MOST_FRUITLESS - 1))
    assert isinstance(follows, GiveUp)
    assert remembered.fruitless == 0  # `pacs jobs retry` starts anew


def test_jobs_of_an_older_version_are_understood() -> None:
    assert Sending.of({"aet": "DEST", "after": "1.2", "offset": 4, "sent": 4}) == Sending("DEST", after="1.2", sent=4)
    assert Sending.of(replace(BEFORE, done=(4, 2)).arguments()).done == (4, 2)
