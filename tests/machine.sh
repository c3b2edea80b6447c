#!/bin/sh
# Become PID 1 of a machine of our own: a throw-away overlay of the root, file systems of its own, systemd.
# usage: machine.sh DIRECTORY CHECKOUT [TREE...]; run in new mount, pid, cgroup, ipc and uts namespaces.
set -eu
stage=$1 checkout=$2
shift 2

# A tmpfs carries it all: what was written goes with the last process, and an overlay cannot stand on an overlay.
mount -t tmpfs -o mode=0755 machine "$stage"
root=$stage/root
# over LOWER AT: whatever is written at AT hides LOWER's files, which stay as they are.
over() {
    changes=$(mktemp -d "$stage/changes.XXXXXX")
    mkdir -p "$changes/upper" "$changes/work" "$2"
    mount -t overlay -o "lowerdir=$1,upperdir=$changes/upper,workdir=$changes/work" machine "$2"
}
over / "$root"
for tree in "$@"; do
    cp -a "$tree/." "$root"
done
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
for place in run tmp dev/shm sys/fs/cgroup var/lib/containers var/lib/containerd; do
    mkdir -p "$root/$place"
    mount -t tmpfs "$place" "$root/$place"
done
over "$checkout" "$root$checkout" # it may lie in a file system of its own, or in /tmp
# The same hierarchies as outside, but seen from this cgroup namespace.
awk '$3 ~ /^cgroup2?$/ { print $2, $3, $4 }' /proc/mounts | while read -r place type options; do
    mkdir -p "$root$place"
    mount -t "$type" -o "$options" cgroup "$root$place"
done

# Of the units only the journal, and what a test starts: others would set up the kernel, which is not ours.
units=$root/lib/systemd/system
rm -rf "$root"/etc/systemd/system "$units"/*.target.wants
mkdir "$root/etc/systemd/system" "$units/sockets.target.wants"
ln -s ../systemd-journald.socket ../systemd-journald-dev-log.socket "$units/sockets.target.wants/"
: >"$root/etc/fstab"
echo machine >"$root/etc/hostname"
: >"$root/etc/machine-id"

cd "$root"
mkdir -p mnt/outside
pivot_root . mnt/outside
umount -l mnt/outside
exec env -i container=machine PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --log-target=console --unit=basic.target
