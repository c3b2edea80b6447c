"""Tables, times and names as commands write them: nothing that a file or a container says moves a terminal's cursor."""

from __future__ import annotations

import io
import os
import sys

import pytest

from console.cli import output


def test_columns_are_as_wide_as_their_widest_entry(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["ADDRESS", "POD", ""], [["10.1.0.2", "web", ""], ["fd00:1:2::30", "", "x"]])
    assert capsys.readouterr().out == "ADDRESS       POD\n10.1.0.2      web\nfd00:1:2::30       x\n"


def test_an_entry_is_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(["POD"], [["a\nb\x1b[2J\u202e\udcff\t"]])
    assert capsys.readouterr().out == "POD\na\\nb\\x1b[2J\\u202e\\udcff\\t\n"


@pytest.mark.parametrize(
    ("answer", "yes"), [("y\n", True), ("YES\n", True), (" yes \n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_yes_is_yes(
    answer: str, *, yes: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    assert output.confirm("Remove them?") is yes
    asked = capsys.readouterr()
    assert asked.err.startswith("Remove them? [y/N] ")
    assert asked.out == "", "the answer for programs has nothing else in it"


def test_times() -> None:
    assert output.utc_time(1_700_000_000.9) == "2023-11-14T22:13:20Z"
    assert len(output.local_time(1_700_000_000)) == len("2023-11-14 22:13")


def test_ids_are_cut_where_runtimes_cut_them() -> None:
    assert output.short("0123456789abcdef" * 4) == "0123456789ab"
    assert output.short("web-0123456789abcdef") == "web-0123456789abcdef"


@pytest.mark.parametrize(
    ("namespace", "where"),
    [
        ({"files": ["/run/netns/web", "/other"], "processes": [1]}, "in web"),
        ({"files": ["/proc/7/ns/net"], "processes": []}, "in /proc/7/ns/net"),
        ({"files": [], "processes": [7, 8]}, "in process 7"),
        ({"files": ["/run/netns/web"], "processes": [7, os.getpid()]}, "on the node itself"),
    ],
)
def test_where_an_interface_is(namespace: dict[str, list[object]], where: str) -> None:
    assert output.place(namespace) == where
