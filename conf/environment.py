"""CNI_* variables → Environment; what each verb requires is a table (SPEC 1.1, section 2, "Parameters")."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conf.errors import InvalidEnvironment
from conf.versions import FIRST_VERSION_OF

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTIFIER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
MAX_IFNAME_BYTES = 15  # IFNAMSIZ of linux/if.h, less the terminating NUL

# variable → verbs that cannot do without it
REQUIRED_BY = {
    "CNI_CONTAINERID": {"ADD", "CHECK", "DEL"},
    "CNI_NETNS": {"ADD", "CHECK"},
    "CNI_IFNAME": {"ADD", "CHECK", "DEL"},
    "CNI_PATH": {"GC"},
}
# CNI's Go library also wants CNI_PATH for these; we do not, but name it where the call fails anyway,
# so that the message is the one that callers know.
NAMED_WITH_OTHERS = {"CNI_PATH": {"ADD", "CHECK", "DEL", "GC", "STATUS"}}

ATTACHMENT_VERBS = {"ADD", "CHECK", "DEL"}


@dataclass(frozen=True)
class Environment:
    """The parameters of one call; what a verb does not need may be empty. ``path``: the directories of CNI_PATH."""

    command: str
    container_id: str = ""
    netns: str = ""
    ifname: str = ""
    args: str = ""
    path: tuple[str, ...] = ()
    netns_override: bool = False
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


def read_environment(variables: Mapping[str, str]) -> Environment:
    """Validate the environment of a call; raises InvalidEnvironment (code 4)."""
    command = variables.get("CNI_COMMAND", "")
    if command not in FIRST_VERSION_OF:
        raise InvalidEnvironment(
            f"unknown CNI_COMMAND: {command}", f"set CNI_COMMAND to one of {', '.join(sorted(FIRST_VERSION_OF))}"
        )
    _require_present(command, variables)
    environment = Environment(
        command=command,
        container_id=variables.get("CNI_CONTAINERID", ""),
        netns=variables.get("CNI_NETNS", ""),
        ifname=variables.get("CNI_IFNAME", ""),
        args=variables.get("CNI_ARGS", ""),
        path=tuple(directory for directory in variables.get("CNI_PATH", "").split(":") if directory),
        netns_override=variables.get("CNI_NETNS_OVERRIDE", "").lower() in {"1", "true"},
        variables=variables,
    )
    if command in ATTACHMENT_VERBS:
        _require_container_id(environment.container_id)
        _require_ifname(environment.ifname)
        if command == "ADD":
            _require_keepable(environment.ifname)
        if "\0" in environment.netns:
            raise InvalidEnvironment("CNI_NETNS contains a NUL character", repr(environment.netns))
    return environment


def _require_present(command: str, variables: Mapping[str, str]) -> None:
    absent = [name for name in REQUIRED_BY if not variables.get(name)]
    if not any(command in REQUIRED_BY[name] for name in absent):
        return
    named = [name for name in absent if command in REQUIRED_BY[name] | NAMED_WITH_OTHERS.get(name, set())]
    raise InvalidEnvironment(
        f"required env variables [{','.join(named)}] missing", f"the runtime has to set them for CNI_COMMAND={command}"
    )


def _require_container_id(container_id: str) -> None:
    if not IDENTIFIER.fullmatch(container_id):
        raise InvalidEnvironment(
            "invalid characters in containerID",
            f"{container_id}: CNI_CONTAINERID begins with a letter or digit and goes on with those, '_', '.' and '-'",
        )


def _require_keepable(ifname: str) -> None:
    """Refuse what the kernel makes another name of, or keeps for settings; DEL finds nothing by these names."""
    if "%" in ifname or ifname in {"all", "default"}:
        raise InvalidEnvironment(
            f'interface name "{ifname}" cannot be given: the kernel keeps it, or would make another of it',
            'choose a CNI_IFNAME without "%", other than "all" and "default"',
        )


def _require_ifname(ifname: str) -> None:
    """The rules of the kernel's dev_valid_name()."""
    try:
        length = len(ifname.encode())
    except UnicodeEncodeError as error:
        raise InvalidEnvironment("interface name is not valid UTF-8", f"CNI_IFNAME {ifname!r}") from error
    if length > MAX_IFNAME_BYTES:
        raise InvalidEnvironment(
            "interface name is too long", f"interface name should be less than 16 characters; CNI_IFNAME is {ifname!r}"
        )
    if ifname in {".", ".."}:
        raise InvalidEnvironment("interface name is . or ..", "choose another CNI_IFNAME")
    if any(c in "/:\0" or c.isspace() for c in ifname):
        raise InvalidEnvironment("interface name contains / or : or whitespace characters", f"CNI_IFNAME is {ifname!r}")
