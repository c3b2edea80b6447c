"""JSON that a runtime or an IPAM plugin may send, and that nobody can answer: refused, never a bug of ours."""

from __future__ import annotations

import json
import time

import pytest

from conf.document import DEEPEST, decode_json, decode_object
from conf.errors import DecodingFailure, InvalidNetworkConfig
from conf.link_config import LONGEST_NAME, LinkConfig


def nested(levels: int, opening: str = '{"a":', closing: str = "}") -> bytes:
    return (opening * levels + "1" + closing * levels).encode()


@pytest.mark.parametrize("levels", [DEEPEST + 1, 980, 100_000])
@pytest.mark.parametrize("brackets", [('{"a":', "}"), ("[", "]"), ('[{"a":', "}]")])
def test_a_deep_nest_is_refused(levels: int, brackets: tuple[str, str]) -> None:
    with pytest.raises(DecodingFailure, match=r"nested deeper than 128 levels|more than 262144 brackets"):
        decode_object(nested(levels, *brackets))


def test_brackets_side_by_side_are_no_nest() -> None:
    many = {"list": [[]] * 1000, "text": "[" * 1000}
    assert decode_object(json.dumps(many).encode()) == many
    assert decode_object(nested(DEEPEST))


def test_depth_costs_no_more_than_decoding() -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match="more than 262144 brackets"):
        decode_json(b'"' + b'\\"[' * 1_000_000)
    assert len(decode_json(b"[" + b"[1]," * 80_000 + b"1]")) == 80_001
    assert time.process_time() - began < 20


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "9" * 5000])
def test_a_number_that_json_cannot_hold_is_refused(number: str) -> None:
    with pytest.raises(DecodingFailure):
        decode_object(f'{{"a": {number}}}'.encode())


def test_lone_surrogates_are_replaced() -> None:
    assert decode_json(b'{"a": "\\ud800x"}') == {"a": "\ufffdx"}


def test_a_long_master_is_refused() -> None:
    with pytest.raises(InvalidNetworkConfig, match='"master" has 66000 bytes'):
        LinkConfig(master="x" * 66_000)
    assert LinkConfig(master="x" * LONGEST_NAME).master
