"""``/api/openapi.json``: every address of this server in OpenAPI 3.1, made from its routes and `OPERATIONS`."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, current_app
from werkzeug.routing import Rule

from pacs.auth.http import SESSION_COOKIE
from pacs.dicomweb.accept import JSON
from pacs.dicomweb.door import PATH, public_root
from pacs.dicomweb.operations import (
    OPERATIONS,
    PARAMETERS,
    PLACES,
    PLAIN_JSON,
    REQUIRED,
    Operation,
    Parameter,
)
from pacs.dicomweb.reply import json_reply

blueprint = Blueprint("openapi", __name__)
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
Json = dict[str, Any]
_OTHERS = frozenset(("HEAD", "OPTIONS"))


@blueprint.get("/api/openapi.json")
def openapi() -> Response:
    """This document."""
    return json_reply(described(current_app, public_root().removesuffix(PATH)), media_type=PLAIN_JSON)


def described(app: Flask, root: str) -> Json:
    """The OpenAPI document of an app that is reached under `root`."""
    paths: dict[str, Json] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda each: (each.rule, each.endpoint)):
        path = paths.setdefault(path_of(rule), {})
        path.update(_methods(app, rule))
        if rule.arguments:
            path["parameters"] = [_parameter(name, PLACES[name], "path") for name in sorted(rule.arguments)]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "TrialPACS",
            "version": "1",
            "description": "DICOMweb (PS3.18) and pages of a research imaging archive. Errors are short JSON.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root}],
        "security": [{}, {"bearer": []}, {"basic": []}, {"session": []}],
        "paths": paths,
        "components": _components(),
    }


def path_of(rule: Rule) -> str:
    """A route's path as OpenAPI writes it."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


def operation_of(app: Flask, rule: Rule) -> tuple[str, Operation]:
    """Name and table row of what answers a route. Raises KeyError for one that the table does not have."""
    view = app.view_functions[rule.endpoint]
    name = f"{view.__module__.rpartition('.')[2]}.{view.__name__}"
    return name, OPERATIONS[name]


def _methods(app: Flask, rule: Rule) -> Iterator[tuple[str, Json]]:
    name, row = operation_of(app, rule)
    tag = "dicomweb" if rule.rule.startswith((PATH, "/wado")) else "pages"
    summary = (app.view_functions[rule.endpoint].__doc__ or "").strip().partition("\n")[0]
    place = re.sub(r"\W+", "_", rule.rule).strip("_")
    for method in sorted((rule.methods or set()) & set(METHODS), key=METHODS.index):
        found: Json = {"tags": [tag], "summary": summary, "operationId": f"{method.lower()}_{place}"}
        if method == "OPTIONS" and name != "capabilities.capabilities":
            yield "options", found | {"responses": _plain(200, 401, 404)}
            continue
        found["parameters"] = [{"$ref": f"#/components/parameters/{_key(each)}"} for each in row.query]
        if row.body and method not in _OTHERS:
            found["requestBody"] = {"content": {media: _schema_of(media) for media in row.body}}
        if method == "HEAD":
            found["responses"] = _plain(*row.success, *row.errors, 414, 431)
        else:
            found["responses"] = _responses(row)
        yield method.lower(), found


def _plain(*statuses: int) -> Json:
    return {str(each): {"description": HTTPStatus(each).phrase} for each in statuses}


def _responses(row: Operation) -> Json:
    found = _plain(*row.success)
    for status in row.success:
        if row.media and status not in (204, 303, 304):
            found[str(status)]["content"] = {media: _schema_of(media) for media in row.media}
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for status in (*row.errors, 414, 431):
        content = {media: problem if media == PLAIN_JSON else {} for media in row.error_media}
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    return found


def _schema_of(media: str) -> Json:
    if media == JSON:
        one: Json = {"$ref": "#/components/schemas/DataSet"}
        return {"schema": {"oneOf": [one, {"type": "array", "items": one}]}}
    return {}


def _key(name: str) -> str:
    return name if name not in PLACES else f"query.{name}"


def _parameter(name: str, parameter: Parameter, where: str) -> Json:
    found: Json = {"name": name, "in": where, "description": parameter.text, "schema": _form(parameter)}
    if where == "path" or name in REQUIRED:
        found["required"] = True
    return found


def _form(parameter: Parameter) -> Json:
    if parameter.choices:
        return {"type": "string", "enum": list(parameter.choices)}
    if parameter.least is not None:
        return {"type": "integer", "minimum": parameter.least, "maximum": parameter.most}
    if parameter.pattern:
        return {"type": "string", "pattern": f"^({parameter.pattern})$"}
    return {"type": "string"}


def _components() -> Json:
    value: Json = {
        "type": "object",
        "required": ["vr"],
        "properties": {"vr": {"type": "string", "pattern": "^[A-Z]{2}$"}},
    }
    for name, kind in (("Value", "array"), ("BulkDataURI", "string"), ("InlineBinary", "string")):
        value["properties"][name] = {"type": kind}
    value["properties"]["Value"]["minItems"] = 1
    sentence: Mapping[str, Any] = {"type": "string", "description": "What is wrong, in a sentence."}
    return {
        "parameters": {_key(name): _parameter(name, each, "query") for name, each in PARAMETERS.items()},
        "schemas": {
            "Problem": {"type": "object", "required": ["error"], "properties": {"error": sentence}},
            "DataSet": {
                "description": "A DICOM data set. PS3.18 Annex F.",
                "type": "object",
                "patternProperties": {"^[0-9A-F]{8}$": value},
                "additionalProperties": False,
            },
        },
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "A token of `pacs token create`."},
            "basic": {"type": "http", "scheme": "basic", "description": "A user's name, and a token as password."},
            "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "Set by /login."},
        },
    }
