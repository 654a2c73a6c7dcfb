"""Is the learning rate of `--lr auto` a good one, for short runs and longer ones, narrow SAEs and wide ones, every kind?

usage: lr.py --sae PROGRAM --acts DIR --layers DIR --out DIR [options]; --help lists them

For every case one run of `sae train` with auto and a sweep of fixed rates, on the same rows; FVU and dead latents on rows held
out of training. Checked: auto's FVU is at most 12 % above that of the best rate of the sweep that leaves no more latents dead, and
auto leaves at most 8 % dead (latents that never fired on the rows held out, rare ones among them).
"""

import argparse
import pathlib
import sys

import numpy as np
import program

FVU_LIMIT, DEAD_LIMIT = 0.12, 0.08
SWEEP = (5e-4, 1e-3, 2e-3, 4e-3, 8e-3)
# rows, kind, latents, L0, tokens, batch
CASES = (
    [("acts", "batchtopk", 512, 8, tokens, 4096) for tokens in (250_000, 1_000_000, 4_000_000)]
    + [("acts", "batchtopk", 2048, 16, tokens, 1024) for tokens in (250_000, 1_000_000, 4_000_000)]
    + [("acts", "batchtopk", 4096, 32, tokens, 4096) for tokens in (250_000, 1_000_000, 4_000_000, 16_000_000)]
    + [("acts", "batchtopk", 16384, 32, tokens, 4096) for tokens in (1_000_000, 4_000_000)]
    + [("layers", "batchtopk", 1024, 16, tokens, 4096) for tokens in (1_000_000, 4_000_000)]
    + [("layers", "batchtopk", 4096, 32, 1_000_000, 4096), ("layers", "batchtopk", 12288, 32, 1_000_000, 4096)]
    + [("acts", kind, 2048, 16, 1_000_000, 4096) for kind in ("topk", "matryoshka", "jumprelu", "relu")])


def arguments():
    parser = argparse.ArgumentParser(description="--lr auto beside fixed rates")
    parser.add_argument("--sae", required=True, help="the program")
    parser.add_argument("--acts", required=True, help="activations of the demo's model")
    parser.add_argument("--layers", required=True, help="folder with activations of several layers, side by side one case")
    parser.add_argument("--out", required=True, help="folder for the SAEs and the results")
    parser.add_argument("--case", type=int, action="append", help="number of a case; may be repeated (all)")
    return parser.parse_args()


def join_layers(folder, out):
    """Rows of all harvests in `folder` side by side, each of them scaled to a mean square of 1; first positions left out."""
    sides = []
    for harvest in sorted(path for path in folder.iterdir() if path.is_dir()):
        x = program.usable_rows(harvest)
        sides.append(x / np.sqrt(np.mean(x.astype(np.float64) ** 2)).astype(np.float32))
    np.save(out, np.concatenate(sides, 1))


def train(args, rows, out, case):
    _, kind, width, l0, tokens, batch = case
    rates = ",".join(["auto", *(f"{rate:g}" for rate in SWEEP)])
    return program.train(args.sae, rows, out, arch=kind, width=width, l0=l0, tokens=tokens, batch=batch, lr=rates)


def show(case, run, failed):
    rows, kind, width, l0, _, batch = case
    auto, *sweep = run["saes"]
    cells = [f"{sae['held_out']['fvu']:.4f} ({sae['held_out']['dead']:,})" for sae in run["saes"]]
    print(f"| {rows} | {kind} | {width:,}, {l0} | {run['steps']:,} × {batch:,} | {auto['lr']:.2g} | " + " | ".join(cells) + " |",
          flush=True)
    for sae in run["saes"]:
        if abs(sae["held_out"]["l0"] / l0 - 1) > 0.1:
            print(f"  lr {sae['lr']:g}: L0 {sae['held_out']['l0']:.1f}")
    no_more_dead = [sae["held_out"]["fvu"] for sae in sweep if sae["held_out"]["dead"] <= auto["held_out"]["dead"]]
    if no_more_dead and auto["held_out"]["fvu"] > (1 + FVU_LIMIT) * min(no_more_dead):
        failed.append(f"{case}: FVU {auto['held_out']['fvu']:.4f}, {min(no_more_dead):.4f} at another rate")
    if auto["held_out"]["dead"] > DEAD_LIMIT * width:
        failed.append(f"{case}: {auto['held_out']['dead']} dead")


def main():
    args = arguments()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    layers = out / "layers.npy"
    if not layers.exists():
        join_layers(pathlib.Path(args.layers), layers)
    failed, chosen = [], args.case or range(len(CASES))
    print("| rows | kind | latents, L0 | steps | auto | FVU (dead): auto | " + " | ".join(f"{rate:g}" for rate in SWEEP) + " |")
    print("|" + "---|" * (6 + len(SWEEP)))
    for number in chosen:
        rows = layers if CASES[number][0] == "layers" else args.acts
        show(CASES[number], train(args, rows, out / "lr", CASES[number]), failed)
    for what in failed:
        print(f"FAIL {what}")
    print(f"{len(list(chosen)) - len({what.split(':')[0] for what in failed})} passed, {len(failed)} failed")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
