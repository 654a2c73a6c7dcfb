#!/usr/bin/env python3
"""Every number of `sae stitch` against NumPy in float64, and stitched SAEs in SAELens.

    stitch_parity.py BUILD_FOLDER

Small random SAEs of several kinds, with and without centring, in which part of the large one's directions are near those
of the small one. The witness takes the activations of the stitched SAEs at both ends (which are compared with those of the
SAEs themselves) and computes everything else from the definitions.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
import torch  # noqa: E402
from common import Report  # noqa: E402
from sae_lens import SAE  # noqa: E402
from sae_library import JUMPRELU, RELU, TOPK, Info, Model, open_sae_library  # noqa: E402

DIM, SMALL, LARGE, TOP, ROWS = 24, 40, 90, 5, 700
EXACT = 1e-9


def make_sae(lib, rng, n, arch, subtract, near=None):
    W_dec = rng.standard_normal((n, DIM))
    if near is not None:
        W_dec[: len(near)] = near + rng.uniform(0, 0.35, (len(near), 1)) * rng.standard_normal(near.shape)
    W_dec /= np.linalg.norm(W_dec, axis=1, keepdims=True)
    w = dict(W_enc=W_dec + 0.2 * rng.standard_normal((n, DIM)) / np.sqrt(DIM), b_enc=0.1 * rng.standard_normal(n) - 0.3,
             W_dec=W_dec * rng.uniform(0.5, 1.5, (n, 1)), b_dec=0.3 * rng.standard_normal(DIM), threshold=rng.uniform(0.8, 1.6, n))
    w["b_enc"][-3:] = -1e3  # three that never fire
    if arch == RELU:
        w["threshold"][:] = 0
        w["b_enc"] -= 1
    if arch == TOPK:
        del w["threshold"]
    info = Info(d=DIM, n=n, rule=0 if arch == TOPK else 1, k=TOP if arch == TOPK else 0, arch=arch, subtract_b_dec=subtract)
    return Model.create(lib, info, w), w


def mse_of(y, F, W, bias_step, removed, n_small):
    residual = y - F @ W - removed / n_small * bias_step
    return np.mean(np.sum(residual**2, axis=1))


def components_of(cosines, threshold):
    """(small ids, large ids) of the components with an edge, by breadth first search."""
    edges, seen, found = cosines > threshold, set(), []
    for start in range(edges.shape[1]):
        if start in seen or not edges[:, start].any():
            continue
        small, large, queue = {start}, set(), [("s", start)]
        while queue:
            side, i = queue.pop()
            for j in np.flatnonzero(edges[:, i] if side == "s" else edges[i]):
                group = large if side == "s" else small
                if j not in group:
                    group.add(int(j))
                    queue.append(("l" if side == "s" else "s", int(j)))
        seen |= small
        found.append((sorted(small), sorted(large)))
    return found


def roc_of(max_cos, delta):
    fired = ~np.isnan(delta)
    cos, improves = max_cos[fired], delta[fired] < 0
    p, q = cos[improves], cos[~improves]
    auc = np.mean((p[:, None] < q[None, :]) + 0.5 * (p[:, None] == q[None, :]))
    values = np.unique(cos)
    cuts = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])
    sums = [(p < c).mean() + (q >= c).mean() for c in cuts]
    return auc, cuts[int(np.argmax(np.round(sums, 12)))], lambda t: np.mean((cos < t) == improves)


class Witness:
    def __init__(self, x, ends):
        (F_small, small), (F_large, large) = ends
        self.n = len(small["W_dec"])
        self.y = x.astype(np.float64) - small["b_dec"]
        self.F = np.concatenate([F_small, F_large], axis=1).astype(np.float64)
        self.W = np.concatenate([small["W_dec"], large["W_dec"]])
        self.step = large["b_dec"] - small["b_dec"]
        unit = self.W / np.linalg.norm(self.W, axis=1, keepdims=True)
        self.cosines = unit[self.n :] @ unit[: self.n].T
        self.variance = np.mean(np.sum((self.y - self.y.mean(0)) ** 2, axis=1))

    def start(self):
        return np.arange(self.W.shape[0]) < self.n

    def mse(self, inside):
        return mse_of(self.y, self.F * inside, self.W, self.step, self.n - inside[: self.n].sum(), self.n)

    def after(self, inside, operation):
        inside = inside.copy()
        inside[operation] ^= True
        return inside

    def deltas(self):
        e = self.y - self.F[:, : self.n] @ self.W[: self.n]
        f, w = self.F[:, self.n :], self.W[self.n :]
        u = -2 * f * (e @ w.T) + f**2 * np.sum(w**2, axis=1)
        silent = ~(f > 0).any(0)
        mean, se = u.mean(0), u.std(0, ddof=1) / np.sqrt(len(u))
        mean[silent] = se[silent] = np.nan
        return mean, se

    def operations(self, threshold):
        """Insertions by id, swaps by descending cosine, removals by id."""
        swaps = components_of(self.cosines, threshold)
        swaps.sort(key=lambda c: (-max(self.cosines[i].max() for i in c[1]), c[1][0]))
        best, other = self.cosines.max(1), self.cosines.max(0)
        inserts = [np.array([self.n + i]) for i in range(len(best)) if best[i] <= threshold]
        removals = [np.array([i]) for i in range(self.n) if other[i] <= threshold]
        return inserts, [np.array(s + [self.n + i for i in l]) for s, l in swaps], removals

    def follow(self, operations):
        inside = self.start()
        states = [inside]
        for operation in operations:
            inside = self.after(inside, operation)
            states.append(inside)
        return states

    def greedy(self, operations):
        left, inside, order = list(operations), self.start(), []
        Q = (self.F.T @ self.F / len(self.F)) * (self.W @ self.W.T)
        h = np.mean(self.F * (self.y @ self.W.T), axis=0)
        v = self.F.mean(0) * (self.W @ self.step)
        yy, yd, dd = np.mean(np.sum(self.y**2, 1)), self.y.mean(0) @ self.step, self.step @ self.step
        def value(s):
            t = (self.n - s[: self.n].sum()) / self.n
            return yy - 2 * h @ s + s @ Q @ s - 2 * t * (yd - v @ s) + t * t * dd
        while left:
            best = int(np.argmin([value(self.after(inside, o).astype(float)) for o in left]))
            inside = self.after(inside, left[best])
            order.append(left.pop(best))
        return order


def numbers(values):
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def check_path(report, name, witness, path, operations):
    states = witness.follow(operations)
    mse = np.array([witness.mse(s) for s in states])
    density = (witness.F > 0).mean(0)
    report.close(f"{name}: MSE of all {len(mse)} states", [p["mse"] for p in path], mse, EXACT)
    report.close(f"{name}: FVU", [p["fvu"] for p in path], mse / witness.variance, EXACT)
    report.close(f"{name}: L0", [p["l0"] for p in path], [density @ s for s in states], EXACT)
    report.line(f"{name}: latents that came and went",
                all(p["inserted"] == s[witness.n :].sum() and p["removed"] == witness.n - s[: witness.n].sum() for p, s in zip(path, states)))


def check(report, name, result, x, ends):
    w = Witness(x, ends)
    threshold = result["threshold"]
    report.close(f"{name}: maximum cosines", result["max_cos"], w.cosines.max(1), 1e-12)
    delta, se = w.deltas()
    ours = numbers(result["delta_mse"])
    fired = ~np.isnan(delta)
    report.line(f"{name}: null for the latents that never fired", np.array_equal(np.isnan(ours), np.isnan(delta)), f"{(~fired).sum()}")
    report.close(f"{name}: ΔMSE", ours[fired], delta[fired], EXACT)
    report.close(f"{name}: its standard error", numbers(result["delta_mse_se"])[fired], se[fired], 1e-7)
    auc, best, accuracy = roc_of(w.cosines.max(1), delta)
    report.close(f"{name}: AUC, best threshold, accuracy", [result["auc"], result["best_threshold"], result["accuracy"]],
                 [auc, best, accuracy(threshold)], EXACT)
    inserts, swaps, removals = w.operations(threshold)
    report.line(f"{name}: insertions, swaps, removals",
                (len(inserts), len(swaps), len(removals)) == (result["insertions"], result["swaps"], result["removals"]),
                f"{len(inserts)}, {len(swaps)}, {len(removals)}")
    theirs = [np.array(c["small"] + [w.n + i for i in c["large"]]) for c in result["components"]]
    report.line(f"{name}: members of components", all(np.array_equal(a, b) for a, b in zip(theirs, swaps + removals)))
    base = w.mse(w.start())
    effects = [w.mse(w.after(w.start(), o)) - base for o in swaps + removals]
    report.close(f"{name}: effects of swaps", [c["delta_mse"] for c in result["components"]], effects, EXACT)
    density, top = (w.F > 0).mean(0), w.F.max(0)
    by_size = sorted(inserts, key=lambda o: (-density[o[0]] * top[o[0]], o[0]))
    check_path(report, f"{name}, cosine order", w, result["path"], by_size + swaps + removals)
    operations = inserts + swaps + removals
    effect = [w.mse(w.after(w.start(), o)) - base for o in operations]
    order = sorted(range(len(operations)), key=lambda o: (not (o < len(inserts) and effect[o] < -1e-15), round(effect[o], 13), o))
    check_path(report, f"{name}, delta order", w, result["other_paths"]["delta"], [operations[o] for o in order])
    check_path(report, f"{name}, greedy order", w, result["other_paths"]["greedy"], w.greedy(operations))
    report.line(f"{name}: the end is LARGE", result["end_error"] <= 1e-6, f"{result['end_error']:.1e}")


def run_case(report, lib, sae, folder, number, name, archs, subtract):
    rng = np.random.default_rng(500 + number)
    small, w_small = make_sae(lib, rng, SMALL, archs[0], subtract[0])
    large, _ = make_sae(lib, rng, LARGE, archs[1], subtract[1], near=w_small["W_dec"][:30])
    x = (1.2 * rng.standard_normal((ROWS, DIM)) + 0.3 * rng.standard_normal(DIM)).astype(np.float32)
    small.save(folder / f"small-{number}")
    large.save(folder / f"large-{number}")
    np.save(folder / f"x-{number}.npy", x)
    out = folder / f"out-{number}"
    done = subprocess.run([sae, "stitch", folder / f"small-{number}", folder / f"large-{number}", "--acts", folder / f"x-{number}.npy",
                           "--json", "--quiet", "--save", "at=0,0.5,1", "--out", out], capture_output=True, check=True)
    ends = []
    for at, model in (("0", small), ("1", large)):
        form = Model.load(lib, out / f"at-{at}")
        acts = form.run(x)[0]
        ends.append((acts, form.weights()))
        if model.info().rule == 1:
            same = np.mean(np.all((acts > 0) == (model.run(x)[0] > 0), axis=1))
            report.line(f"{name}: folding leaves the activations of at-{at}", same > 0.99, f"{100 * same:.1f} % of rows")
    check(report, name, json.loads(done.stdout), x, ends)
    theirs = SAE.load_from_disk(out / "at-0.5")
    ours = Model.load(lib, out / "at-0.5")
    with torch.no_grad():
        acts = theirs.encode(torch.from_numpy(x))
        xhat = theirs.decode(acts).numpy()
    acts_ours, xhat_ours = ours.run(x)
    clear = np.all((acts.numpy() > 0) == (acts_ours > 0), axis=1)
    report.close(f"{name}: SAELens' reconstructions half way", xhat_ours[clear], xhat[clear], 1e-5)
    report.line(f"{name}: the same latents fire in SAELens", clear.mean() > 0.99, f"{100 * clear.mean():.1f} % of rows")


def main():
    build = Path(sys.argv[1])
    lib, report = open_sae_library(str(build)), Report()
    cases = [("jumprelu", (JUMPRELU, JUMPRELU), (True, True)), ("jumprelu, one not centred", (JUMPRELU, JUMPRELU), (False, True)),
             ("topk", (TOPK, TOPK), (True, True)), ("relu and topk", (RELU, TOPK), (True, False))]
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, archs, subtract) in enumerate(cases):
            run_case(report, lib, build / "sae", Path(folder), number, name, archs, subtract)
    report.finish()


if __name__ == "__main__":
    main()
