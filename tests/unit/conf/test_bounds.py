"""What a configuration costs has a bound, whatever is in it."""

from __future__ import annotations

import json
import time

from conf.document import REMEMBERED, Document, read_document, remembering
from conf.keys import did_you_mean


def document(size: int) -> Document:
    """A configuration with a key of so many bytes."""
    return read_document(json.dumps({"cniVersion": "1.0.0", "name": "lan", "x": "x" * size}).encode(), "ADD")


def test_only_small_documents_are_remembered() -> None:
    judged = []

    @remembering
    def judge(document: Document) -> int:
        judged.append(len(document.stdin))
        return len(judged)

    small, large = document(10), document(REMEMBERED)
    assert (judge(small), judge(document(10)), judge(large), judge(large)) == (1, 1, 2, 3)


def test_a_long_word_is_not_compared() -> None:
    began = time.process_time()
    assert did_you_mean("master" * 500_000, ["master", "mode"]) == "known are master, mode"
    assert did_you_mean("masetr", ["master", "mode"]) == 'did you mean "master"?'
    assert time.process_time() - began < 5
