"""In a namespace that may be another's, nothing is taken for an attachment's interface but what was made for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import pytest

from ipam.lease import Attachment, Owner
from link import macvlan
from link.answers import Link
from plugin.verbs.container import alias_of, is_removable, of_a_stray

if TYPE_CHECKING:
    from link.netns import Namespace

OWNER = Owner("lan", "container", "net1")
KNOWN = Attachment(OWNER, "/run/netns/x", "4:1", "macvlan", "", "", "boot", 0)
FOREIGN = Link(2, "net1", "macvlan", "02:00:00:00:00:01", 1500, True, True, True, 1, 0, 0, "", "", "bridge")  # noqa: FBT003 - columns
OWN = replace(FOREIGN, index=macvlan.index_of("container", "net1"))
MARKED = replace(FOREIGN, alias=alias_of(OWNER))


@dataclass
class Place:
    """A namespace that has the recorded one's number."""

    identity: str = KNOWN.netns_id


@pytest.mark.parametrize(
    ("link", "at_home", "astray"), [(FOREIGN, True, False), (OWN, True, True), (MARKED, True, True)]
)
def test_what_is_removed(*, link: Link, at_home: bool, astray: bool) -> None:
    place = cast("Namespace", Place())
    assert is_removable(link, OWNER, KNOWN, place) is at_home
    assert is_removable(link, OWNER, of_a_stray(KNOWN), place) is astray
