#!/usr/bin/env python3
"""Every number of `sae compare` against NumPy and SciPy in float64.

    compare_parity.py BUILD_FOLDER

Small random SAEs of every kind, with and without centring and scaling of their inputs, in which part of the large one's
directions are near those of the small one. The witness encodes, decodes and compares by the definitions alone; the
random numbers of baselines and bootstrap are drawn by the generator of make_sae_golden.py, which is written from the
description of Philox. Rows on which the choice of latents is a matter of rounding are left out.
"""

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from common import Report
from sae_library import BATCHTOPK, JUMPRELU, MATRYOSHKA, RELU, TOPK, Info, Model, open_sae_library
from scipy.optimize import linear_sum_assignment

sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))
from make_sae_golden import below, cosine_histogram, max_cosine, normalise, normals, rows_like, split, standardise  # noqa: E402

DIM, TOP, ROWS, SEED, DRAWS, MIN_ACTIVE, THRESHOLD = 24, 5, 900, 3, 400, 10, 0.7
FLOAT, EXACT, CSV = 2e-6, 1e-11, 5e-9  # what rests on float32 activations, on decoder rows alone, and nine digits


# ---- SAEs ----------------------------------------------------------------------------------------


def make_sae(rng, n, arch, subtract=True, token=False, scale=1.0, near=None):
    """Weights in scaled space, in which training would have them; near: directions that half of the rows are near."""
    W_dec = rng.standard_normal((n, DIM))
    if near is not None:
        W_dec[: len(near)] = near + rng.uniform(0, 0.35, (len(near), 1)) * rng.standard_normal(near.shape)
    W_dec /= np.linalg.norm(W_dec, axis=1, keepdims=True)
    sae = dict(arch=arch, subtract=subtract, token=token, scale=scale, k=TOP if arch == TOPK else 0,
               W_enc=W_dec + 0.2 * rng.standard_normal((n, DIM)) / np.sqrt(DIM), b_enc=0.1 * rng.standard_normal(n) - 0.3,
               W_dec=W_dec, b_dec=0.3 * rng.standard_normal(DIM))
    sae["b_enc"][-3:] = -1e3  # three that never fire
    sae["theta"] = {RELU: np.zeros(n), TOPK: None, JUMPRELU: rng.uniform(0.8, 1.6, n)}.get(arch, np.full(n, 1.3))
    if arch == RELU:
        sae["b_enc"] -= 1
    return {key: v.astype(np.float32).astype(np.float64) if isinstance(v, np.ndarray) else v for key, v in sae.items()}


def save(lib, sae, path):
    """Folded, as a trainer saves it: biases and thresholds over the scale."""
    n, s = len(sae["W_dec"]), sae["scale"]
    arrays = dict(W_enc=sae["W_enc"], b_enc=sae["b_enc"] / s, W_dec=sae["W_dec"], b_dec=sae["b_dec"] / s)
    if sae["theta"] is not None:
        arrays["threshold"] = sae["theta"] / s
    info = Info(d=DIM, n=n, rule=int(sae["theta"] is not None), k=sae["k"], arch=sae["arch"], subtract_b_dec=sae["subtract"],
                input_norm=int(sae["token"]))
    Model.create(lib, info, arrays).save(path)


def permuted(sae, order):
    return {k: v[order] if isinstance(v, np.ndarray) and len(v) == len(order) and k != "b_dec" else v for k, v in sae.items()}


def pre_activations(sae, x):
    inputs = standardise(x)[0] if sae["token"] else sae["scale"] * x
    return (inputs - sae["b_dec"] * sae["subtract"]) @ sae["W_enc"].T + sae["b_enc"]


def encode(sae, x):
    """Activations in raw units."""
    z = pre_activations(sae, x)
    if sae["theta"] is None:
        kept = np.zeros_like(z, bool)
        np.put_along_axis(kept, np.argsort(-z, axis=1, kind="stable")[:, : sae["k"]], True, axis=1)
        f = np.where(kept, np.maximum(z, 0), 0)
    else:
        f = np.where(z > sae["theta"], z, 0)
    return f / sae["scale"]


def errors(sae, f, x):
    h = f @ sae["W_dec"] + sae["b_dec"] / sae["scale"]
    if sae["token"]:
        _, mean, std = standardise(x)
        h = h * std + mean
    return ((x - h) ** 2).sum(1)


