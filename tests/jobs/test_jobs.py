"""Jobs are claimed by one, tried again, and survive the death of who worked on them."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from pacs.db.tables.jobs import Job
from pacs.errors import NotFound
from pacs.jobs import GiveUp, Jobs, TryAgain
from pacs.jobs.queue import wait_after
from pacs.jobs.runner import run_jobs, run_one


@pytest.fixture
def jobs(database):
    return Jobs(database)


def make_due(job_id: int) -> None:
    Job.update(run_after=datetime.now(UTC) - timedelta(seconds=1)).where(Job.id == job_id).execute()


def test_claimed_job_is_nobody_elses(jobs):
    jobs.add("send", {"aet": "X"})
    assert jobs.claim(["send"]).arguments == {"aet": "X"}
    assert jobs.claim(["send"]) is None


def test_jobs_of_other_names_stay(jobs):
    jobs.add("send", {})
    assert jobs.claim(["commit"]) is None


def test_delayed_job_is_not_due(jobs):
    jobs.add("send", {}, delay_s=60)
    assert jobs.claim(["send"]) is None


def test_waits_double_up_to_an_hour():
    assert [wait_after(n) for n in (1, 2, 3)] == [5, 10, 20]
    assert wait_after(50) == 3600


def test_failed_attempt_waits_and_comes_again(database, jobs):
    number = jobs.add("send", {})

    def fails(_job, _halt):
        raise TryAgain("nobody there")

    run_one(jobs, jobs.claim(["send"]), fails, threading.Event(), database)
    view = jobs.get(number)
    assert (view.state, view.attempts, view.note) == ("waiting", 1, "nobody there")
    assert view.run_after > datetime.now(UTC)
    make_due(number)
    assert jobs.claim(["send"]).attempts == 2


def test_hopeless_job_is_not_tried_again(database, jobs):
    number = jobs.add("send", {})

    def gives_up(_job, _halt):
        raise GiveUp("no such study")

    run_one(jobs, jobs.claim(["send"]), gives_up, threading.Event(), database)
    assert jobs.get(number).state == "failed"
    jobs.retry(number)
    assert jobs.claim(["send"]).attempts == 2


def test_unforeseen_error_says_no_value(database, jobs):
    number = jobs.add("send", {})

    def breaks(_job, _halt):
        raise ValueError("SMITH^JOHN")

    run_one(jobs, jobs.claim(["send"]), breaks, threading.Event(), database)
    assert jobs.get(number).note == "it could not be done (ValueError)"


def test_job_of_a_dead_process_is_queued_again(jobs):
    number = jobs.add("send", {})
    lost = jobs.claim(["send"])
    Job.update(heartbeat_at=datetime.now(UTC) - timedelta(minutes=5)).where(Job.id == number).execute()
    taken = jobs.claim(["send"])
    assert (taken.id, taken.attempts) == (number, 2)
    jobs.done(lost)  # who was taken for dead no longer decides
    assert jobs.get(number).state == "running"


def test_cancelled_job_is_not_ours_any_more(jobs):
    number = jobs.add("send", {})
    job = jobs.claim(["send"])
    jobs.cancel(number)
    assert not jobs.beat(job)
    assert jobs.get(number).note == "cancelled"


def test_arguments_remember_where_an_attempt_was(jobs):
    number = jobs.add("send", {"done": 0})
    jobs.keep(jobs.claim(["send"]), {"done": 7})
    assert jobs.get(number).arguments == {"done": 7}


def test_ended_jobs_are_forgotten_by_age(jobs):
    jobs.add("send", {})
    jobs.done(jobs.claim(["send"]))
    assert jobs.forget_ended(3600) == 0
    assert jobs.forget_ended(-1) == 1


def test_unknown_job_is_not_found(jobs):
    with pytest.raises(NotFound):
        jobs.get(4711)


def test_threads_work_off_what_waits(database, jobs):
    stop, seen, lock = threading.Event(), [], threading.Lock()

    def notes(job, _halt):
        with lock:
            seen.append(job.arguments["n"])
            if len(seen) == 20:
                stop.set()
        return "fine"

    for number in range(20):
        jobs.add("count", {"n": number})
    run_jobs(jobs, {"count": notes}, stop, database)
    assert sorted(seen) == list(range(20))
    assert {view.state for view in jobs.all(["count"])} == {"done"}
