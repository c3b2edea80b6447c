"""An OCI image made by hand, since no registry is asked: busybox, which sleeps until it is stopped."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.runtime import Json

BUSYBOX = Path("/bin/busybox")
APPLETS = ("ip", "ping", "sleep")
OCI = "application/vnd.oci.image"
COMMAND = ["/bin/sleep", "100000"]


def write_image(archive: Path, name: str) -> None:
    """Write an archive that `ctr image import` knows by the name."""
    with tarfile.open(archive, "w") as tar:
        layer = _layer()
        digest = f"sha256:{hashlib.sha256(layer).hexdigest()}"
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest]}}
        described = _blob(tar, f"{OCI}.config.v1+json", _json({**config, "config": {"Entrypoint": COMMAND}}))
        layers = [_blob(tar, f"{OCI}.layer.v1.tar", layer)]
        manifest = {"schemaVersion": 2, "config": described, "layers": layers}
        listed = _blob(tar, f"{OCI}.manifest.v1+json", _json(manifest))
        listed["annotations"] = {"io.containerd.image.name": name}
        _file(tar, "index.json", _json({"schemaVersion": 2, "manifests": [listed]}))
        _file(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))


def _layer() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        _file(tar, "bin/busybox", BUSYBOX.read_bytes(), mode=0o755)
        for applet in APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return made.getvalue()


def _blob(tar: tarfile.TarFile, media_type: str, content: bytes) -> Json:
    digest = hashlib.sha256(content).hexdigest()
    _file(tar, f"blobs/sha256/{digest}", content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _file(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _json(document: Json) -> bytes:
    return json.dumps(document).encode()
