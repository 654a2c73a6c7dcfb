"""Rows whose directions are known: sparse mixtures of random directions with noise."""

import math

import numpy as np

DIRECTIONS, D, ON, NOISE = 512, 128, 8, 0.05
BLOCK = 20_000


def write(path, rows, seed=1):
    """A .npy file of rows [rows, D]: each direction is on with the same chance (ON of them on average), amplitudes
    U(0.5, 1.5), noise of NOISE times the row's length. Files of the same seed have the same directions, and the longer one begins with
    the shorter one. `rows` is a multiple of BLOCK."""
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((DIRECTIONS, D))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    blocks = []
    for _ in range(rows // BLOCK):
        on = rng.random((BLOCK, DIRECTIONS)) < ON / DIRECTIONS
        x = (on * rng.uniform(0.5, 1.5, on.shape)) @ directions
        noise = rng.standard_normal(x.shape)
        x += NOISE * np.linalg.norm(x, axis=1, keepdims=True) * noise / math.sqrt(D)
        blocks.append(x.astype(np.float32))
    np.save(path, np.concatenate(blocks))
