"""SAEs trained by `sae train` and by dictionary_learning on the same rows in the same order: L0, FVU, cross-entropy recovered
and dead latents of both, judged by `sae eval`.

usage: peer_quality.py --sae PROGRAM --acts DIR --held-out DIR --text FILE --model DIR --out DIR [options]

The rows are shuffled once and read in file order by both. Shared by both: input scaled to E|x|^2 = 1, batch, steps, warm-up,
decay, clipping at 1, k, k_aux = d/2, alpha 1/32 with the variance normaliser, dead after 10 % of the run, b_dec from the
geometric median, unit decoder rows. On activations each has its own start; on synthetic rows, where SAEs of one tool that
differ in their start end up to 5 % apart, ours starts from dictionary_learning's weights (--init). All are compared at one sparsity: dictionary_learning's BatchTopK
gets the threshold at which it has k active latents on the training rows, since its own lags behind in short runs;
its JumpReLU has a target for L0 and misses it, and `sae train --l0` is then asked for the L0 that came out.
Checked: mean FVU over seeds at most 1 % above dictionary_learning's. Then the order of the kinds, ReLU too, at one L0. All of it
again on synthetic rows (synthetic.py), for twice as many steps, without cross-entropy. SAEs of dictionary_learning that
are in --out already, with the same settings, are not trained again.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
import program
import synthetic
import torch

# Comes along as a dependency of a dependency, of another build than torch: importing it is to fail, then nobody tries.
sys.modules["torchvision"] = None

LIMIT = 0.01
SCALE_ROWS = 100_000
SYNTHETIC_ROWS, SYNTHETIC_HELD_OUT, SYNTHETIC_WIDTHS, SYNTHETIC_K = 400_000, 40_000, (512,), synthetic.ON
SYNTHETIC_STEPS = 2  # times --steps
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
    parser.add_argument("--only", choices=("acts", "synthetic"), help="one of the two kinds of data")
    parser.add_argument("--lr", type=float, default=1e-3)
    args = parser.parse_args()
    args.arch = args.arch or list(ARCHS)
    return args


@dataclasses.dataclass
class Data:
    """Rows to train on, as a file and as an array, and what SAEs trained on them are judged by."""
    name: str
    path: pathlib.Path
    rows: np.ndarray
    held_out: str
    k: int
    widths: tuple
    text: bool  # cross-entropy too
    out: pathlib.Path
    steps: int
    shared_start: bool

    @property
    def scale(self):
        """Brings the first SCALE_ROWS rows to E|x|^2 = 1."""
        return 1 / math.sqrt((self.rows[:SCALE_ROWS].astype(np.float64) ** 2).sum(1).mean())


def model_rows(args):
    """Usable rows (not the first of a context) in one random order, as a file that both read."""
    path = pathlib.Path(args.out) / "shuffled.npy"
    if not path.exists():
        rows = program.usable_rows(args.acts)
        np.save(path, rows[np.random.default_rng(0).permutation(len(rows))])
    rows = np.load(path, mmap_mode="r")
    return Data("activations", path, rows, args.held_out, args.k, tuple(rows.shape[1] * factor for factor in (1, 4, 16)), True,
                pathlib.Path(args.out), args.steps, False)


def synthetic_rows(args):
    out = pathlib.Path(args.out) / "synthetic"
    out.mkdir(parents=True, exist_ok=True)
    path, held_out = out / "rows.npy", out / "held-out.npy"
    if not held_out.exists():
        whole = out / "whole.npy"
        synthetic.write(whole, SYNTHETIC_ROWS + SYNTHETIC_HELD_OUT)
        rows = np.load(whole, mmap_mode="r")
        np.save(path, rows[:SYNTHETIC_ROWS])
        np.save(held_out, rows[SYNTHETIC_ROWS:])
        whole.unlink()
    return Data("synthetic", path, np.load(path, mmap_mode="r"), str(held_out), SYNTHETIC_K, SYNTHETIC_WIDTHS, False, out,
                args.steps * SYNTHETIC_STEPS, True)


def batches(args, data):
    """The run's batches, pass after pass in file order."""
    position, scale = 0, data.scale
    for _ in range(data.steps):
        index = np.arange(position, position + args.batch) % len(data.rows)
        position += args.batch
        yield torch.from_numpy(data.rows[index]) * scale


