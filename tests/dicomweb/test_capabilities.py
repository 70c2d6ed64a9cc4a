"""What the server says about itself: capabilities, Allow and CORS of every address, OpenAPI."""

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from flask import Flask
from werkzeug.routing import Rule

from pacs.dicomweb.openapi import METHODS, described, operation_of, path_of
from pacs.dicomweb.operations import OPERATIONS, PARAMETERS, PLACES
from tests.dicomweb.conftest import Web
from tests.wire.contract import contract

WADL = "application/vnd.sun.wadl+xml"
NAMESPACE = "{http://wadl.dev.java.net/2009/02}"
VALUES = {"frames": "1", "place": "7FE00010", "number": "1", "name": "x", "path": "x", "aet": "A", "_rest": "x"}


def rules(web: Web) -> list[Rule]:
    app: Flask = web.client.application
    return list(app.url_map.iter_rules())


def addresses(web: Web) -> Iterator[tuple[str, set[str]]]:
    """An address of every route, and the methods that it takes over all routes; CTP's answers as CTP does."""
    methods: dict[str, set[str]] = {}
    for rule in rules(web):
        if rule.rule.startswith("/ctp/"):
            continue
        path = re.sub(r"{(\w+)}", lambda found: VALUES.get(found[1], "1.2.3"), path_of(rule))
        methods.setdefault(path, set()).update(rule.methods or ())
    yield from methods.items()


# -- capabilities ------------------------------------------------------------------------------------------------------


@contract("web 1.3")
@pytest.mark.parametrize("accept", ["", "*/*", WADL, "application/*;q=0.1", "application/xml"])
def test_options_of_the_root_describes_the_service(empty: Web, accept: str):
    reply = empty.client.options("/dicom-web/", headers={"Accept": accept})
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, WADL)
    assert "OPTIONS" in reply.headers["Allow"]
    root = ET.fromstring(reply.data)
    assert [each.get("base") for each in root.iter(f"{NAMESPACE}resources")] == ["http://localhost/dicom-web/"]
    paths = {each.get("path"): each for each in root.iter(f"{NAMESPACE}resource")}
    found = paths["studies/{study}"].findall(f"{NAMESPACE}method")
    assert {each.get("name") for each in found} == {"GET", "POST", "DELETE"}


@contract("web 1.3")
def test_capabilities_as_json_name_every_resource(empty: Web):
    reply = empty.client.get("/dicom-web/")
    found = reply.get_json()["application"]["resources"]["resource"]
    known = {path_of(rule)[len("/dicom-web/") :] for rule in rules(empty) if rule.rule.startswith("/dicom-web")}
    assert {each["path"] for each in found} == {each for each in known if not each.startswith("workitems")}
    assert empty.client.get("/dicom-web").status_code == 200


def test_ids_of_wadl_methods_are_unique(empty: Web):
    found = empty.client.get("/dicom-web/").get_json()["application"]["resources"]["resource"]
    ids = [method["id"] for each in found for method in each["method"]]
    assert len(ids) == len(set(ids))


@contract("web 5.2")
def test_capabilities_in_another_form_are_not_acceptable(empty: Web):
    assert empty.client.get("/dicom-web/", headers={"Accept": "image/png"}).status_code == 406


# -- methods -----------------------------------------------------------------------------------------------------------


@contract("web 1.3", "web 9.4")
def test_every_address_answers_options(empty: Web):
    for path, methods in addresses(empty):
        reply = empty.client.options(path)
        assert reply.status_code == 200, path
        assert set(re.split(r",\s*", reply.headers["Allow"])) == methods, path
        assert reply.headers["Access-Control-Allow-Methods"] == reply.headers["Allow"]


