"""Which HTTP status each of our errors becomes, and how errors are told: short JSON, no internals, no values."""

import logging
from collections.abc import Mapping

from flask import Flask, Response, g
from peewee import PeeweeException
from werkzeug.exceptions import HTTPException

from pacs import errors
from pacs.db import close_thread
from pacs.dicomweb.door import door
from pacs.dicomweb.reply import json_reply

log = logging.getLogger("pacs.http")

STATUS_OF: Mapping[type[errors.PacsError], int] = {
    errors.PacsError: 500,
    errors.BadRequest: 400,
    errors.BadQuery: 400,
    errors.SearchTooLong: 400,
    errors.NotFound: 404,
    errors.NotAllowed: 403,
    errors.NotAcceptable: 406,
    errors.Refused: 409,
    errors.NotDicom: 409,
    errors.Truncated: 409,
    errors.MissingUid: 409,
    errors.ClassMismatch: 409,
    errors.Unsupported: 409,
    errors.OutOfResources: 503,
    errors.RuleError: 500,
    errors.Unmapped: 500,
    errors.ProfileError: 500,
    errors.ConfigError: 500,
    errors.Conflict: 409,
}
# Failure Reason (0008,1197) of an object that is not taken. PS3.18 Table I.2-2.
FAILURE_OF: Mapping[type[errors.PacsError], int] = {
    errors.OutOfResources: 0xA700,
    errors.ClassMismatch: 0xA900,
    errors.NotDicom: 0xC000,
    errors.Truncated: 0xC000,
    errors.MissingUid: 0xC000,
    errors.BadRequest: 0xC000,
    errors.Unsupported: 0x0122,
}
TRANSFER_SYNTAX_NOT_SUPPORTED = 0xC122
STUDY_MISMATCH = 0xA901
PROCESSING_FAILURE = 0x0110
_CHALLENGE = 'Bearer realm="trialpacs", Basic realm="trialpacs", charset="UTF-8"'
_SENTENCES = {
    403: "This is not allowed.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    413: "The request is larger than this server takes.",
    429: "You have several searches under way whose keys are no columns; ask again when one has ended.",
}


def failure_reason(error: errors.PacsError) -> int:
    """The Failure Reason for an error of `Archive.receive`."""
    if isinstance(error, errors.Unsupported) and error.tag == 0x00020010:
        return TRANSFER_SYNTAX_NOT_SUPPORTED
    for kind in type(error).__mro__:
        if kind in FAILURE_OF:
            return FAILURE_OF[kind]
    return PROCESSING_FAILURE


def status_of(error: errors.PacsError) -> int:
    """The HTTP status of an error."""
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def register_problems(app: Flask) -> None:
    """Make every error of an app a short JSON answer."""
    app.register_error_handler(errors.PacsError, _on_our_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_unexpected)


def _on_our_error(error: errors.PacsError) -> Response:
    status = status_of(error)
    if status == 500:
        log.exception("request failed")
        return problem(500, "The server failed; the operator can find this in its log.")
    if isinstance(error, errors.NotAllowed) and not g.get("has_credentials", False):
        return unauthorised(str(error))
    return problem(status, _sentence(str(error)))


def unauthorised(text: str) -> Response:
    """401: credentials are missing, or not valid."""
    response = problem(401, _sentence(text))
    response.headers["WWW-Authenticate"] = _CHALLENGE
    return response


def _on_http_error(error: HTTPException) -> Response:
    code = error.code or 500
    response = problem(code, _SENTENCES.get(code, f"{error.name}."))
    for name, value in error.get_headers():
        if name in ("Allow", "Location", "Retry-After"):
            response.headers[name] = value
    return response


def _on_unexpected(error: Exception) -> Response:
    log.exception("request failed")
    if isinstance(error, PeeweeException):  # the connection may be broken: the next request opens another
        close_thread(door().archive.parts.database)
    return problem(500, "The server failed; the operator can find this in its log.")


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def problem(status: int, sentence: str) -> Response:
    """An error answer."""
    return json_reply({"error": sentence}, status, "application/json")
