#!/usr/bin/env python3
"""Makes train_ARCH.safetensors for the five kinds of SAE: training steps worked out in float64 by
tests/parity/reference_sae.py (definitions at its top), for the C tests of kernels and trainer.

    make_train_golden.py [--check]      writes into this folder; --check compares with what is there

B = 48 rows, d = 20, n = 56 latents, k = 4, k_aux = 12; 50 steps over 6 batches in the order given.
20 latents start dead, more than k_aux, so that AuxK has to choose; some revive and others die on
the way. Every cut has a relative gap of at least 1e-4 in all 50 steps of all variants, so that
float32 makes the same choices: batches are used in turn, skipping those without that gap at that step.
relu and jumprelu, which choose by thresholds, have a gap of 1e-5 of the largest |z| there, no AuxK (norm
"none" only), and nothing of aux.* and dead.

Metadata (all text): arch, lambda, bandwidth, prefixes (comma-separated), B, d, n, k, k_aux, aux_alpha, dead_tokens, lr, beta1,
beta2, eps, clip (the limit of the variants with clip), total_steps, warmup_steps, decay_steps,
theta_beta, batches, min_gap (the smallest relative gap at any cut), seed.

Tensors. Inputs are float32 so that every precision starts from the same numbers:
  x              F32 [batches, B, d]
  W_enc, b_enc, W_dec, b_dec     F32 [n, d], [n], [n, d], [d]       parameters before step 1
  theta          F32 [n]         jumprelu only, here and wherever parameters are listed
  counters       I64 [n]         tokens since each latent fired, before step 1
  dead           U8  [n]         1 where counters >= dead_tokens
Step 1, main selection (the same for both aux norms), rows in order, latents ascending:
  codes.row_offsets I64 [B + 1], codes.latents I32 [nnz], codes.values F64 [nnz]
  x_hat          F64 [B, d]
AuxK's selection of step 1, same form: aux.row_offsets, aux.latents, aux.values
For NORM in none, variance (aux_norm):
  NORM.grad.W_enc|b_enc|W_dec|b_dec   F64   d loss / d parameter at step 1, before projection and clip
  For CLIP in noclip, clip:
  NORM.CLIP.order                     I32 [50]   batch of each step; the first is 0
  NORM.CLIP.W_enc|b_enc|W_dec|b_dec   F64   parameters after step 50
  NORM.CLIP.mse, .aux, .grad_norm, .theta     F64 [50]   of each step: losses of its batch before the
                                      update (aux before aux_alpha), norm of all gradients after
                                      projection and before clip, running theta after the step (kinds with k)
  NORM.CLIP.n_dead                    I64 [50]   dead latents of each step, as it stood before its batch
  NORM.CLIP.counters                  I64 [n]    after step 50
"""

import argparse
import pathlib
import sys

import numpy as np
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "parity"))
from reference_sae import THRESHOLD_ARCHS, Config, Reference, smallest_gap  # noqa: E402

B, D, N, BATCHES, STEPS, DEAD = 48, 20, 56, 6, 50, 20
CLIP = 1.4
MIN_GAP, THRESHOLD_GAP = 1e-4, 1e-5
ARCHS = ("topk", "batchtopk", "matryoshka", "relu", "jumprelu")
LAMBDA = {"relu": 0.3, "jumprelu": 0.2}
PREFIXES = (5, 14, 30, N)


def norms_of(arch):
    return ("none",) if arch in THRESHOLD_ARCHS else ("none", "variance")


def config(arch, norm, clip):
    if arch in THRESHOLD_ARCHS:
        return Config(arch=arch, dead_tokens=8 * B, lr=4e-3, lam=LAMBDA[arch], bandwidth=0.3, clip=CLIP if clip else 0.0,
                      total_steps=STEPS, warmup_steps=5, decay_steps=10)
    return Config(arch=arch, prefixes=PREFIXES if arch == "matryoshka" else (), k=4, k_aux=12, aux_alpha=1 / 32, aux_norm=norm, dead_tokens=8 * B, lr=4e-3,
                  clip=CLIP if clip else 0.0, total_steps=STEPS, warmup_steps=5, decay_steps=10)


