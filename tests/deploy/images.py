"""Images built from the Dockerfile without a registry: on base images that are unpacked from Debian's packages."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
PYTHON = "3.11"
ROOTS = {
    # What gcr.io/distroless/python3-debian12 has that the agent needs, and no shell either.
    "base": ("python3-minimal", "libpython3-stdlib", "libsqlite3-0", "libffi8"),
    "builder": ("python3-pip", "dash", "coreutils", "make", "gcc", "libc6-dev", "musl-tools"),
}
FIRST, SECOND = "registry.example/cni-macvlan-py:1", "registry.example/cni-macvlan-py:2"
ARCHIVE = "images.tar"
SECONDS = 600
# A successor: only its version differs.
UPGRADE = f"FROM {FIRST}\nCOPY pyproject.toml /opt/cni-macvlan-py/\n"


class Workshop:
    """A directory with podman's own store, thrown away with the directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._store = directory / "store"

    def build(self, archive: Path) -> None:
        """Build FIRST and SECOND, and write an archive of both."""
        # Mostly they wait for the network.
        with ThreadPoolExecutor() as side_by_side:
            fetched = [side_by_side.submit(self._unpack, name, packages) for name, packages in ROOTS.items()]
            fetched.append(side_by_side.submit(self._fetch_wheels))
        for each in fetched:
            each.result()
        for name in ROOTS:
            self._podman("import", "--quiet", str(self._root(name)), f"localhost/{name}")
            self._root(name).unlink()
        arguments = {"BUILDER": "localhost/builder", "BASE": "localhost/base"}
        arguments |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
        options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        self._build(TREE, FIRST, f"--volume={self._directory}/wheels:/wheels:ro", *options)
        self._build(self._upgrade(), SECOND)
        self._podman("save", "--multi-image-archive", f"--output={archive}", FIRST, SECOND)
        self._podman("rmi", "--all", "--force")

    def _unpack(self, name: str, packages: tuple[str, ...]) -> None:
        """Make a root file system of packages and what they depend on."""
        what = ("--variant=extract", f"--include={','.join(packages)}", SUITE)
        # Since version 1.5 it makes all mounts private: those of the other tests are to stay shared.
        run("unshare", "--mount", "mmdebstrap", "--quiet", *what, self._root(name))

    def _root(self, name: str) -> Path:
        return self._directory / f"{name}.tar"

    def _fetch_wheels(self) -> None:
        run(
            sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:",
            f"--python-version={PYTHON}", f"--requirement={TREE}/requirements.txt", f"--dest={self._directory}/wheels",
        )  # fmt: skip

    def _upgrade(self) -> Path:
        context = self._directory / "upgrade"
        context.mkdir()
        (context / "Dockerfile").write_text(UPGRADE)
        project = (TREE / "pyproject.toml").read_text()
        (context / "pyproject.toml").write_text(project.replace('\nversion = "', '\nversion = "99.'))
        return context

    def _build(self, context: Path, tag: str, *options: str) -> None:
        # chroot: building needs no container of its own, and so no kernel that allows to nest them.
        how = ("--quiet", "--pull=never", "--isolation=chroot", "--layers=false")
        # podman 5 would raise these limits, which takes CAP_SYS_RESOURCE.
        limits = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
        self._podman("build", *how, *limits, *options, f"--tag={tag}", str(context))

    def _podman(self, *words: str) -> None:
        own = ("--root", f"{self._store}/root", "--runroot", f"{self._store}/run", f"--tmpdir={self._store}/state")
        run("podman", *own, "--storage-driver=overlay", "--cgroup-manager=cgroupfs", *words)


def run(*words: str | Path) -> None:
    """Run a program that has to succeed."""
    done = subprocess.run(
        [str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS,
        check=False, env={**os.environ, "CONTAINERS_CONF": "/dev/null"},
    )  # fmt: skip
    assert done.returncode == 0, f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}"
