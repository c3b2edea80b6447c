"""``demo``: the life of two containers on one master, on real interfaces, with every claim of the plugin tried."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys

import click

from conf.errors import CniError
from console.cli.output import require_root
from console.cli.report import Report
from console.cli.runtime import CONFIG, IFNAME, NETWORK, Json, Runtime
from console.cli.testbed import CONTAINERS, GATEWAYS, PATH, Failed, Testbed
from ipam.store.sqlite import SqliteStore

NEEDED = {"ip": "iproute2", "ping": "iputils-ping"}  # command and Debian package
PICTURE = """
    container1: eth0      container2: eth0         made by the plugin
            \\              /
        node: lan0, the master of both             a veth pair stands
               |                                   for the cable
    neighbour: lan0, the gateway 192.0.2.1 and 2001:db8::1"""


class Interrupted(Exception):
    """A signal asked us to stop; the argument is its number."""


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="Write a report as one JSON document to stdout, and the words to stderr."
)
def command(*, as_json: bool) -> int:
    """Attach two containers to one master, and try every claim of the plugin.

    Make network namespaces with real interfaces, call this plugin in them as a container runtime does, try whether it
    did what it says, and remove everything. Needs root, ip and ping; takes some seconds. Exit status 0 only if all of
    it worked and nothing is left. After SIGINT, SIGTERM or SIGHUP the step under way is finished and everything is
    removed; the status is then 128 and the signal's number.
    """
    require_root("to make network namespaces and interfaces")
    if missing := [command for command in NEEDED if not shutil.which(command, path=PATH)]:
        packages = " ".join(NEEDED[command] for command in missing)
        raise click.ClickException(f"needs the command {' and '.join(missing)}; run: apt-get install {packages}")
    stop: list[int] = []
    # Noted only, and looked at between steps: nothing that was made can then miss its removal.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: stop.append(received))
    report = Report(sys.stderr if as_json else sys.stdout)
    status = _perform(report, stop)
    if as_json:
        sys.stdout.write(report.document())
    return status


def _perform(report: Report, stop: list[int]) -> int:
    report.say("Two containers on one master. Everything happens in network namespaces made for it:")
    report.say(f"{PICTURE}\n")
    bed = Testbed()
    try:
        with bed:
            Story(report, bed, stop).tell()
    except Interrupted as interrupted:
        report.fail(f"stopped by {signal.Signals(interrupted.args[0]).name}")
    except BrokenPipeError:  # nobody listens any more
        raise
    except (Failed, CniError, OSError) as failure:
        report.fail(str(failure))
    if left := bed.left():
        report.fail(f"left behind: {' '.join(left)}")
    report.say()
    if report.failures:
        report.say("Not all of it worked.")
        return 128 + stop[0] if stop else 1
    report.say("All of it worked. The namespaces and the temporary directory are removed; nothing is left.")
    return 0


class Story:
    """The steps; each raises Failed where the plugin did not do what it should have."""

    def __init__(self, report: Report, bed: Testbed, stop: list[int]) -> None:
        self._report = report
        self._bed = bed
        self._stop = stop
        self._runtime = Runtime(bed, os.path.realpath(sys.argv[0]))

    def tell(self) -> None:
        """Every step in its order."""
        first, second = CONTAINERS
        self._report.say(f"The namespaces are {', '.join(self._bed.names())}.")
        self._ask()
        for container in CONTAINERS:
            self._attach(container)
        for container in CONTAINERS:
            self._call(f"CHECK {container}", "is it still as ADD left it?", "CHECK", container)
        self._reach()
        self._collect(first, second)
        self._call(f"DEL {first}", "the container ends.", "DEL", first)
        self._require_detached(first)
        self._call(f"DEL {first} again", "a runtime may repeat itself; nothing to do is no error.", "DEL", first)
        self._require_empty_store()

    def _ask(self) -> None:
        self._call("VERSION", "which versions of the CNI specification does the plugin speak?", "VERSION")
        self._report.say()
        self._report.say("The network configuration of all further calls; a runtime reads it from /etc/cni/net.d:")
        self._report.say(json.dumps(CONFIG, indent=2))
        self._call("STATUS", "could a container be attached now?", "STATUS")

    def _attach(self, container: str) -> None:
        self._call(f"ADD {container}", "give it an interface, addresses, routes.", "ADD", container)
        self._report.fact(f"in {container}: {self._bed.addresses(container, IFNAME)}")

    def _reach(self) -> None:
        """Ping each container from the other, and the gateway from both, all at once."""
        self._go_on()
        self._report.begin("ping", "can the containers reach each other and the gateway, by IPv4 and IPv6?")
        first, second = CONTAINERS
        targets = [
            *((first, second, address) for address in self._runtime.addresses(second)),
            *((second, first, address) for address in self._runtime.addresses(first)),
            *((container, "the gateway", address) for container in CONTAINERS for address in GATEWAYS),
        ]
        answers = self._bed.ping([(source, address) for source, _, address in targets])
        for (source, name, address), (answered, words) in zip(targets, answers, strict=True):
            took = re.search(r"time=(\S+ \w+)", words)
            said = (f"answered in {took[1]}" if took else "answered") if answered else "no answer"
            self._report.fact(f"{source} to {name}, {address}: {said}")
        silent = [
            f"{source} cannot reach {name} at {address}: {words.strip()}"
            for (source, name, address), (answered, words) in zip(targets, answers, strict=True)
            if not answered
        ]
        if silent:
            raise Failed("; ".join(silent))

    def _collect(self, kept: str, forgotten: str) -> None:
        valid = [{"containerID": kept, "ifname": IFNAME}]
        self._call(
            "GC",
            f"the runtime lost {forgotten} and says that {kept} is all there is; what belongs to others is removed.",
            "GC",
            keys={"cni.dev/valid-attachments": valid},
        )
        self._require_detached(forgotten)
        if IFNAME not in self._bed.links(kept):
            raise Failed(f"GC removed {IFNAME} of {kept}, which is valid")
        self._report.fact(f"{kept} still has {IFNAME}")

    def _call(self, title: str, why: str, verb: str, container: str = "", keys: Json | None = None) -> None:
        self._go_on()
        self._report.begin(title, why)
        answer = self._runtime.call(verb, container, keys or {})
        self._report.answer(answer)
        if answer.status:
            raise Failed(f"{title} was answered with an error")

    def _require_detached(self, container: str) -> None:
        if IFNAME in self._bed.links(container):
            raise Failed(f"{IFNAME} is still in {container}")
        self._report.fact(f"{container} has no {IFNAME} any more")

    def _require_empty_store(self) -> None:
        """Raise Failed if an attachment or a lease is left in the plugin's database."""
        with SqliteStore(self._runtime.state_dir, "").transaction(NETWORK) as tx:
            left = [owner.container_id for owner in tx.owners()]
            left += [attachment.owner.container_id for attachment in tx.attachments()]
        if left:
            raise Failed(f"the plugin's database still has {' and '.join(left)}")
        self._report.fact("the plugin's database holds no address and no attachment any more")

    def _go_on(self) -> None:
        if self._stop:
            raise Interrupted(self._stop[0])