def inputs(data, arch):
    """The tensors of a problem that a kind has."""
    return {name: value for name, value in data.items() if name != "theta" or arch == "jumprelu"}


def problem(seed):
    """Sparse mixtures of 40 directions with an offset and noise; an SAE whose two matrices and biases
    all differ from their usual starting values, so that no term can be left out unnoticed."""
    rng = np.random.default_rng(seed)
    unit = lambda a: a / np.linalg.norm(a, axis=-1, keepdims=True)
    directions = unit(rng.standard_normal((40, D)))
    on = rng.random((BATCHES, B, 40)) < 0.1
    amplitude = rng.uniform(0.5, 2.0, on.shape)
    x = (on * amplitude) @ directions + 0.05 * rng.standard_normal((BATCHES, B, D)) + 0.3 * rng.standard_normal(D)
    W_dec = unit(rng.standard_normal((N, D)))
    W_enc = W_dec + 0.05 * rng.standard_normal((N, D))
    b_enc = 0.05 * rng.standard_normal(N)
    dead = rng.permutation(N)[:DEAD]
    b_enc[dead] -= rng.uniform(0.6, 1.2, DEAD)
    counters = B * rng.integers(0, 8, N)
    counters[dead] = B * rng.integers(8, 100, DEAD)
    single = lambda a: a.astype(np.float32)
    return {"x": single(x), "W_enc": single(W_enc), "b_enc": single(b_enc), "W_dec": single(W_dec),
            "b_dec": single(x.reshape(-1, D).mean(0) + 0.02 * rng.standard_normal(D)), "counters": counters,
            "theta": single(rng.uniform(0.2, 0.6, N))}


def csr(mask, z):
    rows, latents = np.nonzero(mask)
    offsets = np.concatenate([[0], np.cumsum(mask.sum(1))])
    return {"row_offsets": offsets.astype(np.int64), "latents": latents.astype(np.int32), "values": z[rows, latents]}


def first_step(data, arch):
    """Selections of step 1 and, per aux norm, its gradients."""
    out = {}
    x = torch.tensor(data["x"][0]).double()
    for norm in norms_of(arch):
        sae = Reference(data, config(arch, norm, False), data["counters"])
        batch, grads = sae.gradients(x)
        out.update({f"{norm}.grad.{name}": value.numpy() for name, value in grads.items()})
    z = batch["z"].detach()
    out.update({f"codes.{key}": value for key, value in csr(batch["mask"].numpy(), z.numpy()).items()})
    out["x_hat"] = (x - batch["e"].detach()).numpy()
    if arch not in THRESHOLD_ARCHS:
        out.update({f"aux.{key}": value for key, value in csr(sae.aux_mask(z).numpy(), z.numpy()).items()})
        out["dead"] = sae.dead().numpy().astype(np.uint8)
    return out


def choose_batch(sae, batches, first):
    """(batch whose cuts all have the gap, that gap): the first one that has, from `first` on, in turn."""
    for i in range(len(batches)):
        candidate = (first + i) % len(batches)
        gap = smallest_gap(sae, batches[candidate])
        if gap >= (THRESHOLD_GAP if sae.config.arch in THRESHOLD_ARCHS else MIN_GAP):
            return candidate, gap
    return None, 0.0


def fifty_steps(data, cfg):
    """(tensors of one variant without prefix, smallest gap), or None where no batch has the gap."""
    sae = Reference(data, cfg, data["counters"])
    batches = torch.tensor(data["x"]).double()
    series = {name: [] for name in ("order", "mse", "aux", "grad_norm", "theta", "n_dead")}
    smallest, chosen = 1.0, -1
    for t in range(STEPS):
        chosen, gap = choose_batch(sae, batches, chosen + 1)
        if chosen is None or (t == 0 and chosen != 0):
            return None
        smallest = min(smallest, gap)
        series["order"].append(chosen)
        series["n_dead"].append(int(sae.dead().sum()))
        batch = sae.step(batches[chosen])
        series["mse"].append(float(batch["mse"].detach()))
        series["aux"].append(float(batch["aux"].detach()))
        series["grad_norm"].append(batch["grad_norm"])
        series["theta"].append(sae.theta() if sae.theta() is not None else 0.0)
    out = {name: value.numpy() for name, value in sae.p.items()}
    if cfg.arch in THRESHOLD_ARCHS:
        del series["theta"]
    out.update({name: np.array(values) for name, values in series.items()})
    out["order"] = out["order"].astype(np.int32)
    out["counters"] = sae.counters.numpy()
    return out, smallest


