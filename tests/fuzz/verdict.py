"""What every answer of the plugin has to be, whatever it was asked."""

from __future__ import annotations

import json
from typing import Any

from conf import errors
from conf.versions import SUPPORTED

CODES = {
    error.code
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, errors.CniError) and error is not errors.CniError
} - {errors.InternalError.code}


def judge(verb: str, status: int, stdout: bytes) -> Any:  # noqa: ANN401 - any JSON
    """The document of an answer: a valid result, nothing, or a coded error; anything else is an AssertionError."""
    document = json.loads(stdout.decode()) if stdout else None
    if status == 0:
        _judge_success(verb, document)
    else:
        assert status == 1
        _judge_error(document)
    return document


def _judge_success(verb: str, document: Any) -> None:  # noqa: ANN401 - any JSON
    if verb == "ADD":
        assert document["cniVersion"] in SUPPORTED
        known = {"cniVersion", "interfaces", "ips", "routes", "dns", "ip4", "ip6"}
        assert set(document) <= known, document
        for ip in document.get("ips", []):
            assert "/" in ip["address"]
    elif verb == "VERSION":
        assert document["supportedVersions"] == list(SUPPORTED)
        assert isinstance(document["cniVersion"], str)
    else:
        assert document is None


def _judge_error(document: Any) -> None:  # noqa: ANN401 - any JSON
    assert isinstance(document, dict)
    assert {"cniVersion", "code", "msg"} <= set(document) <= {"cniVersion", "code", "msg", "details"}, document
    assert document["cniVersion"] in SUPPORTED
    assert document["code"] in CODES, document
    assert isinstance(document["msg"], str)
    assert document["msg"]
    assert isinstance(document.get("details", ""), str)
    assert "Traceback" not in document["msg"] + document.get("details", "")
