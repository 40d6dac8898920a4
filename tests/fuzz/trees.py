"""Changes to JSON: bytes of it, or values and keys anywhere in its tree."""

from __future__ import annotations

import copy
import json
import random

from fuzz import driver

VALUES = (
    *(None, True, -1, 0, 10**30, 1e308, float("nan"), "", " ", "\0", "é", "../../x", "x" * 300),
    *([], {}, [[]], [1], ["a"], {"": ""}, {"0": "a", "1": "a"}, {"a": [1, 1]}),
)


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Changes bytes, or exchanges values and keys anywhere in the tree."""
    if rng.random() < 0.5:
        return driver.mutated(content, rng)
    tree = json.loads(content)
    for _ in range(rng.randint(1, 3)):
        node: object = tree
        while isinstance(node, dict | list) and node:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            key = rng.choice(keys)
            inner = node[key]
            if not (isinstance(inner, dict | list) and inner) or rng.random() < 0.4:
                if isinstance(node, dict) and rng.random() < 0.3:
                    node[str(rng.choice(VALUES))] = node.pop(key)
                else:
                    node[key] = copy.deepcopy(rng.choice(VALUES))
                break
            node = inner
    return json.dumps(tree).encode()
