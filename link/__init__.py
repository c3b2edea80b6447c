"""The kernel: namespaces, rtnetlink, the macvlan device and its addresses."""
