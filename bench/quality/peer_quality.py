"""SAEs trained by `sae train` and by dictionary_learning on the same rows in the same order: L0, FVU, cross-entropy recovered
and dead latents of both, judged by `sae eval`.

usage: peer_quality.py --sae PROGRAM --acts DIR --held-out DIR --text FILE --model DIR --out DIR [options]

The rows are shuffled once and read in file order by both. Shared by both: input scaled to E|x|^2 = 1, batch, steps, warm-up,
decay, clipping at 1, k, k_aux = d/2, alpha 1/32 with the variance normaliser, dead after 10 % of the run, b_dec from the
geometric median, unit decoder rows. Each has its own start. JumpReLU: dictionary_learning has a target for L0 and misses it;
`sae train --l0` is then asked for the L0 that came out, so that the two are compared at one sparsity.
Checked: mean FVU over seeds at most 1 % above dictionary_learning's. Then the order of the kinds at equal k.
"""

import argparse
import json
import math
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
import torch
from safetensors.numpy import load_file

# Comes along as a dependency of a dependency, of another build than torch: importing it is to fail, then nobody tries.
sys.modules["torchvision"] = None

LIMIT = 0.01
SCALE_ROWS = 100_000
ARCHS = ("topk", "batchtopk", "jumprelu")


def arguments():
    parser = argparse.ArgumentParser(description="quality beside dictionary_learning")
    parser.add_argument("--sae", required=True, help="the program")
    parser.add_argument("--acts", required=True, help="activations to train on")
    parser.add_argument("--held-out", required=True, help="activations to judge on")
    parser.add_argument("--text", required=True, help="text for cross-entropy")
    parser.add_argument("--model", required=True, help="the language model that made the activations")
    parser.add_argument("--out", required=True, help="folder for the SAEs and the results")
    parser.add_argument("--width", type=int, action="append", help="latents; may be repeated (d, 4d and 16d)")
    parser.add_argument("--arch", choices=ARCHS, action="append", help="may be repeated (all)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=750)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--k", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args()
    args.arch = args.arch or list(ARCHS)
    return args


def shuffled_rows(args):
    """Usable rows (not the first of a context) in one random order, as a file that both read."""
    path = pathlib.Path(args.out) / "shuffled.npy"
    if not path.exists():
        shards = [load_file(shard) for shard in sorted(pathlib.Path(args.acts).glob("acts-*.safetensors"))]
        rows = np.concatenate([shard["acts"][shard["positions"] != 0].astype(np.float32) for shard in shards])
        np.save(path, rows[np.random.default_rng(0).permutation(len(rows))])
    return path, np.load(path, mmap_mode="r")


def batches(rows, args, scale):
    """The run's batches, pass after pass in file order."""
    position = 0
    for _ in range(args.steps):
        index = np.arange(position, position + args.batch) % len(rows)
        position += args.batch
        yield torch.from_numpy(rows[index]) * scale


def peer_trainer(args, arch, d, width, seed):
    from dictionary_learning.trainers import BatchTopKTrainer, JumpReluTrainer, TopKTrainer

    common = {"steps": args.steps, "activation_dim": d, "dict_size": width, "layer": 0, "lm_name": "none",
              "device": "cpu", "seed": seed, "lr": args.lr, "warmup_steps": args.steps // 10,
              "decay_start": args.steps * 4 // 5}
    if arch == "jumprelu":
        torch.manual_seed(seed)
        return JumpReluTrainer(**common, target_l0=args.k, sparsity_warmup_steps=args.steps // 10)
    kind = TopKTrainer if arch == "topk" else BatchTopKTrainer
    return kind(**common, k=args.k, threshold_start_step=args.steps // 10)


def train_peer(args, arch, rows, width, seed, scale):
    """The folder of an SAE trained by dictionary_learning, in its own form, for raw activations."""
    out = pathlib.Path(args.out) / f"dl-{arch}-{width}-s{seed}"
    out.mkdir(parents=True, exist_ok=True)
    trainer = peer_trainer(args, arch, rows.shape[1], width, seed)
    trainer.dead_feature_threshold = args.steps * args.batch // 10
    for step, x in enumerate(batches(rows, args, scale)):
        trainer.update(step, x)
    trainer.ae.scale_biases(1 / scale)
    torch.save(trainer.ae.state_dict(), out / "ae.pt")
    (out / "config.json").write_text(json.dumps({"trainer": {**trainer.config, "steps": args.steps}, "buffer": {}}))
    return out


def train_ours(args, arch, path, width, seeds, l0):
    """Folders of one run of the program, by seed."""
    d = np.load(path, mmap_mode="r").shape[1]
    out = pathlib.Path(args.out) / f"sae-{arch}-{width}-{l0:.4g}"
    command = [args.sae, "train", "--json", "--quiet", "--force", "--acts", str(path), "--out", str(out)]
    settings = {"arch": arch, "width": width, "l0": f"{l0:.6g}", "lr": args.lr, "seed": ",".join(map(str, seeds)),
                "tokens": args.steps * args.batch, "batch": args.batch, "warmup": 0.1, "decay": 0.2, "clip": 1,
                "input-scale": "rms", "k-aux": d // 2, "aux-norm": "variance", "dead-tokens": args.steps * args.batch // 10,
                "b-dec-init": "median", "shuffle": "off", "held-out": 0}
    for name, value in settings.items():
        command += [f"--{name}", str(value)]
    result = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return [sae["path"] for sae in result["saes"]]


def judge(args, folders):
    """What `sae eval` says of each."""
    command = [args.sae, "eval", *map(str, folders), "--json", "--quiet", "--acts", args.held_out, "--model", args.model,
               "--text", args.text, "--split", "%%%%", "--text-tokens", "8k"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)["saes"]


def summary(name, arch, width, saes):
    mean = {key: statistics.mean(sae[key] for sae in saes) for key in ("l0", "fvu")}
    recovered = statistics.mean(sae["ce"]["recovered"] for sae in saes)
    dead = statistics.mean(sae["dead"] / sae["n"] for sae in saes)
    spread = max(sae["fvu"] for sae in saes) - min(sae["fvu"] for sae in saes)
    print(f"{arch:10} n = {width:<5} {name:20} L0 {mean['l0']:6.2f}  FVU {mean['fvu']:.5f} (spread {spread:.5f})  "
          f"CE recovered {100 * recovered:.2f} %  dead {100 * dead:.2f} %", flush=True)
    return {"tool": name, "arch": arch, "n": width, **mean, "recovered": recovered, "dead": dead, "spread": spread,
            "fvu_by_seed": [sae["fvu"] for sae in saes]}


def compare(args, arch, path, rows, width, scale):
    """Both tools on one setting: (records, how far our FVU is above)."""
    start = time.time()
    seeds = range(args.seeds)
    peers = judge(args, [train_peer(args, arch, rows, width, seed, scale) for seed in seeds])
    middle = time.time()
    if arch == "jumprelu":
        folders = [train_ours(args, arch, path, width, [seed], peer["l0"])[0] for seed, peer in zip(seeds, peers)]
    else:
        folders = train_ours(args, arch, path, width, seeds, args.k)
    records = [summary("dictionary_learning", arch, width, peers), summary("sae.c", arch, width, judge(args, folders))]
    above = records[1]["fvu"] / records[0]["fvu"] - 1
    print(f"{'':32}{100 * above:+.2f} %  {'ok' if above <= LIMIT else 'FAIL'}   "
          f"({middle - start:.0f} s and {time.time() - middle:.0f} s, with judging)", flush=True)
    return records, above


def print_order(records, width):
    ours = sorted((record for record in records if record["tool"] == "sae.c" and record["n"] == width),
                  key=lambda record: record["fvu"])
    print(f"n = {width}: best first: " + ", ".join(f"{r['arch']} {r['fvu']:.4f} at L0 {r['l0']:.2f}" for r in ours))


def main():
    args = arguments()
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    path, rows = shuffled_rows(args)
    scale = 1 / math.sqrt((rows[:SCALE_ROWS].astype(np.float64) ** 2).sum(1).mean())
    widths = args.width or [rows.shape[1] * factor for factor in (1, 4, 16)]
    print(f"{len(rows)} rows; {args.steps} steps of {args.batch}, lr {args.lr:g}, k = {args.k}, {args.seeds} seeds")
    records, failed, passed = [], 0, 0
    for width in widths:
        for arch in args.arch:
            pair, above = compare(args, arch, path, rows, width, scale)
            records += pair
            failed += above > LIMIT
            passed += above <= LIMIT
        print_order(records, width)
    (pathlib.Path(args.out) / "peer_quality.json").write_text(json.dumps(records, indent=1) + "\n")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