def covers(runs, arch):
    """Whether the runs exercise what they are for: clipped and unclipped steps, AuxK with and without a
    cut, latents that revive and latents that die; thresholds that reach their least value and others."""
    for name, run in runs.items():
        dead, clipped = run["n_dead"], run["grad_norm"] > CLIP
        if not 5 <= clipped.sum() <= STEPS - 5:
            return False
        if arch == "jumprelu" and not 0 < (run["theta"] == 0.15).sum() < N:
            return False
        if arch not in THRESHOLD_ARCHS and not (dead[1] > 12 > dead.min() and (np.diff(dead) > 0).any()):
            return False
    return True


def variants(data, arch):
    """({"NORM.CLIP": tensors}, smallest gap) of the four variants, or None."""
    runs, smallest = {}, 1.0
    for norm in norms_of(arch):
        for clip in (False, True):
            run = fifty_steps(data, config(arch, norm, clip))
            if run is None:
                return None
            runs[f"{norm}.{'clip' if clip else 'noclip'}"] = run[0]
            smallest = min(smallest, run[1])
    return (runs, smallest) if covers(runs, arch) else None


def make(arch, first=0):
    """(tensors, metadata) of the first seed from `first` on that qualifies."""
    found, seed = None, first - 1
    while found is None:
        seed += 1
        data = problem(seed)
        found = variants(data, arch)
    runs, gap = found
    tensors = {**inputs(data, arch), **first_step(data, arch)}
    for name, values in runs.items():
        tensors.update({f"{name}.{key}": value for key, value in values.items()})
    meta = {"arch": arch, "B": B, "d": D, "n": N, "batches": BATCHES, "clip": CLIP, "min_gap": f"{gap:.3e}", "seed": seed}
    cfg = config(arch, "none", True)
    meta.update({"lambda": cfg.lam, "bandwidth": cfg.bandwidth, "prefixes": ",".join(map(str, cfg.prefixes))})
    for key in ("k", "k_aux", "aux_alpha", "dead_tokens", "lr", "beta1", "beta2", "eps", "total_steps",
                "warmup_steps", "decay_steps", "theta_beta"):
        meta[key] = getattr(cfg, key)
    return ({key: np.ascontiguousarray(value) for key, value in tensors.items()},
            {key: str(value) for key, value in meta.items()})


def stored_seed(path):
    with safe_open(path, "np") as file:
        return int(file.metadata()["seed"])


def differences(path, tensors, meta):
    """Sentences on how the file differs from what was just made (1e-12 relative is the same)."""
    with safe_open(path, "np") as file:
        stored = {key: file.get_tensor(key) for key in file.keys()}
        old_meta = file.metadata()
    wrong = [f"{path.name}: tensors {sorted(stored.keys() ^ tensors.keys())}"] if stored.keys() != tensors.keys() else []
    if old_meta != meta:
        wrong.append(f"{path.name}: metadata {old_meta} instead of {meta}")
    for key in stored.keys() & tensors.keys():
        a, b = stored[key], tensors[key]
        same = a.shape == b.shape and a.dtype == b.dtype
        if not same or np.abs(a - b).max(initial=0) > 1e-12 * max(1.0, np.abs(b).max(initial=0)):
            wrong.append(f"{path.name}: {key} differs")
    return wrong


def main():
    parser = argparse.ArgumentParser(description="golden data for training")
    parser.add_argument("--check", action="store_true", help="compare with the files that are there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    wrong = []
    for arch in ARCHS:
        path = FOLDER / f"train_{arch}.safetensors"
        # finding a seed takes long; a check begins with the one that was found
        tensors, meta = make(arch, stored_seed(path) if args.check else 0)
        if args.check:
            wrong += differences(path, tensors, meta)
        else:
            save_file(tensors, path, metadata=meta)
            print(f"{path.name}: seed {meta['seed']}, smallest gap {meta['min_gap']}, {path.stat().st_size} bytes")
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
