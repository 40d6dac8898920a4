"""The 48 ways to store a volume."""

import itertools

import numpy as np
from scipy.spatial.transform import Rotation

AXES = list(itertools.permutations(range(3)))
FLIPS = list(itertools.product((1, -1), repeat=3))
ALL_48 = list(itertools.product(AXES, FLIPS))


def affine_of(axes, flips, sizes=(1.0, 2.0, 3.0), angles=(0, 0, 0)):
    """Array axis i runs along RAS axis axes[i], in the direction flips[i]."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for source, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        affine[axis, source] = flip * sizes[source]
    affine[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ affine[:3, :3]
    affine[:3, 3] = (-10, 20, -30)
    return affine
