"""``/healthz``, ``/readyz`` and ``/metrics``: what a supervisor and Prometheus ask."""

import logging
from collections.abc import Iterator

from flask import Blueprint, Response, current_app
from peewee import PeeweeException
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pacs.archive import Archive
from pacs.curation.status import status_json
from pacs.errors import OutOfResources
from pacs.web.door import archive

log = logging.getLogger("pacs.http")
blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return _json({"status": "ok"})


def _json(content: dict[str, object], status: int = 200) -> Response:
    return Response(current_app.json.dumps(content), status, mimetype="application/json")


@blueprint.get("/readyz")
def readyz() -> Response:
    """Whether requests can be served and objects taken; `backlog` is how many wait for a worker."""
    found = archive()
    problems = []
    try:
        found.registry.snapshot()
    except PeeweeException:
        log.exception("the database does not answer")
        problems.append("the database does not answer")
    try:
        found.parts.spool.check_room()
    except OutOfResources:
        problems.append("the disk is below its low-water mark")
    status = "not ready" if problems else "ready"
    backlog = found.parts.spool.backlog()
    return _json({"status": status, "backlog": backlog, "problems": problems}, 503 if problems else 200)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Counts in Prometheus' text format, read from receipts and spool: the same from every process."""
    found: CollectorRegistry = current_app.extensions["pacs_metrics"]
    return Response(generate_latest(found), content_type=CONTENT_TYPE_LATEST)


class ArchiveCollector(Collector):
    """Objects by what became of them, and the spool's backlog."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def collect(self) -> Iterator[Metric]:
        """Read the counts now."""
        objects = GaugeMetricFamily("pacs_objects", "Accepted objects by state.", labels=["state"])
        for state, count in status_json(self.archive).items():
            objects.add_metric([state], count)
        yield objects
        backlog = self.archive.parts.spool.backlog()
        yield GaugeMetricFamily("pacs_backlog", "Objects that wait for a worker.", backlog)
        left = self.archive.parts.spool.left.count()
        yield GaugeMetricFamily("pacs_folder_files_left", "Files of watched folders without a collection.", left)
        collections = self.archive.registry.snapshot().collections
        yield GaugeMetricFamily("pacs_collections", "Collections.", len(collections))


def registry_for(archive: Archive) -> CollectorRegistry:
    """Metrics of one archive."""
    found = CollectorRegistry(auto_describe=False)
    found.register(ArchiveCollector(archive))
    return found
