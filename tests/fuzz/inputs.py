"""Inputs for the door: configurations that are right, and many ways to make them wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from pathlib import Path

Json = Any

VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
VERBS = ("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION")


class Twice(dict[str, Any]):
    """An object whose keys are all written twice; the second time with another value."""


@dataclass(frozen=True)
class Deep:
    """Lists in lists, so many of them; too deep for a value of Python."""

    levels: int


def right(data_dir: Path) -> list[dict[str, Any]]:
    """Configurations of every kind that an ADD accepts, on the master of the sandbox."""
    base: dict[str, Any] = {"cniVersion": "1.1.0", "name": "fuzz", "type": "macvlan", "master": "eth0"}
    v4 = {"subnet": "10.8.0.0/24", "rangeStart": "10.8.0.10", "rangeEnd": "10.8.0.99", "gateway": "10.8.0.1"}
    v6 = {"subnet": "fd00:8::/64", "exclude": ["fd00:8::3", "fd00:8::10/124"]}
    routes = [{"dst": "0.0.0.0/0"}, {"dst": "10.88.0.0/16", "gw": "10.8.0.2", "mtu": 1400, "priority": 5, "table": 100}]
    pool = {"type": "cni-macvlan-py", "ranges": [[v4], [v6]], "routes": routes}
    host_local = {"type": "host-local", "dataDir": str(data_dir)}
    static = {"type": "static", "addresses": [{"address": "10.8.0.5/24", "gateway": "10.8.0.1"}], "routes": routes[:1]}
    runtime = {"mac": "02:00:00:00:88:01", "ips": ["10.8.0.20/24"], "ipRanges": [[{"subnet": "10.87.0.0/24"}]]}
    previous = {
        "cniVersion": "1.1.0",
        "interfaces": [{"name": "eth9", "mac": "02:00:00:00:00:09", "sandbox": "/run/netns/x", "pciID": "7"}],
        "ips": [{"address": "10.1.1.1/24", "gateway": "10.1.1.254", "interface": 0}],
        "routes": [{"dst": "10.2.0.0/16", "gw": "10.1.1.9", "scope": 0}],
        "dns": {"nameservers": ["10.1.1.53"], "search": ["a"], "domain": "b", "options": ["c"]},
    }
    keys = {"mtu": 1400, "mac": "02:00:00:00:88:02", "bcqueuelen": 500, "dns": {"nameservers": ["10.8.0.53"]}}
    return [
        base,
        base | {"ipam": pool},
        base | {"ipam": host_local | {"ranges": [[v4], [v6]], "routes": routes}} | keys,
        base | {"ipam": host_local | v4, "cniVersion": "0.2.0"},
        base | {"ipam": static, "prevResult": previous},
        base | {"ipam": {"type": "cni-macvlan-py", "subnet": "10.8.0.0/24"}, "runtimeConfig": runtime},
        base | {"mode": "source", "sourceMacs": ["02:00:00:00:88:03"], "cniVersion": "0.4.0"},
        base | {"mode": "passthru", "promisc": False, "linkInContainer": False},
        base | {"ipam": pool, "args": {"cni": {"ips": ["10.8.0.30"]}}, "cni.dev/valid-attachments": []},
    ]


NASTY_TEXT = st.sampled_from([
    "", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "é" * 40, "x" * 70000, "../..", "/", "a/b", "%s%n", "-1", "NaN",
    "10.8.0.1", "10.8.0.0/24", "::ffff:10.8.0.1", "::/0", "0.0.0.0/0", "10.8.0.5/33", "fd00::/129", "fe80::1%eth0",
    "host-local", "static", "cni-macvlan-py", "dhcp", "macvlan", "passthru", "source", "none", "eth0", "peer0", "lo",
    "02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "1.1.0", "9.9.9", "\u0661.0.0", "true", "null", "\u2028", "a" * 16,
])  # fmt: skip
TEXT = NASTY_TEXT | st.text(max_size=20) | st.text(st.characters(categories=("Cs", "Cc")), max_size=4)
NUMBERS = (
    st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, -(2**63), 2**200, 10**400, 1.5, -0.0, 1e308])
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    SCALARS | st.builds(Deep, st.sampled_from([5, 300, 700, 990, 3000, 100_000])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


# one of each sort, to be put into every spot
SPECIMENS: list[Json] = [
    None, True, 0, -1, 2**32, 2**200, 1.5, [], {}, [[]], "", "\0", "\ud800", "a/b", "/", "x" * 5000, "10.8.0.1", "::/0",
    "fd00::1", Deep(900),
]  # fmt: skip


def spots(value: Json, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all values within a value, its own first."""
    found = [path]
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        found += spots(inner, (*path, key))
    return found