def is_clear(sae, x):
    z = pre_activations(sae, x)
    if sae["theta"] is None:
        ordered = -np.sort(-z, axis=1)
        return np.minimum(ordered[:, sae["k"] - 1] - ordered[:, sae["k"]], np.abs(ordered[:, sae["k"] - 1])) > 1e-4
    return np.abs(z - sae["theta"]).min(1) > 1e-4


def make_rows(rng, saes):
    kept = np.empty((0, DIM))
    while len(kept) < ROWS:
        x = (1.2 * rng.standard_normal((4 * ROWS, DIM)) + 0.3 * rng.standard_normal(DIM)).astype(np.float32).astype(np.float64)
        kept = np.concatenate([kept, x[np.all([is_clear(s, x) for s in saes], axis=0)]])
    return kept[:ROWS]


# ---- the witness ---------------------------------------------------------------------------------


def similarity(f, g):
    """Cosine and correlation, nothing where one of the two fires on too few rows."""
    if min((f > 0).sum(), (g > 0).sum()) < MIN_ACTIVE:
        return np.nan, np.nan
    return f @ g / np.linalg.norm(f) / np.linalg.norm(g), np.corrcoef(f, g)[0, 1]


def witness(a, b, x, f_a=None, f_b=None):
    """A comparison of a (small) and b (large) as `sae compare --json` has it; f: activations, if not of the SAE itself."""
    f_a, f_b = encode(a, x) if f_a is None else f_a, encode(b, x) if f_b is None else f_b
    e_a, e_b = errors(a, f_a, x), errors(b, f_b, x)
    A, B = a["W_dec"], b["W_dec"]
    cos = np.clip(normalise(B) @ normalise(A).T, -1, 1)
    lis, argmax = max_cosine(B, A)
    sil, argmax_small = max_cosine(A, B)
    rows, columns = linear_sum_assignment(cos, maximize=True)
    partner, partner_small = np.full(len(B), -1), np.full(len(A), -1)
    partner[rows], partner_small[columns] = columns, rows
    hist = dict(large_in_small=cosine_histogram(lis), small_in_large=cosine_histogram(sil),
                random=cosine_histogram(max_cosine(B, normals(SEED, "random rows", A.size).reshape(A.shape))[0]),
                random_cov=cosine_histogram(max_cosine(B, rows_like(A, SEED))[0]))
    nearest = np.array([similarity(f_b[:, i], f_a[:, argmax[i]]) for i in range(len(B))])
    with_partner = np.array([similarity(f_b[:, i], f_a[:, partner[i]]) if partner[i] >= 0 else (np.nan, np.nan) for i in range(len(B))])
    pairs = (lis > 0.5) & ~np.isnan(nearest[:, 0])
    active = f_b > 0
    large = np.array([split(e_b, active[:, i]) for i in range(len(B))])
    small = np.array([split(e_a, active[:, i]) for i in range(len(B))])
    novel = lis < THRESHOLD
    enters = novel & (active.sum(0) >= MIN_ACTIVE) & ((~active).sum(0) >= MIN_ACTIVE)
    table = np.concatenate([large, small, (small[:, 2] - large[:, 2])[:, None]], 1)[enters]
    draws = below(SEED, "bootstrap", DRAWS * len(table), len(table)).reshape(DRAWS, len(table))
    low, high = np.percentile(table[draws].mean(1), [2.5, 97.5], axis=0)
    means = [dict(inactive=table[:, s].mean(), active=table[:, s + 1].mean(), difference=table[:, s + 2].mean(), ci=[low[s + 2], high[s + 2]],
                  inactive_ci=[low[s], high[s]], active_ci=[low[s + 1], high[s + 1]]) for s in (0, 3)]
    pair_cos = np.array([cos[i, partner[i]] if partner[i] >= 0 else np.nan for i in range(len(B))])
    return dict(
        tokens=len(x), threshold=THRESHOLD, novel=novel.sum(), small_below=(sil < THRESHOLD).sum(),
        max_cos=dict(large_in_small=lis, small_in_large=sil, argmax=argmax, argmax_small=argmax_small), hist=hist,
        one_to_one=dict(pairs=len(rows), above=(cos[rows, columns] >= THRESHOLD).sum(), share=(cos[rows, columns] >= THRESHOLD).mean(),
                        mean_cos=cos[rows, columns].mean(), partner=np.where(partner >= 0, partner, np.nan),
                        partner_small=np.where(partner_small >= 0, partner_small, np.nan), cos=pair_cos,
                        act_cos=with_partner[:, 0], pearson=with_partner[:, 1]),
        pairs=dict(act_cos=nearest[:, 0], pearson=nearest[:, 1]),
        r2=np.corrcoef(lis[pairs], nearest[pairs, 0])[0, 1] ** 2, r2_pairs=pairs.sum(),
        mse=dict(large=e_b.mean(), small=e_a.mean()), l0=dict(large=(f_b > 0).sum(1).mean(), small=(f_a > 0).sum(1).mean()),
        latents=dict(n_active=active.sum(0), large=dict(inactive=large[:, 0], active=large[:, 1]),
                     small=dict(inactive=small[:, 0], active=small[:, 1])),
        novel_mean=dict(n=enters.sum(), left_out=(novel & ~enters).sum(), never_fired=(novel & (active.sum(0) == 0)).sum(),
                        large=means[0], small=means[1], excess=table[:, 6].mean(), excess_ci=[low[6], high[6]]),
    )  # fmt: skip


