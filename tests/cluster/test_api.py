"""The stand-in for an API server refuses what the real one refuses, and lets clients wait for what they wait for."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from tests.cluster.api import Api
from tests.cluster.kinds import ATTACHMENT, CONFIG_MAP, DAEMON_SET, NAMESPACE, POD, Kind
from tests.cluster.patches import STRATEGIC
from tests.cluster.refusals import Refusal
from tests.cluster.store import Store

if TYPE_CHECKING:
    from tests.runtime import Json

LABELS = {"app": "agent"}
CONTAINERS = [{"name": "agent", "image": "agent:1"}]
SETTINGS: Json = {"data": {"key": "value"}}


@pytest.fixture
def api() -> Api:
    made = Api(Store())
    create(made, NAMESPACE, "here")
    return made


def create(api: Api, kind: Kind, name: str, namespace: str = "here", **parts: Any) -> Json:  # noqa: ANN401 - any JSON
    metadata = {"name": name, "labels": {"called": name}}
    return api.create(
        kind, namespace, {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, **parts}
    )


def daemon_set(**parts: object) -> Json:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": CONTAINERS}}
    return {"selector": {"matchLabels": LABELS}, "template": template, **parts}


def test_keys_of_no_schema_are_refused(api: Api) -> None:
    with pytest.raises(Refusal, match="'minReadySecond' was unexpected"):
        create(api, DAEMON_SET, "agent", spec=daemon_set(minReadySecond=5))
    with pytest.raises(Refusal, match="config"):
        create(api, ATTACHMENT, "lan", spec={"config": {"name": "lan"}})


def test_a_patched_object_is_compared_with_its_schema_too(api: Api) -> None:
    create(api, DAEMON_SET, "agent", spec=daemon_set())
    with pytest.raises(Refusal, match="'five' is not of type"):
        api.patch(DAEMON_SET, "here", "agent", {"spec": {"minReadySeconds": "five"}}, STRATEGIC)
    changed = api.patch(DAEMON_SET, "here", "agent", {"spec": {"minReadySeconds": 5}}, STRATEGIC)
    assert changed["metadata"]["generation"] == 2


def test_names_are_taken_once_and_namespaces_have_to_be_there(api: Api) -> None:
    create(api, CONFIG_MAP, "settings", **SETTINGS)
    with pytest.raises(Refusal, match='configmaps "settings" already exists'):
        create(api, CONFIG_MAP, "settings", **SETTINGS)
    with pytest.raises(Refusal, match='namespaces "there" not found'):
        create(api, CONFIG_MAP, "settings", "there", **SETTINGS)
    api.delete(NAMESPACE, "", "here")
    with pytest.raises(Refusal, match="is being terminated"):
        create(api, CONFIG_MAP, "more", **SETTINGS)


def test_pods_are_there_until_the_kubelet_has_ended_them(api: Api) -> None:
    create(api, POD, "first", spec={"containers": CONTAINERS})
    assert "deletionTimestamp" in api.delete(POD, "here", "first")["metadata"]
    assert len(api.store.list(POD)) == 1
    create(api, CONFIG_MAP, "settings", **SETTINGS)
    api.delete(CONFIG_MAP, "here", "settings")
    assert api.store.list(CONFIG_MAP) == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["one", "two"]),
        ({"fieldSelector": "metadata.name=one"}, ["one"]),
        ({"labelSelector": "called=two"}, ["two"]),
        ({"labelSelector": "called=three"}, []),
    ],
)
def test_selectors(api: Api, query: dict[str, str], names: list[str]) -> None:
    for name in ("one", "two"):
        create(api, CONFIG_MAP, name, **SETTINGS)
    listed = api.list(CONFIG_MAP, "here", query)["items"]
    assert [each["metadata"]["name"] for each in listed] == names
    watched = api.watch(CONFIG_MAP, "here", {**query, "sendInitialEvents": "true"})
    seen = list(islice(watched, len(names) + 1))
    assert [each["object"]["metadata"].get("name") for each in seen] == [*names, None]
    assert seen[-1]["type"] == "BOOKMARK"


def test_a_watcher_sees_what_happens_after_what_it_knew(api: Api) -> None:
    create(api, CONFIG_MAP, "one", **SETTINGS)
    known = api.list(CONFIG_MAP, "here", {})["metadata"]["resourceVersion"]
    create(api, CONFIG_MAP, "two", **SETTINGS)
    api.delete(CONFIG_MAP, "here", "one")
    seen = list(islice(api.watch(CONFIG_MAP, "here", {"resourceVersion": known}), 2))
    assert [(each["type"], each["object"]["metadata"]["name"]) for each in seen] == [
        ("ADDED", "two"),
        ("DELETED", "one"),
    ]