def replaced(value: Json, path: tuple[Any, ...], new: Json) -> Json:
    """The value with another at one spot."""
    if not path:
        return new
    key, *rest = path
    inner = replaced(value[key], tuple(rest), new)
    return [*value[:key], inner, *value[key + 1 :]] if isinstance(value, list) else value | {key: inner}


@st.composite
def changed(draw: st.DrawFn, value: Json) -> Json:
    """The value with something about one spot of it changed."""
    path = draw(st.sampled_from(spots(value)))
    return _change(draw, value, path)


def _change(draw: st.DrawFn, value: Json, path: tuple[Any, ...]) -> Json:
    if not path:
        return _another(draw, value)
    key, *rest = path
    if isinstance(value, list):
        inner = _change(draw, value[key], tuple(rest))
        return [*value[:key], inner, *value[key + 1 :]]
    how = draw(st.sampled_from(sorted(WAYS))) if not rest else "value"
    return WAYS[how](draw, value, key, tuple(rest))


def _value(draw: st.DrawFn, value: Json, key: str, rest: tuple[Any, ...]) -> Json:
    return value | {key: _change(draw, value[key], rest)}


def _none(_draw: st.DrawFn, value: Json, key: str, _rest: tuple[Any, ...]) -> Json:
    return value | {key: None}


def _case(draw: st.DrawFn, value: Json, key: str, _rest: tuple[Any, ...]) -> Json:
    others = {other: kept for other, kept in value.items() if other != key}
    return others | {draw(st.sampled_from([key.upper(), key.title(), key.swapcase(), key + " "])): value[key]}


def _gone(_draw: st.DrawFn, value: Json, key: str, _rest: tuple[Any, ...]) -> Json:
    return {other: kept for other, kept in value.items() if other != key}


def _more(draw: st.DrawFn, value: Json, _key: str, _rest: tuple[Any, ...]) -> Json:
    return value | {draw(TEXT): draw(VALUES)}


WAYS = {"value": _value, "another value": _value, "none": _none, "case": _case, "gone": _gone, "more": _more}


def _another(draw: st.DrawFn, value: Json) -> Json:
    """Something else where the value was: of another type, wrapped, or slightly different."""
    choices = [VALUES, st.just([value]), st.just({"value": value}), st.just(str(value)), NUMBERS, TEXT]
    if isinstance(value, str):
        choices += [st.just(value + draw(TEXT)), st.just(value.upper()), st.just(value[: len(value) // 2])]
    if isinstance(value, list):
        choices += [st.just(value * 2), st.just([]), st.just(value * 300)]
    if isinstance(value, dict):
        choices += [st.just(Twice(value)), st.just({}), st.just(list(value.items()))]
    return draw(st.one_of(*choices))


def written(value: Json, *, ascii_only: bool) -> bytes:
    """The value as JSON text in bytes; a lone surrogate becomes its three wrong bytes unless ``ascii_only``."""
    return _written(value, ascii_only).encode("utf-8", "surrogatepass")


def _written(value: Json, ascii_only: bool) -> str:  # noqa: FBT001 - passed on
    if isinstance(value, Deep):
        return "[" * value.levels + "]" * value.levels
    if isinstance(value, dict):
        members = [
            f"{json.dumps(key, ensure_ascii=ascii_only)}:{_written(each, ascii_only)}" for key, each in value.items()
        ]
        if isinstance(value, Twice):
            members += [f"{json.dumps(key, ensure_ascii=ascii_only)}:null" for key in value]
        return "{" + ",".join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(_written(each, ascii_only) for each in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


@st.composite
def configurations(draw: st.DrawFn, data_dir: Path) -> bytes:
    """A configuration with up to three things wrong with it."""
    value: Json = draw(st.sampled_from(right(data_dir)))
    if isinstance(value, dict) and draw(st.booleans()):
        value = value | {"cniVersion": draw(st.sampled_from(VERSIONS))}
    for _ in range(draw(st.integers(0, 3))):
        value = draw(changed(value))
    return written(value, ascii_only=draw(st.booleans()))


@st.composite
def damaged(draw: st.DrawFn, data_dir: Path) -> bytes:
    """A configuration whose bytes were damaged on the way."""
    stdin = written(draw(st.sampled_from(right(data_dir))), ascii_only=True)
    where = draw(st.integers(0, len(stdin)))
    how = draw(st.sampled_from(["cut", "insert", "replace", "mark", "double", "utf-16"]))
    junk = draw(st.binary(max_size=8))
    return {
        "cut": stdin[:where],
        "insert": stdin[:where] + junk + stdin[where:],
        "replace": stdin[:where] + junk + stdin[where + len(junk) :],
        "mark": b"\xef\xbb\xbf" + stdin,
        "double": stdin + stdin,
        "utf-16": stdin.decode().encode("utf-16"),
    }[how]
