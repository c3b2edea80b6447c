"""CNI_ARGS is read as CNI's Go library reads it, and refused with its words."""

from __future__ import annotations

import pytest

from conf.arguments import require_known, split_arguments
from conf.errors import InvalidEnvironment


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        ("IP=10.1.0.2", {"IP": "10.1.0.2"}),
        ("IgnoreUnknown=1;K8S_POD_NAME=web", {"IgnoreUnknown": "1", "K8S_POD_NAME": "web"}),
        (";A=1;;B=2;", {"A": "1", "B": "2"}),
        ("GATEWAY=", {"GATEWAY": ""}),
        ("=x", {"": "x"}),
        ("A=1;A=2", {"A": "2"}),
        (" A = 1 ", {" A ": " 1 "}),
    ],
)
def test_pairs(text: str, arguments: dict[str, str]) -> None:
    assert split_arguments(text) == arguments


@pytest.mark.parametrize("pair", ["IP", "A=1=2", "A==", " "])
def test_a_pair_has_one_equals_sign(pair: str) -> None:
    with pytest.raises(InvalidEnvironment) as caught:
        split_arguments(f"MAC=02:00:00:00:00:01;{pair}")
    assert caught.value.code == 4
    assert caught.value.msg == f'ARGS: invalid pair "{pair}"'
    assert pair in caught.value.details


@pytest.mark.parametrize("yes", ["1", "true", "TRUE", "True"])
def test_unknown_keys_are_ignored_where_the_runtime_says_so(yes: str) -> None:
    require_known({"K8S_POD_NAME": "web", "IgnoreUnknown": yes}, {"IP"})


@pytest.mark.parametrize("no", ["0", "false", "FALSE"])
def test_unknown_keys_are_refused_and_known_ones_named(no: str) -> None:
    arguments = {"K8S_POD_NAME": "web", "IP": "10.1.0.2", "IgnoreUnknown": no}
    with pytest.raises(InvalidEnvironment, match=r'ARGS: unknown args \["K8S_POD_NAME=web"\]') as caught:
        require_known(arguments, {"MAC", "IP"})
    assert "only IP, MAC are known here; add IgnoreUnknown=1" in caught.value.details
    require_known({"IP": "10.1.0.2", "IgnoreUnknown": no}, {"MAC", "IP"})


@pytest.mark.parametrize("neither", ["", "yes", "2", "on"])
def test_ignore_unknown_is_a_boolean(neither: str) -> None:
    with pytest.raises(InvalidEnvironment, match=f"boolean unmarshal error: invalid input {neither}"):
        require_known({"IgnoreUnknown": neither}, ())
