"""schemathesis asks a running server everything that its OpenAPI document says."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.builders import make_ct, uid
from tests.wire.contract import contract
from tests.wire.holdings import hold
from tests.wire.server import Server, free_port, wait_for

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
KNOWN = {"study": uid("t1"), "series": uid("s1"), "sop": uid("a1"), "frames": "1", "place": "7FE00010"}
KNOWN |= {"studyUID": uid("t1"), "seriesUID": uid("s1"), "objectUID": uid("a1")}


@schemathesis.serializer("application/x-mirc")
def _as_it_is(_context: Any, value: Any) -> bytes:
    """What CTP sends is any bytes."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The document of a server with a few objects, whose UIDs stand in it beside any others."""
    server, port = Server(tmp_path_factory.mktemp("openapi") / "data"), free_port()
    objects = [make_ct("a1", "s1", "t1"), make_ct("a2", "s1", "t1", NumberOfFrames=2, PixelData=bytes(256))]
    hold(server.data, [*objects, make_ct("b1", "s2", "t2", Modality="MR")])
    server.start("web", "--http", str(port))
    root = f"http://127.0.0.1:{port}"
    wait_for(lambda: _answers(root))
    found: dict[str, Any] = requests.get(f"{root}/api/openapi.json", timeout=10).json()
    for path in found["paths"].values():
        for each in path.get("parameters", ()):
            _with_known(each)
    for each in found["components"]["parameters"].values():
        _with_known(each)
    yield found
    server.stop()
    assert '"level":"ERROR"' not in server.log.read_text()


def _answers(root: str) -> bool:
    try:
        return requests.get(f"{root}/healthz", timeout=2).ok
    except requests.ConnectionError:
        return False


def _with_known(parameter: dict[str, Any]) -> None:
    if parameter["name"] in KNOWN:
        parameter["schema"] = {"anyOf": [{"enum": [KNOWN[parameter["name"]]]}, parameter["schema"]]}


def _ask(document: dict[str, Any], examples: int) -> None:
    schema = schemathesis.openapi.from_dict(document)
    root = document["servers"][0]["url"]
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.method in ("options", "head") or "workitems" in operation.path:  # which are 501
            continue
        _ask_one(operation, root, examples)


def _ask_one(operation: Any, root: str, examples: int) -> None:
    skipped = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
    session = requests.Session()

    @seed(5)
    @settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=skipped
    )
    def ask(case: Case) -> None:
        case.call_and_validate(base_url=root, checks=CHECKS, session=session, timeout=30)

    given(case=operation.as_strategy())(ask)()
    session.close()


@contract("web 9.6")
def test_answers_conform_to_openapi(document: dict[str, Any]):
    _ask(document, 8)


@pytest.mark.long
def test_many_answers_conform_to_openapi(document: dict[str, Any]):
    _ask(document, 100)
