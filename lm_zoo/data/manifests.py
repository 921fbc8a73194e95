"""Manifests of folders in the cache: JSON with a checksum of its own, written last."""

import json

from lm_zoo.data.cache import write_file
from lm_zoo.data.digests import json_sha256

MANIFEST = "manifest.json"


def write_manifest(directory, manifest):
    """Writes the manifest with its own checksum; the folder's files are written before."""
    manifest = manifest | {"sha256": manifest_sha256(manifest)}
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    write_file(directory / MANIFEST, text.encode("utf-8"))


def manifest_sha256(manifest):
    """SHA-256 of all of the manifest but this checksum itself."""
    return json_sha256({key: value for key, value in manifest.items() if key != "sha256"})