# ---- checks --------------------------------------------------------------------------------------

DECODERS = ("max_cos.large_in_small", "max_cos.small_in_large", "one_to_one.share", "one_to_one.mean_cos", "one_to_one.cos")


def leaves(value, path=""):
    if isinstance(value, dict):
        for key, v in value.items():
            yield from leaves(v, f"{path}.{key}" if path else key)
    else:
        yield path, value


def at(result, path):
    for key in path.split("."):
        result = result[key]
    return result


def numbers(values):
    return np.array([np.nan if v is None else v for v in np.ravel(np.array(values, dtype=object))], dtype=np.float64)


def check_value(report, name, ours, reference, limit, size=1.0):
    """Differences are held against the largest value, or `size` where that is larger: what the values are rounded from."""
    ours, reference = numbers(ours), numbers(reference)
    if len(ours) != len(reference) or not np.array_equal(np.isnan(ours), np.isnan(reference)):
        report.line(name, False, "not the same values are known")
        return
    known = ~np.isnan(reference)
    if limit == 0:
        report.line(name, np.array_equal(ours[known], reference[known]), f"{known.sum()} equal")
    elif known.any():
        error = np.abs(ours[known] - reference[known]).max() / max(size, np.abs(reference[known]).max())
        report.line(name, error <= limit, f"max|Δ| relative = {error:.1e} of {known.sum()}, allowed {limit:.0e}")
    else:
        report.line(name, True, "all unknown")


def is_count(reference):
    values = numbers(reference)
    return bool(np.all(np.isnan(values) | (values == np.round(values))))


def check_result(report, name, result, reference):
    for path, value in leaves(reference):
        limit = EXACT if path in DECODERS else 0 if is_count(value) or path == "threshold" else FLOAT
        size = max(1.0, *reference["mse"].values()) if path.startswith("novel_mean") else 1.0
        check_value(report, f"{name}: {path}", at(result, path), value, limit, size)


def run_compare(sae, paths, rows, *options):
    command = [sae, "compare", *paths, "--acts", rows, "--json", "--quiet", "--seed", SEED, "--draws", DRAWS, *options]
    return json.loads(subprocess.run([str(c) for c in command], capture_output=True, check=True).stdout)


def read_csv(path):
    with open(path) as file:
        return {key: [None if v == "" else v for v in column] for key, *column in zip(*csv.reader(file))}


