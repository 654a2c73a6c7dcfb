#!/usr/bin/env python3
"""Writes sae_golden.safetensors: small random SAEs, rows, and every number that evaluation and comparison must give.

A float64 NumPy implementation of docs/mathematics.md ("Judging an SAE", "Comparing two SAEs"), written apart from libsae. Only the
random numbers (Philox 4x32-10, Box-Muller) are the same algorithm, because baselines and bootstrap are defined by them.
Data is drawn here; nothing is taken from elsewhere. Needs numpy and safetensors.
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

D, N_SMALL, N_LARGE, TOKENS = 16, 32, 56, 240
MEAN = np.where(np.arange(D) % 5 == 0, 6.0, 0.3)  # large in some dimensions
THRESHOLD, MIN_ACTIVE, SEED, DRAWS = 0.7, 10, 5, 500
GAP = 2e-3  # no latent lies this close to being chosen otherwise: float32 must agree


# ---- the library's random numbers ----------------------------------------------------------------


def mix(x):
    mask = (1 << 64) - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def fnv(text):
    h = 0xCBF29CE484222325
    for byte in text.encode():
        h = ((h ^ byte) * 0x100000001B3) & ((1 << 64) - 1)
    return h


def philox(seed, purpose, counters):
    """Words [4, n] for counters [n]."""
    low = np.uint64(0xFFFFFFFF)
    key, stream = mix(seed), mix(fnv(purpose) ^ mix(0))
    c = [counters & low, counters >> np.uint64(32)]
    c += [np.full_like(counters, stream & 0xFFFFFFFF), np.full_like(counters, stream >> 32)]
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & low, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def normals(seed, purpose, count):
    w = philox(seed, purpose, np.arange(count, dtype=np.uint64))
    u = (((w[0] << np.uint64(32) | w[1]) >> np.uint64(11)).astype(np.float64) + 1) * 2.0**-53
    v = ((w[2] << np.uint64(32) | w[3]) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v)


def below(seed, purpose, count, bound):
    w = philox(seed, purpose, np.arange(count, dtype=np.uint64))
    return np.array([((int(a) << 32 | int(b)) * bound) >> 64 for a, b in zip(w[0], w[1])])


# ---- SAEs ----------------------------------------------------------------------------------------


def standardise(x):
    mean, std = x.mean(1, keepdims=True), x.std(1, ddof=1, keepdims=True)
    return (x - mean) / (std + 1e-5), mean, std


def pre_activations(m, x):
    s = standardise(x)[0] if m["token"] else x
    return (s - m["b_dec"] * m["subtract"]) @ m["W_enc"].T + m["b_enc"]


def encode(m, x):
    z = pre_activations(m, x)
    if m["k"]:
        order = np.argsort(-z, axis=1, kind="stable")[:, : m["k"]]
        mask = np.zeros(z.shape, bool)
        np.put_along_axis(mask, order, True, 1)
        return np.where(mask & (z > 0), z, 0)
    return np.where(z > m["threshold"], z, 0)


def decode(m, f, x):
    out = f @ m["W_dec"] + m["b_dec"]
    if m["token"]:
        _, mean, std = standardise(x)
        out = out * std + mean
    return out


def clear(m, x):
    z = pre_activations(m, x)
    if m["k"]:
        order = -np.sort(-z, axis=1)
        return np.minimum(order[:, m["k"] - 1] - order[:, m["k"]], np.abs(order[:, : m["k"]]).min(1)) > GAP
    return np.abs(z - m["threshold"]).min(1) > GAP


def model(rng, n, W_dec, k=0, theta=None, token=False, subtract=True):
    W_enc = W_dec + 0.1 * rng.standard_normal((n, D))
    if not np.isscalar(theta) and theta is not None:
        W_dec = W_dec * rng.uniform(0.5, 2, (n, 1))
    m = dict(W_enc=W_enc, W_dec=W_dec, b_enc=0.2 * rng.standard_normal(n), b_dec=(0 if token else MEAN) + 0.3 * rng.standard_normal(D))
    if theta is not None:
        m["threshold"] = np.full(n, theta) if np.isscalar(theta) else theta
    m = {key: value.astype(np.float32).astype(np.float64) for key, value in m.items()}
    m["b_enc"][n - 3 :] = -1000  # latents that never fire
    return m | dict(k=k, token=token, subtract=subtract)


def unit(rng, n):
    w = rng.standard_normal((n, D))
    return w / np.linalg.norm(w, axis=1, keepdims=True)


def make_models(rng):
    small = unit(rng, N_SMALL)
    small[7] = small[3]  # equal rows: the smaller id wins
    large = unit(rng, N_LARGE)
    noise = np.linspace(0, 0.35, 24)[:, None]
    large[:24] = small[:24] + noise * rng.standard_normal((24, D))
    large[30] = 0  # no direction: cosine 0 with everything
    thresholds = rng.uniform(0.3, 2, N_LARGE)
    return [
        model(rng, N_SMALL, small, k=5),
        model(rng, N_LARGE, large, theta=thresholds),
        model(rng, N_SMALL, small, theta=0.0, subtract=False),
        model(rng, N_LARGE, large, theta=1.25),
        model(rng, N_SMALL, small, k=4, token=True),
        model(rng, N_LARGE, large, theta=0.8 * thresholds, token=True, subtract=False),
    ]


def make_rows(rng, models):
    """Sparse sums of directions about a mean that is large in some dimensions, a row of zeros and a constant row."""
    directions = unit(rng, 64)
    rows = np.empty((0, D))
    while len(rows) < TOKENS:
        f = (rng.random((4 * TOKENS, 64)) < 0.08) * rng.uniform(0.5, 4, (4 * TOKENS, 64))
        x = f @ directions + MEAN + 0.1 * rng.standard_normal((4 * TOKENS, D))
        if not len(rows):
            x[5], x[6] = 0, 2.5
        x = x.astype(np.float32).astype(np.float64)
        good = np.all([clear(m, x) for m in models], axis=0)
        if not len(rows):
            assert good[5] and good[6], "the special rows are too close to a cut: take another seed"
        rows = np.concatenate([rows, x[good]])
    return rows[:TOKENS]


# ---- evaluation ----------------------------------------------------------------------------------


def evaluate(m, x):
    f = encode(m, x)
    h = decode(m, f, x)
    e = ((x - h) ** 2).sum(1)
    nx, nh = np.linalg.norm(x, axis=1), np.linalg.norm(h, axis=1)
    both = (nx > 0) & (nh > 0)
    cosine = np.where(both, (x * h).sum(1) / np.where(both, nx * nh, 1), 0)
    density = (f > 0).mean(0)
    fvu = e.sum() / ((x - x.mean(0)) ** 2).sum()
    numbers = [
        (f > 0).sum(1).mean(), e.mean(), e.mean() / D, fvu, 1 - fvu, cosine.mean(), (nh[nx > 0] / nx[nx > 0]).mean(),
        (h**2).sum() / (x * h).sum(), (density == 0).sum(),
    ]  # fmt: skip
    counts = np.histogram(np.log10(density[density > 0]), np.linspace(-8, 0, 41))[0]
    return f, h, e, dict(numbers=np.array(numbers, float), density=density, density_counts=counts.astype(np.int64))


# ---- comparison ----------------------------------------------------------------------------------


def normalise(w):
    norm = np.linalg.norm(w, axis=1, keepdims=True)
    return np.where(norm > 0, w / np.where(norm > 0, norm, 1), 0)


def max_cosine(queries, keys):
    cos = np.clip(normalise(queries) @ normalise(keys).T, -1, 1)
    rounded = np.round(cos, 12)  # equal rows are ties, whatever order a product was added up in
    return cos.max(1), rounded.argmax(1)


def cosine_histogram(values):
    return np.bincount(np.clip(np.floor((values + 1) * 50).astype(int), 0, 99), minlength=100).astype(np.int64)


def rows_like(w, seed):
    centred = normalise(w) - normalise(w).mean(0)
    C, d = centred.T @ centred / len(w), w.shape[1]
    L = np.zeros((d, d))
    for j in range(d):  # Cholesky; a pivot of rounding error gives a column of zeros
        pivot = C[j, j] - L[j, :j] @ L[j, :j]
        if pivot > 1e-6 * np.trace(C) / d:
            L[j:, j] = (C[j:, j] - L[j:, :j] @ L[j, :j]) / np.sqrt(pivot)
    return normals(seed, "random rows like", w.size).reshape(w.shape) @ L.T


def split(error, active):
    with np.errstate(invalid="ignore"):
        inside = error[active].mean() if active.any() else np.nan
        outside = error[~active].mean() if (~active).any() else np.nan
    return [outside, inside, inside - outside]


def compare(a, b, x):
    (f_a, _, e_a, _), (f_b, _, e_b, _) = evaluate(a, x), evaluate(b, x)
    out = {}
    out["large_in_small"], out["argmax"] = max_cosine(b["W_dec"], a["W_dec"])
    out["small_in_large"], out["argmax_small"] = max_cosine(a["W_dec"], b["W_dec"])
    isotropic = normals(SEED, "random rows", a["W_dec"].size).reshape(a["W_dec"].shape)
    out["hist"] = np.stack([cosine_histogram(v) for v in (
        out["large_in_small"], out["small_in_large"], max_cosine(b["W_dec"], isotropic)[0],
        max_cosine(b["W_dec"], rows_like(a["W_dec"], SEED))[0])])  # fmt: skip

    active = f_b > 0
    out["n_active"], out["n_active_small"] = active.sum(0), (f_a > 0).sum(0)
    out["large"] = np.array([split(e_b, active[:, i]) for i in range(f_b.shape[1])])
    out["small"] = np.array([split(e_a, active[:, i]) for i in range(f_b.shape[1])])

    act_cos, pearson = np.full(f_b.shape[1], np.nan), np.full(f_b.shape[1], np.nan)
    for i, j in enumerate(out["argmax"]):
        f, g = f_b[:, i], f_a[:, j]
        if min((f > 0).sum(), (g > 0).sum()) >= MIN_ACTIVE:
            act_cos[i] = f @ g / np.linalg.norm(f) / np.linalg.norm(g)
            pearson[i] = np.corrcoef(f, g)[0, 1]
    pairs = (out["large_in_small"] > 0.5) & ~np.isnan(act_cos)
    r2 = np.corrcoef(out["large_in_small"][pairs], act_cos[pairs])[0, 1] ** 2
    out |= dict(act_cos=act_cos, pearson=pearson)

    novel = out["large_in_small"] < THRESHOLD
    enters = novel & (out["n_active"] >= MIN_ACTIVE) & (len(x) - out["n_active"] >= MIN_ACTIVE)
    table = np.concatenate([out["large"], out["small"], (out["small"][:, 2] - out["large"][:, 2])[:, None]], 1)[enters]
    draws = below(SEED, "bootstrap", DRAWS * len(table), len(table)).reshape(DRAWS, len(table))
    out["novel_mean"] = table.mean(0)
    out["novel_low"], out["novel_high"] = np.percentile(table[draws].mean(1), [2.5, 97.5], axis=0)
    out["numbers"] = np.array([
        e_a.mean(), e_b.mean(), r2, pairs.sum(), novel.sum(), (out["small_in_large"] < THRESHOLD).sum(), enters.sum(),
        (novel & ~enters).sum(), (novel & (out["n_active"] == 0)).sum()], float)  # fmt: skip
    edges = np.abs(np.concatenate([out["large_in_small"], out["small_in_large"]]) - THRESHOLD).min()
    assert edges > 1e-5 and enters.sum() >= 5 and pairs.sum() >= 5, "take another seed"
    return out


def main():
    rng = np.random.default_rng(24)
    models = make_models(rng)
    x = make_rows(rng, models)
    tensors = {"x": x.astype(np.float32), "x_mean": x.mean(0)}
    for number, m in enumerate(models):
        for key in ("W_enc", "b_enc", "W_dec", "b_dec", "threshold"):
            if key in m:
                tensors[f"{number}.{key}"] = m[key].astype(np.float32)
        tensors[f"{number}.rule"] = np.array([m["k"], m["token"], m["subtract"]], np.int64)
        f, h, _, numbers = evaluate(m, x)
        tensors[f"{number}.latents"] = np.nonzero(f)[1].astype(np.int32)
        tensors[f"{number}.counts"] = (f > 0).sum(1).astype(np.int32)
        tensors[f"{number}.values"] = f[f > 0].astype(np.float32)
        tensors[f"{number}.x_hat"] = h.astype(np.float32)
        for key, value in numbers.items():
            tensors[f"{number}.{key}"] = value
    for name, (a, b) in {"plain": (0, 1), "token": (4, 5)}.items():
        for key, value in compare(models[a], models[b], x).items():
            tensors[f"{name}.{key}"] = np.ascontiguousarray(value)
    path = Path(__file__).with_name("sae_golden.safetensors")
    save_file(tensors, path)
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
