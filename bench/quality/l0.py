"""Does `--l0 X` give an SAE with that L0, and is it as good as one whose sparsity was not asked for?

usage: l0.py --sae PROGRAM --acts DIR --out DIR [options]; --help lists them

For every width, X and seed `sae train` makes a batchtopk, a jumprelu and a relu SAE in one run. Checked, on rows held
out of training, with the mean over seeds of the largest deviation shown:
  L0        of jumprelu and relu within 3 % of X (each seed)
  jumprelu  FVU at most 1 % above batchtopk's frontier (FVU against L0, interpolated in logarithms at the SAE's own L0)
  relu      FVU at most 2 % above the frontier of fixed lambda, from a sweep around the lambdas that the controller ended at
Then the L0 check again on synthetic data (sparse mixtures of directions with 5 % noise).
"""

import argparse
import json
import math
import pathlib
import statistics
import sys

import program
import synthetic

L0_LIMIT, JUMP_LIMIT, RELU_LIMIT = 0.03, 0.01, 0.02
SWEEP = (0.85, 1.18)  # lambdas of the fixed frontier, times those found
SYNTHETIC_ROWS = 400_000


def arguments():
    parser = argparse.ArgumentParser(description="L0 asked for, L0 given, and at what FVU")
    parser.add_argument("--sae", required=True, help="the program")
    parser.add_argument("--acts", required=True, help="activations of the demo's model")
    parser.add_argument("--out", required=True, help="folder for the SAEs and the results")
    parser.add_argument("--width", type=int, action="append", help="latents; may be repeated (512 and 2048)")
    parser.add_argument("--l0", type=float, action="append", help="may be repeated (8, 16, 32, 64)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--only", choices=("acts", "synthetic"), help="one of the two kinds of data")
    args = parser.parse_args()
    args.width = args.width or [512, 2048]
    args.l0 = args.l0 or [8, 16, 32, 64]
    return args


def train(args, acts, out, **options):
    """The SAEs of one run: dicts with arch, n, l0 (asked), lambda, held_out."""
    settings = {"tokens": args.steps * args.batch, "batch": args.batch, "lr": args.lr, "warmup": 0.1, "decay": 0.2,
                "held-out": 0.05, **options}
    return program.train(args.sae, acts, out, **settings)["saes"]


def listed(values):
    return ",".join(f"{value:g}" for value in values)


def frontier(points):
    """A function L0 -> FVU through points (L0, FVU), linear in their logarithms, its ends extended."""
    ordered = sorted((math.log(l0), math.log(fvu)) for l0, fvu in points)

    def at(l0):
        x = math.log(l0)
        i = next((i for i in range(1, len(ordered)) if ordered[i][0] >= x), len(ordered) - 1)
        (x0, y0), (x1, y1) = ordered[i - 1], ordered[i]
        return math.exp(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
    return at


def mean_points(saes, key):
    """Mean (L0, FVU) over seeds of SAEs with the same key."""
    groups = {}
    for sae in saes:
        groups.setdefault(sae[key], []).append((sae["held_out"]["l0"], sae["held_out"]["fvu"]))
    return [tuple(statistics.mean(column) for column in zip(*points)) for points in groups.values()]


class Checks:
    def __init__(self):
        self.passed = self.failed = 0
        self.records = []

    def line(self, what, value, limit, **record):
        good = value <= limit
        self.passed += good
        self.failed += not good
        self.records.append({"what": what, "value": value, "limit": limit, **record})
        print(f"  {what:58} {100 * value:+6.2f} %  (limit {100 * limit:.0f} %)  {'ok' if good else 'FAIL'}", flush=True)


def check_l0(checks, saes, where):
    for arch in ("jumprelu", "relu"):
        for l0 in sorted({sae["l0"] for sae in saes if sae["arch"] == arch}):
            given = [sae["held_out"]["l0"] for sae in saes if sae["arch"] == arch and sae["l0"] == l0]
            worst = max(given, key=lambda value: abs(value / l0 - 1))
            fvu = statistics.mean(sae["held_out"]["fvu"] for sae in saes if sae["arch"] == arch and sae["l0"] == l0)
            checks.line(f"{where} {arch} asked {l0:g}: worst of {len(given)} {worst:.2f}", abs(worst / l0 - 1), L0_LIMIT,
                        l0=given, fvu=fvu)


def check_frontier(checks, name, points, reference, limit):
    at = frontier(reference)
    for l0, fvu in sorted(points):
        checks.line(f"{name} L0 {l0:.2f}: FVU {fvu:.5f}, frontier {at(l0):.5f}", fvu / at(l0) - 1, limit, l0=l0, fvu=fvu,
                    frontier=at(l0))


def on_activations(args, checks, width):
    out = pathlib.Path(args.out) / f"l0-{width}"
    seeds = listed(range(args.seeds))
    saes = train(args, args.acts, out, arch="batchtopk,jumprelu,relu", width=width, l0=listed(args.l0), seed=seeds)
    by_arch = {arch: [sae for sae in saes if sae["arch"] == arch] for arch in ("batchtopk", "jumprelu", "relu")}
    check_l0(checks, saes, f"n = {width}")
    check_frontier(checks, f"n = {width} jumprelu", mean_points(by_arch["jumprelu"], "l0"),
                   mean_points(by_arch["batchtopk"], "k"), JUMP_LIMIT)
    found = sorted(statistics.mean(sae["lambda"] for sae in by_arch["relu"] if sae["l0"] == l0) for l0 in args.l0)
    sweep = sorted({float(f"{ratio * value:.3g}") for value in found for ratio in SWEEP})
    fixed = train(args, args.acts, f"{out}-lambda", arch="relu", width=width, **{"lambda": listed(sweep)}, seed=seeds)
    for sae, value in zip(fixed, (value for value in sweep for _ in range(args.seeds))):
        sae["asked"] = value
    check_frontier(checks, f"n = {width} relu", mean_points(by_arch["relu"], "l0"), mean_points(fixed, "asked"), RELU_LIMIT)


def main():
    args = arguments()
    checks = Checks()
    pathlib.Path(args.out).mkdir(parents=True, exist_ok=True)
    print(f"{args.steps} steps of {args.batch}, lr {args.lr:g}, {args.seeds} seeds")
    for width in args.width if args.only != "synthetic" else ():
        on_activations(args, checks, width)
    if args.only != "acts":
        rows = pathlib.Path(args.out) / "synthetic.npy"
        if not rows.exists():
            synthetic.write(rows, SYNTHETIC_ROWS)
        saes = train(args, rows, pathlib.Path(args.out) / "l0-synthetic", arch="jumprelu,relu", width=512, l0="4,8,16",
                     seed=listed(range(args.seeds)))
        check_l0(checks, saes, "synthetic")
    (pathlib.Path(args.out) / "l0.json").write_text(json.dumps(checks.records, indent=1) + "\n")
    print(f"{checks.passed} passed, {checks.failed} failed")
    sys.exit(checks.failed > 0)


if __name__ == "__main__":
    main()
