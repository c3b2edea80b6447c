"""An IPAM plugin of somebody else that keeps books: what it was told, in which order, and what it has given."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runtime import Json, Runtime

# It gives each container one address, the last byte of which its ``ipam`` object names, and takes it back; a DEL of a
# container that it does not know is an error, as with some; the verbs in the file "refuse" are refused.
PLUGIN = r"""#!/usr/bin/python3
import json, os, pathlib, sys
books, verb = pathlib.Path("BOOKS"), os.environ["CNI_COMMAND"]
config = json.load(sys.stdin)
ipam = config["ipam"]
there = "CNI_NETNS" in os.environ and os.system(
    f"nsenter --net={os.environ['CNI_NETNS']} ip link show dev {os.environ.get('CNI_IFNAME')} >/dev/null 2>&1") == 0
call = {"verb": verb, "container": os.environ.get("CNI_CONTAINERID", ""), "config": config, "link": there,
        "args": os.environ.get("CNI_ARGS", ""), "netns": os.environ.get("CNI_NETNS", "")}
with (books / "calls").open("a") as calls:
    calls.write(json.dumps(call) + "\n")
if verb in (books / "refuse").read_text().split():
    print(json.dumps({"code": 77, "msg": f"{verb} is refused"}))
    sys.exit(1)
lease = books / f"lease-{ipam['place']}-{os.environ.get('CNI_CONTAINERID')}"
if verb == "ADD":
    if lease.exists():
        print(json.dumps({"code": 78, "msg": "it has one"}))
        sys.exit(1)
    lease.touch()
    print(json.dumps({"cniVersion": config["cniVersion"], "ips": [{"address": f"10.9.0.{ipam['place']}/24"}]}))
if verb == "DEL":
    if not lease.exists():
        print(json.dumps({"code": 79, "msg": "unknown container"}))
        sys.exit(1)
    lease.unlink()
"""


class Ledger:
    """The plugin under the name ``ledger``, with its books in a directory."""

    def __init__(self, runtime: Runtime, books: Path, name: str = "ledger") -> None:
        books.mkdir()
        self._books = books
        self.name = name
        self.path = runtime.cni_path / name
        self.path.write_text(PLUGIN.replace("BOOKS", str(books)))
        self.path.chmod(0o755)
        self.refuse()

    def ipam(self, place: int = 50, **keys: object) -> Json:
        """The ``ipam`` object by which it gives 10.9.0.PLACE."""
        return {"type": self.name, "place": place, **keys}

    def refuse(self, *verbs: str) -> None:
        """Refuse these verbs from now on, and no others."""
        (self._books / "refuse").write_text(" ".join(verbs))

    def calls(self) -> list[dict[str, Any]]:
        """What it was called for since it was asked last."""
        notes = self._books / "calls"
        if not notes.exists():
            return []
        called = [json.loads(line) for line in notes.read_text().splitlines()]
        notes.unlink()
        return called

    def verbs(self) -> list[str]:
        """The verbs of ``calls``."""
        return [call["verb"] for call in self.calls()]

    def leases(self) -> int:
        """How many addresses are taken in its books."""
        return len(list(self._books.glob("lease-*")))
