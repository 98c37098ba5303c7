"""What commands end with, in a sentence: a gateway that is away, a file nobody can read, a damaged ledger."""

import sqlite3

import httpx
import websockets
from pydantic import ValidationError

from shared.contracts.problems import Category, Problem
from shared.errors import TrainyardError

FAILURES = (
    TrainyardError,
    httpx.HTTPError,
    httpx.InvalidURL,
    websockets.WebSocketException,
    ValidationError,
    UnicodeError,
    sqlite3.Error,
    OSError,
)


def told(error: Exception) -> Problem:
    """Return what a command's failure is told as.

    >>> told(PermissionError(13, "Permission denied", "model.onnx")).message
    'model.onnx: Permission denied'
    """
    match error:
        case TrainyardError():
            return error.problem()
        case httpx.InvalidURL() | httpx.UnsupportedProtocol():
            return _problem("URL_UNUSABLE", f"the address cannot be used: {error}", _ADDRESS)
        case httpx.TimeoutException():
            return _problem(
                "GATEWAY_SLOW", f"{_place(error)} did not answer in time", "Try again in a moment."
            )
        case httpx.HTTPError() | websockets.WebSocketException():
            return _problem("GATEWAY_AWAY", f"{_place(error)} does not answer: {error}", _ADDRESS)
        case ValidationError():
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "the document"
            return _problem(
                "BAD_DOCUMENT", f"{field}: {first['msg']}", "Correct the file, or what was answered."
            )
        case UnicodeError():
            return _problem("BAD_TEXT", f"a file is no UTF-8 text: {error}", "Save it as UTF-8.")
        case sqlite3.Error():
            return _problem(
                "LEDGER_UNUSABLE", f"the ledger cannot be read: {error}", "Name another data folder."
            )
        case TimeoutError():
            return _problem("TOO_SLOW", "the platform did not get there in time", "Try again in a moment.")
        case OSError():
            named = f"{error.filename}: " if error.filename else ""
            return _problem(
                "FILE_UNUSABLE", f"{named}{error.strerror or error}", "Name another file or folder."
            )
    raise error


_ADDRESS = "Start one with `trainyard up`, or name the running one with --url."


def _problem(code: str, message: str, advice: str) -> Problem:
    return Problem(code=code, message=message, category=Category.NOT_FOUND, suggestions=(advice,))


def _place(error: Exception) -> str:
    """Return which gateway failed, as far as the error says."""
    try:
        url = error.request.url if isinstance(error, httpx.RequestError) else None
    except RuntimeError:  # raised before there was a request
        url = None
    return f"the gateway at {url.scheme}://{url.netloc.decode()}" if url else "the gateway"