def peer_trainer(args, arch, data, width, seed):
    from dictionary_learning.trainers import BatchTopKTrainer, JumpReluTrainer, TopKTrainer

    steps, k = data.steps, data.k
    common = {"steps": steps, "activation_dim": data.rows.shape[1], "dict_size": width, "layer": 0,
              "lm_name": pathlib.Path(args.model).name, "device": "cpu", "seed": seed, "lr": args.lr, "warmup_steps": steps // 10,
              "decay_start": steps * 4 // 5}
    if arch == "jumprelu":
        torch.manual_seed(seed)
        return JumpReluTrainer(**common, target_l0=k, sparsity_warmup_steps=steps // 10)
    kind = TopKTrainer if arch == "topk" else BatchTopKTrainer
    return kind(**common, k=k, threshold_start_step=steps // 10)


def config_of(args, trainer, data):
    return {"trainer": {**trainer.config, "steps": data.steps}, "buffer": {"rows": data.name, "batch": args.batch}}


def is_trained(args, trainer, data, out):
    """Whether an earlier run made the same SAE: it took minutes to an hour."""
    config = out / "config.json"
    return config.exists() and json.loads(config.read_text()) == json.loads(json.dumps(config_of(args, trainer, data)))


def save_peer(args, trainer, arch, data, out, threshold):
    """The SAE as it is, in dictionary_learning's own form, for raw activations. threshold: of batchtopk, -1 says none."""
    out.mkdir(parents=True, exist_ok=True)
    trainer.ae.scale_biases(1 / data.scale)
    state = {name: value.clone() for name, value in trainer.ae.state_dict().items()}
    if arch == "batchtopk":
        state["threshold"].fill_(threshold)
    torch.save(state, out / "ae.pt")
    trainer.ae.scale_biases(data.scale)
    (out / "config.json").write_text(json.dumps(config_of(args, trainer, data)))


def save_start(args, trainer, arch, data, out):
    """Where the first step starts: for TopK and BatchTopK that step itself puts b_dec at the geometric median of its batch."""
    from dictionary_learning.trainers.top_k import geometric_median

    if arch != "jumprelu":
        trainer.ae.b_dec.data = geometric_median(next(batches(args, data)))
    save_peer(args, trainer, arch, data, out, threshold=0)


def start_of(data, arch, width, seed):
    return data.out / f"start-{arch}-{width}-s{seed}"


def train_peer(args, arch, data, width, seed):
    """The folder of an SAE trained by dictionary_learning, in its own form, for raw activations."""
    out = data.out / f"dl-{arch}-{width}-s{seed}"
    trainer = peer_trainer(args, arch, data, width, seed)
    trainer.dead_feature_threshold = data.steps * args.batch // 10
    if not is_trained(args, trainer, data, out):
        if data.shared_start:
            save_start(args, trainer, arch, data, start_of(data, arch, width, seed))
        for step, x in enumerate(batches(args, data)):
            trainer.update(step, x)
        save_peer(args, trainer, arch, data, out, threshold=-1)
    if arch != "batchtopk":
        return out
    with_threshold = f"{out}-theta"
    subprocess.run([args.sae, "convert", str(out), with_threshold, "--acts", str(data.path), "--force", "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    return with_threshold


def train_ours(args, arch, data, width, seeds, l0, start=None):
    """Folders of one run of the program, by seed; from the weights of the SAE `start`."""
    d = data.rows.shape[1]
    out = data.out / f"sae-{arch}-{width}-{l0:.4g}{'' if start is None else f'-{start.name}'}"
    settings = {"arch": arch, "width": width, "l0": f"{l0:.6g}", "lr": args.lr, "seed": ",".join(map(str, seeds)),
                "tokens": data.steps * args.batch, "batch": args.batch, "warmup": 0.1, "decay": 0.2, "clip": 1,
                "input-scale": "rms", "k-aux": d // 2, "aux-norm": "variance", "dead-tokens": data.steps * args.batch // 10,
                "shuffle": "off", "held-out": 0, **({"b-dec-init": "median"} if start is None else {"init": start})}
    return [sae["path"] for sae in program.train(args.sae, data.path, out, **settings)["saes"]]


def judge(args, data, folders):
    """What `sae eval` says of each."""
    command = [args.sae, "eval", *map(str, folders), "--json", "--quiet", "--acts", data.held_out]
    if data.text:
        command += ["--model", args.model, "--text", args.text, "--split", "%%%%", "--text-tokens", "8k"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)["saes"]


def summary(name, arch, data, width, saes):
    mean = {key: statistics.mean(sae[key] for sae in saes) for key in ("l0", "fvu")}
    recovered = statistics.mean(sae["ce"]["recovered"] for sae in saes) if data.text else None
    dead = statistics.mean(sae["dead"] / sae["n"] for sae in saes)
    spread = max(sae["fvu"] for sae in saes) - min(sae["fvu"] for sae in saes)
    print(f"{data.name:11} {arch:10} n = {width:<5} {name:20} L0 {mean['l0']:6.2f}  FVU {mean['fvu']:.5f} (spread {spread:.5f})  "
          + (f"CE recovered {100 * recovered:.2f} %  " if data.text else "") + f"dead {100 * dead:.2f} %", flush=True)
    return {"data": data.name, "tool": name, "arch": arch, "n": width, **mean, "recovered": recovered, "dead": dead,
            "spread": spread, "fvu_by_seed": [sae["fvu"] for sae in saes]}


def compare(args, arch, data, width):
    """Both tools on one setting: (records, how far our FVU is above)."""
    start = time.time()
    seeds = range(args.seeds)
    peers = judge(args, data, [train_peer(args, arch, data, width, seed) for seed in seeds])
    middle = time.time()
    if arch == "jumprelu" or data.shared_start:
        folders = [train_ours(args, arch, data, width, [seed], peer["l0"] if arch == "jumprelu" else data.k,
                              start_of(data, arch, width, seed) if data.shared_start else None)[0]
                   for seed, peer in zip(seeds, peers)]
    else:
        folders = train_ours(args, arch, data, width, seeds, data.k)
    records = [summary("dictionary_learning", arch, data, width, peers),
               summary("sae.c", arch, data, width, judge(args, data, folders))]
    above = records[1]["fvu"] / records[0]["fvu"] - 1
    print(f"{'':44}{100 * above:+.2f} %  {'ok' if above <= LIMIT else 'FAIL'}   "
          f"({middle - start:.0f} s and {time.time() - middle:.0f} s, with judging)", flush=True)
    return records, above


def order_of_kinds(args, data, width, records):
    """Records of the kinds that dictionary_learning's own L0 decided above, or that it was not asked for, now all at L0 = k; prints
    the order."""
    ours = [r for r in records if (r["data"], r["tool"], r["n"]) == (data.name, "sae.c", width) and r["arch"] != "jumprelu"]
    more = [summary("sae.c at L0 k", arch, data, width, judge(args, data, train_ours(args, arch, data, width, range(args.seeds), data.k)))
            for arch in ("jumprelu", "relu")]
    ordered = sorted(ours + more, key=lambda r: r["fvu"])
    print(f"{data.name}, n = {width}, best first: "
          + ", ".join(f"{r['arch']} {r['fvu']:.4f} at L0 {r['l0']:.2f} (spread {r['spread']:.4f})" for r in ordered), flush=True)
    return more


def main():
    args = arguments()
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    print(f"{args.steps} steps of {args.batch}, lr {args.lr:g}, {args.seeds} seeds")
    makers = {"acts": model_rows, "synthetic": synthetic_rows}
    records, failed, passed = [], 0, 0
    for make in (makers[args.only],) if args.only else makers.values():
        data = make(args)
        print(f"{data.name}: {len(data.rows)} rows, k = {data.k}")
        for width in args.width or data.widths:
            for arch in args.arch:
                pair, above = compare(args, arch, data, width)
                records += pair
                failed += above > LIMIT
                passed += above <= LIMIT
            records += order_of_kinds(args, data, width, records)
    (pathlib.Path(args.out) / "peer_quality.json").write_text(json.dumps(records, indent=1) + "\n")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
