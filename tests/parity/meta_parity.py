#!/usr/bin/env python3
"""Every number of `sae meta` against NumPy in float64, and the meta-SAE in SAELens.

    meta_parity.py BUILD_FOLDER

SAEs with decoder rows of several kinds (sums of planted parts, without structure, more latents than fire). The witness takes the
weights of the saved meta-SAE and computes everything from the definitions: both forms, the tables, principal components
from LAPACK's eigenvalues, and orthogonal matching pursuit by least squares at every step.
"""

import csv
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
from philox import Philox  # noqa: E402
from sae_lens import SAE  # noqa: E402
from sae_library import JUMPRELU, Info, Model, open_sae_library  # noqa: E402

DIM, LATENTS, PARTS, TOKENS, SEED = 48, 500, 60, 400, 3
SUMS = 1e-6  # explained variances: sums of float32 products
TABLES = 2e-5  # activations: float32 dot products


def planted(rng):
    parts = rng.standard_normal((PARTS, DIM))
    rows = np.tile(0.3 * rng.standard_normal(DIM), (LATENTS, 1))
    for i in range(LATENTS):
        rows[i] += rng.uniform(0.5, 1.5, 3) @ parts[rng.choice(PARTS, 3, replace=False)]
    return rows * rng.uniform(0.2, 3, (LATENTS, 1))


def isotropic(rng):
    return rng.standard_normal((LATENTS, DIM)) + 0.4


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pursuit(row, atoms, own, k):
    """The error with k atoms; every step by numpy's least squares."""
    taken, residual = [], row
    for _ in range(k):
        size = np.abs(atoms @ residual)
        size[taken] = -1
        if own >= 0:
            size[own] = -1
        taken.append(int(np.argmax(size)))
        basis = atoms[taken].T
        residual = row - basis @ np.linalg.lstsq(basis, row, rcond=None)[0]
    return residual @ residual


class Witness:
    def __init__(self, rows, weights, k):
        self.rows, self.w, self.k = unit(rows), weights, k
        self.centred = self.rows - self.rows.mean(0)
        self.z = (self.rows - weights["b_dec"]) @ weights["W_enc"].T + weights["b_enc"]

    def fit(self, l0, error):
        """l0, and what an error summed over all rows explains, centred and not."""
        return [l0, 1 - error / np.sum(self.centred**2), 1 - error / np.sum(self.rows**2)]

    def errors(self, codes):
        return np.sum((self.rows - codes @ self.w["W_dec"] - self.w["b_dec"]) ** 2, axis=1)

    def fit_codes(self, codes):
        return self.fit(np.count_nonzero(codes) / len(codes), self.errors(codes).sum())

    def batchtopk(self):
        positive = np.maximum(self.z, 0)
        return positive * (positive >= np.sort(positive, axis=None)[-self.k * len(self.rows)])

    def threshold(self):
        return self.z * (self.z > self.w["threshold"][0])

    def pca(self):
        values = np.linalg.eigvalsh(self.centred.T @ self.centred)[::-1]
        return self.fit(self.k, values[self.k :].sum())

    def random_rows(self, width, seed):
        chosen = sorted(Philox(seed, "random decoder rows").shuffled(len(self.rows))[:width])
        atoms, own = unit(self.centred[chosen]), {row: atom for atom, row in enumerate(chosen)}
        return self.fit(self.k, sum(pursuit(row, atoms, own.get(r, -1), self.k) for r, row in enumerate(self.centred)))

    def random_directions(self, atoms):
        return self.fit(self.k, sum(pursuit(row, atoms, -1, self.k) for row in self.centred))


def gaussian(width, seed):
    rng = Philox(seed, "random rows")
    return unit(np.array([rng.normal(e) for e in range(width * DIM)]).reshape(width, DIM))


def make_sae(lib, rng, rows, silent):
    n = len(rows)
    w = dict(W_enc=unit(rows), b_enc=np.zeros(n), W_dec=rows, b_dec=0.1 * rng.standard_normal(DIM), threshold=np.full(n, 0.5))
    w["b_enc"][rng.choice(n, silent, replace=False)] = -1e3
    return Model.create(lib, Info(d=DIM, n=n, rule=1, arch=JUMPRELU, subtract_b_dec=True), w), w


def dense(result, width):
    """The decomposition as [rows, width] activations and cosines; ids of the rows."""
    ids = [latent["id"] for latent in result["latents"]]
    acts, cosines = np.zeros((2, len(ids), width))
    for r, latent in enumerate(result["latents"]):
        for meta, value, cosine in latent["meta"]:
            acts[r, meta], cosines[r, meta] = value, cosine
    return ids, acts, cosines