def check_tables(report, name, folder, result, latent):
    """The CSV files say what the JSON object says."""
    def floats(column):
        return [None if v is None else float(v) for v in column]

    def same(what, column, value, limit=CSV):
        check_value(report, f"{name}: {what}", floats(column), value, limit)

    pairs, one = read_csv(folder / "pairs.csv"), result["one_to_one"]
    same("pairs.csv: cos, act_cos, pearson", pairs["cos"] + pairs["act_cos"] + pairs["pearson"],
         result["max_cos"]["large_in_small"] + result["pairs"]["act_cos"] + result["pairs"]["pearson"])
    same("pairs.csv: nearest, n_active, partner", pairs["nearest"] + pairs["n_active"] + pairs["partner"],
         result["max_cos"]["argmax"] + result["latents"]["n_active"] + one["partner"], 0)
    same("pairs.csv: partner_cos, partner_act_cos, partner_pearson", pairs["partner_cos"] + pairs["partner_act_cos"] + pairs["partner_pearson"],
         one["cos"] + one["act_cos"] + one["pearson"])
    same("pairs.csv: errors", pairs["large_inactive"] + pairs["large_active"] + pairs["small_inactive"] + pairs["small_active"],
         [v for s in ("large", "small") for k in ("inactive", "active") for v in result["latents"][s][k]])
    report.line(f"{name}: pairs.csv: novel latents", pairs["novel"].count("1") == result["novel"])
    histogram = read_csv(folder / "histogram.csv")
    for key in ("large_in_small", "small_in_large", "random", "random_cov"):
        same(f"histogram.csv: {key}", histogram[key], result["hist"][key], 0)
    novel, m = read_csv(folder / "novel.csv"), result["novel_mean"]
    rows = [(m[s][k], m[s][c]) for s in ("large", "small") for k, c in (("inactive", "inactive_ci"), ("active", "active_ci"), ("difference", "ci"))]
    rows.append((m["excess"], m["excess_ci"]))
    same("novel.csv", novel["mse"] + novel["low"] + novel["high"], [r[0] for r in rows] + [r[1][0] for r in rows] + [r[1][1] for r in rows])
    same("novel.csv: per dimension", novel["mse_per_dim"], [r[0] / DIM for r in rows])
    table = read_csv(folder / "latent.csv")
    for i, side in enumerate(("large", "small")):
        same(f"latent.csv: {side}", [table[k][i] for k in ("inactive", "active", "difference")],
             [result["latent"][side][k] for k in ("inactive", "active", "difference")])
    report.line(f"{name}: the table is that of the latent", result["latent"]["large"]["active"] == result["latents"]["large"]["active"][latent])


def check_pair(report, lib, sae, folder, name, a, b, rng):
    paths = [folder / "a", folder / "b"]
    for model, path in zip((a, b), paths):
        save(lib, model, path)
    x = make_rows(rng, (a, b))
    np.save(folder / "x.npy", x.astype(np.float32))
    latent = int(np.argmax((encode(b, x) > 0).sum(0)))
    result = run_compare(sae, paths, folder / "x.npy", "--out", folder / "out", "--force", "--latent", latent)
    check_result(report, name, result, witness(a, b, x))
    check_tables(report, name, folder / "out", result, latent)
    m = result["latents"]
    share = np.array(m["n_active"]) / result["tokens"]
    for side in ("large", "small"):
        whole = share * np.nan_to_num(numbers(m[side]["active"])) + (1 - share) * np.nan_to_num(numbers(m[side]["inactive"]))
        check_value(report, f"{name}: active and inactive rows make the whole, {side}", whole, np.full(len(share), result["mse"][side]), 1e-12)
    report.line(f"{name}: novel latents are those in the mean and those left out", result["novel"] == result["novel_mean"]["n"] + result["novel_mean"]["left_out"])
    one = run_compare(sae, paths, folder / "x.npy", "--latent", latent, "--threads", 1)
    many = run_compare(sae, paths, folder / "x.npy", "--latent", latent, "--threads", 5)
    report.line(f"{name}: the number of threads changes nothing", one == many == result)
    return x


def check_itself(report, lib, sae, folder, name, a, x):
    """An SAE beside itself: exact identities."""
    save(lib, a, folder / "a")
    np.save(folder / "x.npy", x.astype(np.float32))
    result = run_compare(sae, [folder / "a", folder / "a"], folder / "x.npy")
    n = len(a["W_dec"])
    check_value(report, f"{name} with itself: cosines are 1", result["max_cos"]["large_in_small"], np.ones(n), 1e-15)
    report.line(f"{name} with itself: each latent is its own nearest and its own partner",
                result["max_cos"]["argmax"] == result["one_to_one"]["partner"] == list(range(n)))
    known = ~np.isnan(numbers(result["pairs"]["act_cos"]))
    check_value(report, f"{name} with itself: activation cosines and correlations are 1",
                numbers(result["pairs"]["act_cos"])[known].tolist() + numbers(result["pairs"]["pearson"])[known].tolist(), np.ones(2 * known.sum()), 1e-12)
    report.line(f"{name} with itself: equal errors, nothing novel", result["latents"]["large"] == result["latents"]["small"]
                and result["mse"]["large"] == result["mse"]["small"] and result["novel"] == 0 and result["novel_mean"]["excess"] is None)


