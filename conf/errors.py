"""Every failure that a runtime can read.

The code travels on the exception, decided where the knowledge is::

    CniError
    ├── IncompatibleVersion     1  the cniVersion is not supported, or too old for the verb
    ├── UnknownContainer        3  the container is gone; nothing is left to clean up
    ├── InvalidEnvironment      4  a CNI_* variable is missing or malformed
    ├── IoFailure               5  stdin, stdout or a file could not be read or written
    ├── DecodingFailure         6  stdin is not a JSON object with a version and a name
    ├── InvalidNetworkConfig    7  a value in the network configuration is wrong
    ├── InvalidNamespace        8  CNI_NETNS is not a network namespace, or is the caller's own
    ├── TryAgain               11  transient: the same call may succeed later
    ├── Unavailable            50  STATUS: an ADD could not be served
    ├── InvalidSettings       100  the node's settings file is wrong
    ├── MasterNotFound        101  no such master interface
    ├── MasterUnusable        102  the master exists and cannot carry this child
    ├── InterfaceExists       103  CNI_IFNAME is taken inside the container
    ├── LinkFailure           104  the kernel refused the device
    ├── AddressFailure        105  the kernel refused an address, a route or a sysctl
    ├── DuplicateAddress      106  another host answers for the address
    ├── PoolExhausted         107  no address is left
    ├── AddressUnavailable    108  the requested address cannot be allocated
    ├── StoreFailure          109  the lease store cannot be used
    ├── StoreTooNew           110  the lease store was written by a newer version
    ├── IpamPluginFailure     111  the delegated IPAM plugin is missing, hangs or answers nonsense
    ├── CheckFailure          112  the container is not as ADD left it
    ├── DelegateError           *  the delegated IPAM plugin's own code, passed on
    └── InternalError         999  a bug in the plugin

Codes 1-99 are the specification's (SPEC 1.1, "Error", and CNI's Go library for 8); 100 and up are ours. There is no
2, an unsupported field: keys that we do not know are another's, and accepted. 51, limited connectivity, is left to
executed IPAM plugins: an ADD that could not be served is what we know of, and that is 50.
"""

from __future__ import annotations


class CniError(Exception):
    """A failure with its CNI code; ``msg`` names key, value and cure, ``details`` adds the circumstances.

    ``key`` is the place in the network configuration that it is about, as in ``ipam.ranges[0][0].subnet``, "" for none;
    ``others`` is what else was found wrong.
    """

    code = 999
    others: tuple[CniError, ...] = ()

    def __init__(self, msg: str, details: str, key: str = "") -> None:
        super().__init__(msg)
        self.msg = msg
        self.details = details
        self.key = key

    def __str__(self) -> str:
        return f"{self.msg} ({self.details})" if self.details else self.msg


class IncompatibleVersion(CniError):
    """The configuration's cniVersion is not supported, or does not have the verb."""

    code = 1


class UnknownContainer(CniError):
    """The container's namespace is gone; the runtime need not call DEL."""

    code = 3


class InvalidEnvironment(CniError):
    """A necessary environment variable is missing or malformed."""

    code = 4


class IoFailure(CniError):
    """stdin, stdout or a file could not be read or written."""

    code = 5


class DecodingFailure(CniError):
    """The input could not be decoded."""

    code = 6


class InvalidNetworkConfig(CniError):
    """The network configuration, or CNI_ARGS beside it, fails validation."""

    code = 7


class InvalidNamespace(CniError):
    """CNI_NETNS is not a network namespace, or is the one that the caller itself lives in."""

    code = 8


class TryAgain(CniError):
    """A transient condition; the runtime should try the same call again."""

    code = 11


class Unavailable(CniError):
    """STATUS: an ADD cannot be served now."""

    code = 50


class InvalidSettings(CniError):
    """The node's settings file cannot be used."""

    code = 100


class MasterNotFound(CniError):
    """The master interface does not exist, or no default route names one."""

    code = 101


class MasterUnusable(CniError):
    """The master interface exists but cannot carry the requested child."""

    code = 102


class InterfaceExists(CniError):
    """An interface named CNI_IFNAME exists in the container already."""

    code = 103


class LinkFailure(CniError):
    """The kernel refused to make or change the device."""

    code = 104


class AddressFailure(CniError):
    """The kernel refused an address, a route or a sysctl."""

    code = 105


class DuplicateAddress(CniError):
    """Another host on the link holds the address."""

    code = 106


class PoolExhausted(CniError):
    """A range set has no free address left."""

    code = 107


class AddressUnavailable(CniError):
    """A requested address is taken, excluded, a gateway or outside the ranges."""

    code = 108


class StoreFailure(CniError):
    """The lease store is unreadable, damaged or not writable."""

    code = 109


class StoreTooNew(CniError):
    """The lease store has a schema of a later version of this plugin."""

    code = 110


class IpamPluginFailure(CniError):
    """The IPAM executable is missing, cannot be run, does not end or answers what the specification does not allow."""

    code = 111


class IpamPluginMissing(IpamPluginFailure):
    """The IPAM executable is not there to be asked; a DEL does without it."""


class CheckFailure(CniError):
    """CHECK: what the kernel or the store has differs from what ADD answered."""

    code = 112


class DelegateError(CniError):
    """A failure with a code of its own: that of an executed IPAM plugin, passed on as it came."""

    def __init__(self, code: int, msg: str, details: str = "") -> None:
        super().__init__(msg, details)
        self.code = code


class InternalError(CniError):
    """A bug of this plugin; the log has the traceback."""

    code = 999


def together(found: list[InvalidNetworkConfig]) -> InvalidNetworkConfig:
    """Several mistakes in one configuration as one error: the first in the message, all others in the details."""
    first, *others = found
    if others:
        first.details = "; ".join(each.msg for each in others)
        first.others = tuple(others)
    return first


def collected(failures: list[CniError]) -> CniError:
    """Several failures of a tear-down as one: the first one's code and message, all of them in the details."""
    first, *others = failures
    if not others:
        return first
    details = [first.details, *(f"[{error.code}] {error}" for error in others)]
    return DelegateError(first.code, first.msg, "; ".join(filter(None, details)))