@contract("web 1.3", "web 9.4")
def test_every_preflight_allows_what_the_address_takes(empty: Web):
    for path, methods in addresses(empty):
        for method in methods:
            asked = {"Origin": "https://viewer.example", "Access-Control-Request-Method": method}
            reply = empty.client.options(path, headers=asked)
            assert reply.status_code in (200, 204), path
            assert method in reply.headers["Access-Control-Allow-Methods"]
            allowed = reply.headers["Access-Control-Allow-Headers"]
            wanted = ("Authorization", "Accept", "Content-Type", "If-None-Match", "Range")
            assert all(each in allowed for each in wanted)


@contract("web 1.3", "web 9.4")
def test_other_methods_are_405_with_allow(empty: Web):
    for path, methods in addresses(empty):
        for method in ("PATCH", "PUT", "DELETE", "POST"):
            if method in methods:
                continue
            reply = empty.client.open(path, method=method)
            assert (reply.status_code, set(re.split(r",\s*", reply.headers["Allow"]))) == (405, methods), path
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
    for path in ("/dicom-web", "/dicom-web/", "/dicom-web/studies/"):
        assert empty.client.put(path).status_code == 405, path


@contract("web 1.3", "web 9.7")
def test_every_address_answers_head_as_get(empty: Web):
    for path, methods in addresses(empty):
        if "GET" in methods:
            head, full = (empty.client.open(path, method=each, buffered=True) for each in ("HEAD", "GET"))
            assert (head.status_code, head.data) == (full.status_code, b""), path
            assert head.headers["X-Content-Type-Options"] == full.headers["X-Content-Type-Options"] == "nosniff"
            assert full.headers["Cross-Origin-Resource-Policy"] == "cross-origin"


@contract("web 1.3", "web 9.4", "web 9.6")
@pytest.mark.parametrize("path", ["/nothing", "/dicom-web/nothing", "/dicom-web/studies/1.2/nothing"])
def test_unknown_address_is_404_for_every_method(empty: Web, path: str):
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"):
        reply = empty.client.open(path, method=method)
        assert reply.status_code == 404
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        exposed = reply.headers["Access-Control-Expose-Headers"]
        for name in ("Warning", "Content-Range", "ETag", "Location", "X-Total-Count", "X-Request-Id"):
            assert name in exposed


@contract("web 1.3")
@pytest.mark.parametrize("path", ["/dicom-web//studies", "/dicom-web/studies//"])
def test_doubled_slashes_are_one(empty: Web, path: str):
    reply = empty.client.open(path)
    assert (reply.status_code, reply.get_json()) == (200, [])


# -- OpenAPI -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def document(empty: Web) -> dict[str, Any]:
    reply = empty.client.get("/api/openapi.json")
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
    found: dict[str, Any] = reply.get_json()
    return found


def test_openapi_has_every_route_and_method(empty: Web, document: dict[str, Any]):
    for rule in rules(empty):
        described_methods = set(document["paths"][path_of(rule)])
        wanted = {each.lower() for each in (rule.methods or set()) & set(METHODS)}
        assert wanted <= described_methods, rule


def test_table_of_operations_has_every_route_and_no_other(empty: Web):
    app = empty.client.application
    assert {operation_of(app, rule)[0] for rule in rules(empty)} == set(OPERATIONS)
    assert {name for rule in rules(empty) for name in rule.arguments} == set(PLACES)
    assert {name for each in OPERATIONS.values() for name in each.query} == set(PARAMETERS)


def test_openapi_names_operations_once(document: dict[str, Any]):
    ids = [each["operationId"] for path in document["paths"].values() for each in path.values() if "tags" in each]
    assert len(ids) == len(set(ids))


def test_openapi_follows_the_address_that_callers_use(empty: Web):
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "archive.example", "X-Forwarded-Prefix": "/a/b"}
    reply = empty.client.get("/api/openapi.json", headers=headers)
    assert reply.get_json()["servers"] == [{"url": "https://archive.example/a/b"}]


def test_a_route_without_its_row_is_found(empty: Web):
    app = empty.client.application
    rule = next(each for each in rules(empty) if each.endpoint == "portal.portal")
    app.view_functions["portal.portal"] = rules
    with pytest.raises(KeyError):
        described(app, "")
    assert rule.rule == "/"