def check_order(report, lib, sae, folder, name, a, b, x, rng):
    """Permuting latents permutes results."""
    orders = rng.permutation(len(a["W_dec"])), rng.permutation(len(b["W_dec"]))
    for model, order, path in zip((a, b), orders, ("a", "b")):
        save(lib, model, folder / path)
        save(lib, permuted(model, order), folder / f"{path}-moved")
    np.save(folder / "x.npy", x.astype(np.float32))
    first = run_compare(sae, [folder / "a", folder / "b"], folder / "x.npy")
    moved = run_compare(sae, [folder / "a-moved", folder / "b-moved"], folder / "x.npy")
    back = np.argsort(orders[0])
    for path in ("max_cos.large_in_small", "pairs.act_cos", "one_to_one.cos", "one_to_one.pearson", "latents.large.active", "latents.small.active", "latents.n_active"):
        limit = 0 if path in ("max_cos.large_in_small", "one_to_one.cos", "latents.n_active") else 1e-6
        check_value(report, f"{name} permuted: {path}", at(moved, path), numbers(at(first, path))[orders[1]], limit)
    for path in ("max_cos.argmax", "one_to_one.partner"):
        wanted = numbers(at(first, path))[orders[1]]
        check_value(report, f"{name} permuted: {path}", at(moved, path), [None if np.isnan(v) else back[int(v)] for v in wanted], 0)
    check_value(report, f"{name} permuted: mean over novel latents", moved["novel_mean"]["excess"], first["novel_mean"]["excess"], 1e-5)


def check_family(report, lib, sae, folder, saes, rng):
    """Three SAEs, given in another order than that of their widths."""
    paths = [folder / f"family-{i}" for i in range(3)]
    for model, path in zip(saes, paths):
        save(lib, model, path)
    x = make_rows(rng, saes)
    np.save(folder / "x.npy", x.astype(np.float32))
    result = run_compare(sae, [paths[2], paths[0], paths[1]], folder / "x.npy", "--out", folder / "family")
    report.line("family: ordered by width", [s["path"] for s in result["saes"]] == [str(p) for p in paths])
    for i in range(2):
        check_result(report, f"family, neighbours {i + 1} and {i + 2}", result["neighbours"][i], witness(saes[i], saes[i + 1], x))
    codes = [encode(s, x) for s in saes]
    check_value(report, "family: L0", [s["l0"] for s in result["saes"]], [(f > 0).sum(1).mean() for f in codes], 1e-12)
    check_value(report, "family: MSE", [s["mse"] for s in result["saes"]], [errors(s, f, x).mean() for s, f in zip(saes, codes)], FLOAT)
    check_value(report, "family: latents that never fired", [s["never_fired"] for s in result["saes"]], [(f > 0).sum(0).tolist().count(0) for f in codes], 0)
    novel = [[0 if i == j else (max_cosine(a["W_dec"], b["W_dec"])[0] < THRESHOLD).sum() for j, b in enumerate(saes)] for i, a in enumerate(saes)]
    check_value(report, "family: matrix of novel latents", result["novel"], novel, 0)
    check_value(report, "family: their shares", result["novel_share"], [[v / len(a["W_dec"]) for v in row] for a, row in zip(saes, novel)], EXACT)
    ancestors = [max_cosine(saes[2]["W_dec"], s["W_dec"]) for s in saes[:2]]
    check_value(report, "family: nearest in every smaller SAE", result["tree"]["nearest"], [a[1] for a in ancestors], 0)
    check_value(report, "family: their cosines", result["tree"]["cos"], [a[0] for a in ancestors], EXACT)
    first = np.select([a[0] >= THRESHOLD for a in ancestors], [0, 1], 2)
    check_value(report, "family: first SAE that has a latent", result["tree"]["first"], first, 0)
    tree, matrix = read_csv(folder / "family" / "tree.csv"), read_csv(folder / "family" / "matrix.csv")
    check_value(report, "family: tree.csv", [float(v) for key in ("nearest_1", "nearest_2", "cos_1", "cos_2") for v in tree[key]],
                result["tree"]["nearest"][0] + result["tree"]["nearest"][1] + result["tree"]["cos"][0] + result["tree"]["cos"][1], CSV)
    check_value(report, "family: tree.csv: first", [int(v) - 1 for v in tree["first"]], first, 0)
    check_value(report, "family: matrix.csv", [int(v) for v in matrix["novel"]], novel, 0)


