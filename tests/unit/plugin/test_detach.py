"""What the system refuses while an attachment is taken apart is one failure of several, and frees nothing in use."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from conf.errors import CniError, IoFailure, LinkFailure
from ipam.in_process import Layer2
from ipam.lease import Attachment, Owner
from ipam.store.sqlite import SqliteStore
from plugin.verbs.detach import detach

if TYPE_CHECKING:
    from pathlib import Path

    from ipam.source import Source

OWNER = Owner("lan", "container", "net1")
ATTACHMENT = Attachment(OWNER, "/run/netns/x", "4:1", "macvlan", "", "", "boot", 0)


def refuse() -> Source:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_an_interface_that_the_system_does_not_let_go_keeps_its_record(tmp_path: Path) -> None:
    store = SqliteStore(str(tmp_path), "boot")
    Layer2(store).acquire(ATTACHMENT, replace=False)
    failures: list[CniError] = [LinkFailure("before", "")]
    detach(lambda: Layer2(store), OWNER, refuse, failures)
    with store.transaction("lan") as tx:
        assert tx.attachment(OWNER) == ATTACHMENT
    assert [type(each) for each in failures] == [LinkFailure, IoFailure]
    assert "Too many open files" in failures[1].msg


def test_an_interface_goes_although_the_system_keeps_its_addresses(tmp_path: Path) -> None:
    removed = tmp_path / "removed"
    failures: list[CniError] = []
    detach(refuse, OWNER, removed.touch, failures)
    assert removed.exists()
    assert [type(each) for each in failures] == [IoFailure]