def check_tables(report, name, result, witness, out):
    ids, acts, cosines = dense(result, result["width"])
    codes = witness.threshold()
    report.close(f"{name}: decompositions", acts, codes, TABLES)
    active = acts > 0
    report.close(f"{name}: cosines of latents and meta-latents", cosines[active], (witness.rows @ unit(witness.w["W_dec"]).T)[active], 1e-6)
    shares = 1 - witness.errors(codes) / np.sum(witness.centred**2, axis=1)
    report.close(f"{name}: explained share of each row", [latent["explained"] for latent in result["latents"]], shares, SUMS)
    back = np.zeros_like(acts)
    for meta in result["meta_latents"]:
        for latent, value, _ in meta["latents"]:
            back[ids.index(latent), meta["id"]] = value
    report.line(f"{name}: latents of meta-latents are the same table", np.array_equal(back, acts), f"{active.sum()} entries")
    report.line(f"{name}: sorted by activation", all(
        [p[1] for p in parts] == sorted((p[1] for p in parts), reverse=True)
        for parts in [x["meta"] for x in result["latents"]] + [x["latents"] for x in result["meta_latents"]]))
    report.line(f"{name}: meta-latents and latents without the other",
                (result["unused"], result["alone"]) == ((~active.any(0)).sum(), (~active.any(1)).sum()))
    with open(out / "decomposition.csv") as file:
        lines = [line for line in csv.DictReader(file) if line["meta_latent"]]
    table = np.zeros_like(acts)
    for line in lines:
        table[ids.index(int(line["latent"])), int(line["meta_latent"])] = float(line["activation"])
    report.close(f"{name}: decomposition.csv", table, acts, 1e-8)


def check_fits(report, name, result, witness):
    width, fits = result["width"], result["fits"]
    wanted = dict(batchtopk=witness.fit_codes(witness.batchtopk()), threshold=witness.fit_codes(witness.threshold()), pca=witness.pca(),
                  random_rows=witness.random_rows(width, SEED), random_directions=witness.random_directions(gaussian(width, SEED)))
    for key, values in wanted.items():
        ours = fits[key]
        report.close(f"{name}: {key}", [ours["l0"], ours["explained_variance"], ours["explained_variance_uncentred"]], values, SUMS)
    report.line(f"{name}: the keys at the top are BatchTopK's",
                result["l0"] == fits["batchtopk"]["l0"] and result["explained_variance"] == fits["batchtopk"]["explained_variance"])


def run_case(report, lib, sae, folder, name, rows, silent, width, k):
    rng = np.random.default_rng(len(name))
    large, weights = make_sae(lib, rng, rows, silent)
    small_rows = np.concatenate([unit(rows)[:20] + 0.2 * rng.standard_normal((20, DIM)), rng.standard_normal((13, DIM))])
    small, _ = make_sae(lib, rng, small_rows, 0)
    x = (2 * rng.standard_normal((TOKENS, DIM))).astype(np.float32)
    fires = (large.run(x)[0] > 0).any(0)
    for path, model in (("large", large), ("small", small)):
        model.save(folder / path)
    np.save(folder / "x.npy", x)
    out = folder / "meta"
    done = subprocess.run([sae, "meta", folder / "large", "--width", str(width), "--k", str(k), "--epochs", "200", "--acts", folder / "x.npy",
                           "--against", folder / "small", "--seed", str(SEED), "--out", out, "--json", "--quiet", "--force"],
                          capture_output=True, check=True)
    result = json.loads(done.stdout)
    meta = Model.load(lib, out)
    ids = [latent["id"] for latent in result["latents"]]
    report.line(f"{name}: rows are those of latents that fire", ids == list(np.flatnonzero(fires)) and result["never_fired"] == (~fires).sum(),
                f"{len(ids)} of {len(rows)}")
    witness = Witness(weights["W_dec"].astype(np.float32).astype(np.float64)[ids], meta.weights(), k)
    check_fits(report, name, result, witness)
    check_tables(report, name, result, witness, out)
    keys = unit(small_rows.astype(np.float32).astype(np.float64))
    cosines = unit(witness.w["W_dec"]) @ keys.T
    report.close(f"{name}: maximum cosines with the smaller SAE", result["against"]["max_cos"], cosines.max(1), 1e-9)
    report.line(f"{name}: and with which", result["against"]["argmax"] == list(cosines.argmax(1)))
    report.close(f"{name}: those of random directions", result["against"]["random_max_cos"], (gaussian(width, SEED) @ keys.T).max(1), 1e-6)
    theirs = SAE.load_from_disk(out)
    with torch.no_grad():
        acts = theirs.encode(torch.from_numpy(witness.rows.astype(np.float32)))
        errors = np.sum((theirs.decode(acts).numpy() - witness.rows) ** 2)
    report.close(f"{name}: what SAELens explains with it", [1 - errors / np.sum(witness.centred**2)],
                 [result["fits"]["threshold"]["explained_variance"]], 1e-5)
    return result


def main():
    build = Path(sys.argv[1])
    lib, report = open_sae_library(str(build)), Report()
    rng = np.random.default_rng(8)
    with tempfile.TemporaryDirectory() as folder:
        found = run_case(report, lib, build / "sae", Path(folder), "planted parts", planted(rng), 17, 64, 3)
        report.line("planted parts are found: more explained than by any baseline",
                    found["explained_variance"] > max(found["baselines"].values()) + 0.2, f"{found['explained_variance']:.3f}")
        run_case(report, lib, build / "sae", Path(folder), "no structure", isotropic(rng), 0, 40, 5)
        run_case(report, lib, build / "sae", Path(folder), "one part each", planted(rng), 100, 30, 1)
    report.finish()


if __name__ == "__main__":
    main()
