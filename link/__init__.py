"""The kernel: network namespaces, rtnetlink, the macvlan device, its addresses, and sysctls."""
