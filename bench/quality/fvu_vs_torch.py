"""FVU of SAEs trained by `sae train` and by a plain PyTorch implementation of the same algorithm, at equal settings on
the demo model's activations, both judged here, in the same way, on other text.

usage: fvu_vs_torch.py --sae PROGRAM --acts DIR --held-out DIR --out DIR [options]; --help lists them

PyTorch has the same rows in an order of its own, the same start (its own random numbers), schedule, AuxK and
scaling. BatchTopK is judged with the threshold that is the mean over training batches of the smallest kept
activation, TopK with the k largest of each row. The last line says whether FVU stays within 1 % (mean of the seeds).
"""

import argparse
import json
import math
import pathlib
import statistics
import sys
import time

import numpy as np
import torch
from program import train, usable_rows
from safetensors.numpy import load_file

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "parity"))
from reference_sae import NAMES, Config, Reference, largest  # noqa: E402

LIMIT = 0.01
CALIBRATION_BATCHES = 100
B_DEC_ROWS, SCALE_ROWS = 32_768, 100_000


def arguments():
    parser = argparse.ArgumentParser(description="FVU of sae train beside plain PyTorch")
    parser.add_argument("--sae", required=True, help="the program")
    parser.add_argument("--acts", required=True, help="activations to train on")
    parser.add_argument("--held-out", required=True, help="activations to judge on")
    parser.add_argument("--out", required=True, help="folder for the SAEs and the results")
    parser.add_argument("--width", type=int, action="append", help="latents; may be repeated (512)")
    parser.add_argument("--arch", action="append", choices=("topk", "batchtopk"), help="may be repeated (both)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--lr", type=float, default=2e-3)
    args = parser.parse_args()
    args.width = args.width or [512]
    args.arch = args.arch or ["topk", "batchtopk"]
    return args


# ---- the two trainings: each returns a list of SAEs in raw space -----------------------------------------


def train_with_sae(args, width):
    """{(arch, seed): SAE} from one run of the program over the grid."""
    out = pathlib.Path(args.out) / f"sae-{width}"
    options = {"arch": ",".join(args.arch), "width": width, "k": args.k, "batch": args.batch,
               "lr": args.lr, "tokens": args.tokens, "warmup": 0.1, "decay": 0.2, "held-out": 0,
               "seed": ",".join(map(str, range(args.seeds)))}
    saes = train(args.sae, args.acts, out, **options)["saes"]
    return {(sae["arch"], i % args.seeds): read_sae(sae["path"]) for i, sae in enumerate(saes)}


def read_sae(folder):
    """A saved SAE: parameters with latents as rows, and theta [n] or k."""
    folder = pathlib.Path(folder)
    cfg, tensors = json.loads((folder / "cfg.json").read_text()), load_file(folder / "sae_weights.safetensors")
    centred = cfg.get("apply_b_dec_to_input", True)
    sae = {"W_enc": tensors["W_enc"].T, "b_enc": tensors["b_enc"], "W_dec": tensors["W_dec"], "b_dec": tensors["b_dec"]}
    if not centred:
        sae["b_enc"] = sae["b_enc"] + sae["W_enc"] @ sae["b_dec"]
    sae["theta"] = tensors.get("threshold")
    sae["k"] = cfg.get("k")
    return sae


def batches(rows, args, rng):
    """Endless shuffled passes."""
    while True:
        order = rng.permutation(len(rows))
        for first in range(0, len(rows) - args.batch + 1, args.batch):
            yield torch.from_numpy(rows[order[first : first + args.batch]])


