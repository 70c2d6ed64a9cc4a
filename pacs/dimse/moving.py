"""Sending a batch of instances to the destination of a C-MOVE: threads with an association each. PS3.4 C.4.2.3.

The thread that serves the request stays free: it reports progress and sees a cancel or an abort while objects of any
size are on their way.
"""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from pacs.dimse.link import Link
from pacs.dimse.messages import Value
from pacs.dimse.options import ScpOptions
from pacs.dimse.requestor import UnreachableError, open_link
from pacs.dimse.suboperations import Sender, contexts_for
from pacs.dimse.upper_layer import PeerGoneError
from pacs.model import PeerInfo, StoredInstance

log = logging.getLogger("pacs.retrieve")
CHUNK_OBJECTS = 25  # what an association takes at once; fewer objects than this do not need a second one
WAIT_S = 0.25
JOIN_S = 0.5  # twice, and nothing is reported meanwhile


@dataclass(frozen=True, slots=True)
class Outcome:
    """Instances with the receiver's status, None where they could not be sent; `trouble` says why."""

    instances: Sequence[StoredInstance]
    status: int | None = None
    trouble: str = ""


@dataclass(slots=True)
class Mover:
    """One batch on its way. Iterate over `outcomes`; `finish` always, also when that ended early."""

    destination: PeerInfo
    options: ScpOptions
    originator: Mapping[int, Value]
    batch: Sequence[StoredInstance]
    soon: threading.Event = field(default_factory=threading.Event)
    """Set: nothing more is begun."""
    now: threading.Event = field(default_factory=threading.Event)
    """Set: the associations are aborted."""
    waiting: deque[Sequence[StoredInstance]] = field(default_factory=deque)
    done: "SimpleQueue[Outcome | None]" = field(default_factory=SimpleQueue)
    carriers: "list[_Carrier]" = field(default_factory=list)

    def start(self) -> None:
        """Begin, over as many associations as the destination's rules and the size of the batch call for."""
        self.waiting.extend(_chunks(self.batch))
        for _ in range(min(max(1, self.destination.rules.parallel), len(self.waiting))):
            carrier = _Carrier(self)
            self.carriers.append(carrier)
            carrier.start()

    def outcomes(self) -> Iterator[Outcome | None]:
        """What became of the instances, as it is known; None now and then while nothing is."""
        alive = len(self.carriers)
        while alive:
            try:
                outcome = self.done.get(timeout=WAIT_S)
            except Empty:
                yield None
                continue
            if outcome is None:
                alive -= 1
            else:
                yield outcome
        if not self.soon.is_set():
            yield from (Outcome(chunk) for chunk in self.waiting)

    def finish(self) -> None:
        """End what still runs: by A-ABORT, or by closing the connection where the peer does not read.

        A thread that waits to be let in is left to itself; it ends by its own time limits, and sends nothing.
        """
        self.soon.set()
        self.now.set()
        self.join()
        for carrier in self.carriers:
            if carrier.is_alive():
                carrier.cut()
        self.join()

    def join(self) -> None:
        """Wait a moment for the threads to end."""
        until = time.monotonic() + JOIN_S
        for carrier in self.carriers:
            if not (carrier.link is None and carrier.is_alive()):
                carrier.join(max(0.0, until - time.monotonic()))

    @property
    def has_begun(self) -> bool:
        """Whether the destination has taken an association."""
        return any(carrier.link is not None for carrier in self.carriers)


class _Carrier(threading.Thread):
    """One association, and the chunks that it takes from those that wait, one after the other."""

    def __init__(self, mover: Mover) -> None:
        super().__init__(name="c-move", daemon=True)
        self.mover = mover
        self.link: Link | None = None

    def run(self) -> None:
        """The thread. Whatever goes wrong, the rest of the chunk in hand has failed."""
        try:
            self.carry()
        except UnreachableError as error:
            self.mover.done.put(Outcome((), trouble=str(error)))
        except Exception:
            log.exception("association of a move failed")
        finally:
            with contextlib.suppress(Exception):
                self.close()
            self.mover.done.put(None)

    def carry(self) -> None:
        mover = self.mover
        self.link = link = open_link(mover.destination, contexts_for(mover.batch), mover.options)
        patience_s = mover.destination.rules.patience_s
        if link.stream is not None:
            link.stream.limit(min(patience_s, mover.options.transfer_timeout_s))
        sender = Sender(link, mover.originator, self.check, patience_s)
        while mover.waiting and not mover.soon.is_set():
            try:
                chunk = mover.waiting.popleft()
            except IndexError:  # another association was quicker
                break
            if not self.send(sender, chunk):
                return
        if link.is_usable:
            link.release()

    def send(self, sender: Sender, chunk: Sequence[StoredInstance]) -> bool:
        """Send a chunk; False when the association is over."""
        mover = self.mover
        sent = 0
        try:
            for instance in chunk:
                if mover.soon.is_set():
                    return True
                status = sender.send(instance)
                mover.done.put(Outcome((instance,), status))
                sent += 1
        except PeerGoneError as error:
            if not mover.now.is_set():
                mover.done.put(Outcome(chunk[sent:], trouble=str(error)))
            return False
        except BaseException:
            mover.done.put(Outcome(chunk[sent:]))
            raise
        return True

    def check(self) -> None:
        """Called now and then while an answer is awaited."""
        if self.mover.now.is_set():
            raise PeerGoneError("the request has ended")

    def close(self) -> None:
        """Abort what was not released, and close."""
        if self.link is not None:
            if self.link.is_usable:
                self.link.abort()
            self.link.close()

    def cut(self) -> None:
        """Wake the thread out of a send that the peer does not take."""
        stream = self.link.stream if self.link is not None else None
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.cut()


def _chunks(batch: Sequence[StoredInstance]) -> Iterator[Sequence[StoredInstance]]:
    """Runs of one series, in order, so that each association sends a series in its order."""
    start = 0
    for place, instance in enumerate(batch):
        if place - start == CHUNK_OBJECTS or instance.series_uid != batch[start].series_uid:
            yield batch[start:place]
            start = place
    if batch:
        yield batch[start:]
