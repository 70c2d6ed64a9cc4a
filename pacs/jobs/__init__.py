"""Long tasks that outlive a process: rows of the Job table, worked off by `pacs jobs`. The table is the queue.

Why no queue library (2026-11): the row must be there anyway, for state, progress and heartbeat, so a second store of
the same facts could only disagree with it. A claim is one UPDATE; jobs are few and long.

    queue   adding, claiming, finishing     runner  threads that work jobs off
"""

from pacs.jobs.queue import Claimed, Jobs, JobView
from pacs.jobs.runner import GiveUp, Handler, TryAgain, run_jobs

__all__ = ["Claimed", "GiveUp", "Handler", "JobView", "Jobs", "TryAgain", "run_jobs"]
