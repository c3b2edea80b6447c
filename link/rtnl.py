"""Numbers and layouts of rtnetlink, as in netlink.h, rtnetlink.h, if*.h and net_namespace.h below linux/."""

import struct

NLMSGHDR_BYTES = 16
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_NEWROUTE, RTM_GETROUTE = 24, 26
RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
RTM_GETNSID = 90
AF_INET, AF_INET6 = 2, 10
FAMILIES = {4: AF_INET, 6: AF_INET6}  # by version of the protocol

ATTRIBUTE = struct.Struct("=HH")  # length, number
TYPE_MASK = 0x3FFF  # less NLA_F_NESTED and NLA_F_NET_BYTEORDER

IFINFOMSG = struct.Struct("=BxHiII")  # family, type, index, flags, change
IFF_UP, IFF_LOWER_UP = 0x1, 0x10000
ARPHRD_ETHER = 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO, IFLA_IFALIAS = 1, 3, 4, 5, 10, 18, 20
IFLA_AF_SPEC, IFLA_NET_NS_FD, IFLA_EXT_MASK, IFLA_LINK_NETNSID, IFLA_ALT_IFNAME = 26, 28, 29, 37, 53
IFLA_INET6_CONF = 2  # the interface's IPv6 sysctls as an array of numbers, in the order of linux/ipv6.h
DEVCONF_KEEP_ADDR_ON_DOWN = 42
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND = 1, 2, 4
IFNAMSIZ = 16  # bytes of a name with its NUL
MAX_IFALIAS = 254  # what do_setlink() takes of IFALIASZ (256)
RTEXT_FILTER_SKIP_STATS = 0x8

IFLA_MACVLAN_MODE, IFLA_MACVLAN_FLAGS, IFLA_MACVLAN_MACADDR_MODE, IFLA_MACVLAN_MACADDR = 1, 2, 3, 4
IFLA_MACVLAN_MACADDR_DATA, IFLA_MACVLAN_BC_QUEUE_LEN, IFLA_MACVLAN_BC_CUTOFF = 5, 7, 9
MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}
MACVLAN_FLAG_NOPROMISC = 0x1
MACADDR_SET = 3

IFADDRMSG = struct.Struct("=BBBBi")  # family, prefix length, flags, scope, index
IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS = 1, 2, 4, 8
IFA_F_DADFAILED, IFA_F_TENTATIVE = 0x08, 0x40

RTMSG = struct.Struct("=BBBBBBBBI")  # family, dst_len, src_len, tos, table, protocol, scope, type, flags
RTNEXTHOP = struct.Struct("=HBBi")  # length, flags, hops, index
RT_TABLE_UNSPEC, RT_TABLE_MAIN = 0, 254
MAX_HEADER_TABLE = 255  # larger numbers fit into the attribute only
RTN_UNICAST, RTPROT_BOOT = 1, 3
RT_SCOPE_UNIVERSE = 0
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_METRICS, RTA_MULTIPATH, RTA_TABLE = 1, 4, 5, 6, 8, 9, 15
RTAX_MTU, RTAX_ADVMSS = 2, 8

RTGENMSG = struct.Struct("=4x")  # family, padded
NETNSA_NSID, NETNSA_FD = 1, 3

NDMSG = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
NDA_DST, NDA_LLADDR = 1, 2
NTF_USE = 0x1
NUD_REACHABLE, NUD_STALE, NUD_DELAY, NUD_PROBE, NUD_FAILED, NUD_PERMANENT = 0x2, 0x4, 0x8, 0x10, 0x20, 0x80
NUD_KNOWN = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT
