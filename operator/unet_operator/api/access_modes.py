"""Access modes of a PersistentVolumeClaim, by what they let several nodes do."""

from __future__ import annotations

READABLE_BY_NODES = frozenset({"ReadWriteMany", "ReadOnlyMany"})
WRITABLE_BY_NODES = frozenset({"ReadWriteMany"})
