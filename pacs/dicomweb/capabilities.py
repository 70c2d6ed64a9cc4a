"""Retrieve Capabilities: what the service root offers, as WADL in XML or JSON. PS3.18 8.9."""

import re
from typing import Any
from xml.etree import ElementTree as ET

from flask import Blueprint, Flask, Response, current_app, request

from pacs.dicomweb.accept import within
from pacs.dicomweb.door import PATH, public_root
from pacs.dicomweb.models import asked
from pacs.dicomweb.openapi import operation_of, path_of
from pacs.dicomweb.operations import PARAMETERS, PLACES, PLAIN_JSON, REQUIRED, Parameter
from pacs.dicomweb.reply import json_reply
from pacs.errors import NotAcceptable

blueprint = Blueprint("capabilities", __name__)
WADL = "application/vnd.sun.wadl+xml"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"
Json = dict[str, Any]


@blueprint.route("", methods=["GET", "OPTIONS"], provide_automatic_options=False)
def capabilities() -> Response:
    """What can be asked for below the service root. A browser's preflight gets no content."""
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response = Response(status=204)
    else:
        kind = _chosen((WADL, PLAIN_JSON) if request.method == "OPTIONS" else (PLAIN_JSON, WADL))
        found = application(current_app, public_root())
        response = json_reply({"application": found}, media_type=kind) if kind == PLAIN_JSON else _wadl(found)
    response.headers["Allow"] = "GET, HEAD, OPTIONS"
    return response


def _chosen(offered: tuple[str, str]) -> str:
    ways = asked()
    for each in ways:
        for kind in offered:
            if within(kind, each.type) or (kind == WADL and each.type == "application/xml"):
                return kind
        if each.type == "application/dicom+json":
            return PLAIN_JSON
    if ways:
        raise NotAcceptable(f"capabilities are sent as {PLAIN_JSON} or {WADL}")
    return offered[0]


def application(app: Flask, root: str) -> Json:
    """WADL's tree: base address, resources, their methods with parameters, media types and statuses."""
    resources: dict[str, Json] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda each: each.rule):
        if not f"{rule.rule}/".startswith(f"{PATH}/") or rule.rule.startswith(f"{PATH}/workitems"):
            continue
        path = path_of(rule).removeprefix(PATH).lstrip("/")
        resource = resources.setdefault(path, {"path": path, "param": [], "method": []})
        resource["param"] = [_param(name, PLACES[name], "template") for name in sorted(rule.arguments)]
        name, row = operation_of(app, rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            place = re.sub(r"\W+", "_", path).strip("_")
            resource["method"].append(
                {
                    "name": method,
                    "id": "_".join(filter(None, (method.lower(), name.rpartition(".")[2], place))),
                    "request": {
                        "param": [_param(each, PARAMETERS[each], "query") for each in row.query],
                        "representation": list(row.body),
                    },
                    "response": {"status": list(row.success), "representation": list(row.media)},
                }
            )
    return {"resources": {"base": f"{root}/", "resource": list(resources.values())}}


def _param(name: str, parameter: Parameter, style: str) -> Json:
    found: Json = {"name": name, "style": style, "required": style == "template" or name in REQUIRED}
    return found | ({"option": list(parameter.choices)} if parameter.choices else {})


def _wadl(found: Json) -> Response:
    ET.register_namespace("", _NAMESPACE)
    root = ET.Element(f"{{{_NAMESPACE}}}application")
    resources = _child(root, "resources", base=found["resources"]["base"])
    for each in found["resources"]["resource"]:
        resource = _child(resources, "resource", path=each["path"])
        _write_params(resource, each["param"])
        for method in each["method"]:
            _write_method(resource, method)
    content = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    response = Response(content, 200)
    response.headers["Content-Type"] = WADL
    return response


def _write_method(resource: ET.Element, method: Json) -> None:
    element = _child(resource, "method", name=method["name"], id=method["id"])
    asked_for = _child(element, "request")
    _write_params(asked_for, method["request"]["param"])
    for media in method["request"]["representation"]:
        _child(asked_for, "representation", mediaType=media)
    answer = _child(element, "response", status=" ".join(map(str, method["response"]["status"])))
    for media in method["response"]["representation"]:
        _child(answer, "representation", mediaType=media)


def _write_params(parent: ET.Element, params: list[Json]) -> None:
    for each in params:
        element = _child(
            parent, "param", name=each["name"], style=each["style"], required=str(each["required"]).lower()
        )
        for choice in each.get("option", ()):
            _child(element, "option", value=choice)


def _child(parent: ET.Element, element: str, /, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{_NAMESPACE}}}{element}", attributes)