# ---- one sparsity --------------------------------------------------------------------------------


def matched(sae, x, count):
    """Activations when the `count` largest z − θ of all positive z fire, and the largest that does not."""
    z = pre_activations(sae, x)
    keys = np.where(z > 0, z - (0 if sae["theta"] is None else sae["theta"]), -np.inf)
    ordered = -np.sort(-keys, axis=None)
    return np.where(keys >= ordered[count - 1], z, 0) / sae["scale"], ordered[count] / sae["scale"]


def clear_count(saes, x, about):
    """A number of activations near `about` at which no SAE's cut is a matter of rounding."""
    gaps = []
    for sae in saes:
        z = pre_activations(sae, x)
        keys = -np.sort(-np.where(z > 0, z - (0 if sae["theta"] is None else sae["theta"]), -np.inf), axis=None)
        gaps.append(keys[about - 200 : about + 200] - keys[about - 199 : about + 201])
    return about - 199 + int(np.argmax(np.min(gaps, axis=0)))


def check_sparsity(report, lib, sae, folder, name, a, b, x):
    save(lib, a, folder / "a")
    save(lib, b, folder / "b")
    np.save(folder / "x.npy", x.astype(np.float32))
    for about in (2 * len(x), 6 * len(x)):
        count = clear_count((a, b), x, about)
        result = run_compare(sae, [folder / "a", folder / "b"], folder / "x.npy", "--sparsity-match", repr(count / len(x)))
        (f_a, shift_a), (f_b, shift_b) = matched(a, x, count), matched(b, x, count)
        check_result(report, f"{name}, {count / len(x):.3f} active", result, witness(a, b, x, f_a, f_b))
        check_value(report, f"{name}: shifts", [m["shift"] for m in result["sparsity_match"]], [shift_a, shift_b], FLOAT)
        check_value(report, f"{name}: L0 before", [m["l0_before"] for m in result["sparsity_match"]], [(encode(s, x) > 0).sum(1).mean() for s in (a, b)], 1e-12)


def main():
    build = Path(sys.argv[1])
    lib, report, sae = open_sae_library(str(build)), Report(), build / "sae"
    cases = [
        ("relu and jumprelu", dict(arch=RELU), dict(arch=JUMPRELU)),
        ("topk and batchtopk", dict(arch=TOPK), dict(arch=BATCHTOPK)),
        ("matryoshka and topk, not centred", dict(arch=MATRYOSHKA, subtract=False), dict(arch=TOPK, subtract=False)),
        ("jumprelu of scaled inputs and topk of others", dict(arch=JUMPRELU, scale=0.4), dict(arch=TOPK, scale=3.0)),
        ("one of them centred", dict(arch=JUMPRELU, subtract=False), dict(arch=BATCHTOPK)),
        ("both standardise tokens", dict(arch=TOPK, token=True), dict(arch=JUMPRELU, token=True, subtract=False)),
    ]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number, (name, small, large) in enumerate(cases):
            rng = np.random.default_rng(900 + number)
            a = make_sae(rng, 40, **small)
            b = make_sae(rng, 90, **large, near=a["W_dec"][:30])
            x = check_pair(report, lib, sae, folder, name, a, b, rng)
            check_itself(report, lib, sae, folder, name, b, x)
            check_order(report, lib, sae, folder, name, a, b, x, rng)
            check_sparsity(report, lib, sae, folder, name, a, b, x)
        rng = np.random.default_rng(950)
        wide, narrow = make_sae(rng, 70, JUMPRELU), make_sae(rng, 30, TOPK)
        check_pair(report, lib, sae, folder, "the first the wider", wide, narrow, rng)
        saes = [make_sae(rng, 40, TOPK), None, None]
        saes[1] = make_sae(rng, 64, BATCHTOPK, near=saes[0]["W_dec"][:30])
        saes[2] = make_sae(rng, 110, JUMPRELU, near=np.concatenate([saes[1]["W_dec"][:50], saes[0]["W_dec"][30:]]))
        check_family(report, lib, sae, folder, saes, rng)
    report.finish()


if __name__ == "__main__":
    main()
