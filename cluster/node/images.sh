#!/bin/bash
# Imports the archives in /run/images that this node does not hold yet.  Layers are kept
# unpacked only: the archive itself is their other copy.  containerd would drop the packed ones
# some day; a disk may not have room until then.
set -euo pipefail
marks=/var/lib/stores/$(hostname)/imported
mkdir -p "$marks"
for archive in /run/images/*.tar; do
  mark=$marks/$(basename "$archive" .tar)
  version=$(stat -c %s-%Y "$archive")
  if [ "$(cat "$mark" 2>/dev/null)" != "$version" ]; then
    ctr -n k8s.io images import --local --discard-unpacked-layers --snapshotter overlayfs "$archive"
    ctr -n k8s.io content prune references
    echo "$version" >"$mark"
  fi
done