def train_with_torch(args, rows, arch, width, seed):
    rng = np.random.default_rng(seed)
    d, steps = rows.shape[1], args.tokens // args.batch
    sample = rows[rng.permutation(len(rows))[:SCALE_ROWS]].astype(np.float64)
    scale = math.sqrt(d) / np.linalg.norm(sample, axis=1).mean()
    W_dec = rng.standard_normal((width, d))
    W_dec /= np.linalg.norm(W_dec, axis=1, keepdims=True)
    start = {"W_enc": W_dec, "b_enc": np.zeros(width), "W_dec": W_dec, "b_dec": scale * sample[:B_DEC_ROWS].mean(0)}
    cfg = Config(arch=arch, k=args.k, dead_tokens=min(10_000_000, steps * args.batch // 10), lr=args.lr,
                 total_steps=steps, warmup_steps=round(0.1 * steps), decay_steps=round(0.2 * steps))
    sae = Reference(start, cfg, dtype=torch.float32)
    stream = batches(rows, args, rng)
    for _ in range(steps):
        sae.step(scale * next(stream))
    final = {name: value.double().numpy() for name, value in sae.p.items()}
    final["b_enc"], final["b_dec"] = final["b_enc"] / scale, final["b_dec"] / scale
    final["k"], final["theta"] = (args.k, None) if arch == "topk" else (None, calibrated(sae, stream, scale) / scale)
    return final


@torch.no_grad()
def calibrated(sae, stream, scale):
    smallest = []
    for _ in range(CALIBRATION_BATCHES):
        z, mask = sae.encode(sae.p, scale * next(stream))
        smallest.append(float(z[mask].min()))
    return statistics.mean(smallest)


# ---- judging ---------------------------------------------------------------------------------------------


def judge(sae, rows):
    """(FVU, L0) in inference form, in double."""
    p = {name: torch.as_tensor(np.asarray(sae[name], dtype=np.float64)) for name in NAMES}
    error = active = 0.0
    for first in range(0, len(rows), 8192):
        x = torch.from_numpy(rows[first : first + 8192]).double()
        z = (x - p["b_dec"]) @ p["W_enc"].T + p["b_enc"]
        mask = z > torch.as_tensor(sae["theta"]).double() if sae["theta"] is not None else largest(z, sae["k"]) & (z > 0)
        f = torch.where(mask, z, torch.zeros_like(z))
        error += float(((x - f @ p["W_dec"] - p["b_dec"]) ** 2).sum())
        active += int(mask.sum())
    centred = rows.astype(np.float64) - rows.mean(0, dtype=np.float64)
    return error / float((centred**2).sum()), active / len(rows)


def compare(args, arch, width, ours, theirs):
    """Prints and returns the record of one setting. ours, theirs: [(FVU, L0)] by seed."""
    fvu = [statistics.mean(f for f, _ in results) for results in (ours, theirs)]
    l0 = [statistics.mean(l for _, l in results) for results in (ours, theirs)]
    above = fvu[0] / fvu[1] - 1
    for name, results, mean, active in (("sae", ours, fvu[0], l0[0]), ("PyTorch", theirs, fvu[1], l0[1])):
        seeds = "  ".join(f"{f:.5f}" for f, _ in results)
        print(f"{arch:10} n = {width:<5} {name:8} FVU {mean:.5f} ({seeds})  L0 {active:.2f}")
    print(f"{arch:10} n = {width:<5} {'':8} {100 * above:+.2f} %  {'ok' if above <= LIMIT else 'FAIL'}", flush=True)
    return {"arch": arch, "n": width, "k": args.k, "sae": ours, "torch": theirs, "above": above}


def main():
    args = arguments()
    rows, held_out = usable_rows(args.acts), usable_rows(args.held_out)
    print(f"{len(rows)} rows to train on, {len(held_out)} to judge on; {args.tokens // args.batch} steps of {args.batch}, "
          f"lr {args.lr}, k = {args.k}, {args.seeds} seeds")
    records = []
    for width in args.width:
        start = time.time()
        ours = train_with_sae(args, width)
        print(f"n = {width}: sae train, {len(ours)} SAEs in {time.time() - start:.0f} s")
        for arch in args.arch:
            start = time.time()
            theirs = [train_with_torch(args, rows, arch, width, seed) for seed in range(args.seeds)]
            print(f"n = {width}: PyTorch {arch}, {args.seeds} SAEs in {time.time() - start:.0f} s")
            records.append(compare(args, arch, width, [judge(ours[arch, seed], held_out) for seed in range(args.seeds)],
                                   [judge(sae, held_out) for sae in theirs]))
    (pathlib.Path(args.out) / "fvu_vs_torch.json").write_text(json.dumps(records, indent=1) + "\n")
    failed = sum(record["above"] > LIMIT for record in records)
    print(f"{len(records) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
