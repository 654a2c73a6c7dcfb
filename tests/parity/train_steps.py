"""Training steps of libsae against PyTorch in float64: the gradients of one step and the parameters after fifty,
at a size where every kernel works on several tiles, with dead latents, both auxiliary norms and clipping.
Also: the committed golden data is what its script makes.

usage: train_steps.py BUILD
"""

import pathlib
import subprocess
import sys

import numpy as np
import torch

from common import Report
from reference_sae import NAMES, Config, Reference, row_gaps, smallest_gap
from train_library import Trainer

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "make_train_golden.py"
ROWS, D, N, DEAD, STEPS = 128, 64, 1024, 150, 50
PREFIXES = (64, 200, 512, N)
# Below this the two precisions may choose different latents, and then nothing is comparable.
MIN_GAP = 1e-4
GRADIENT_LIMIT, PARAMETER_LIMIT, METRIC_LIMIT = 1e-5, 1e-4, 1e-5


def config(arch, norm, clip):
    return Config(arch=arch, prefixes=PREFIXES if arch == "matryoshka" else (), k=16, k_aux=32, aux_norm=norm, dead_tokens=10 * ROWS, lr=2e-3, clip=clip,
                  total_steps=STEPS, warmup_steps=5, decay_steps=10)


def unit(a):
    return a / np.linalg.norm(a, axis=1, keepdims=True)


def problem(rng):
    """Directions that the rows are mixed from, parameters, and counters: DEAD latents start dead."""
    directions = unit(rng.standard_normal((2 * D, D)))
    W_dec = unit(rng.standard_normal((N, D)))
    dead = rng.permutation(N)[:DEAD]
    b_enc = 0.05 * rng.standard_normal(N)
    b_enc[dead] -= 0.5
    counters = ROWS * rng.integers(0, 10, N)
    counters[dead] = 20 * ROWS
    start = {"W_enc": W_dec + 0.05 * rng.standard_normal((N, D)), "b_enc": b_enc, "W_dec": W_dec,
             "b_dec": 0.1 * rng.standard_normal(D)}
    return directions, {name: value.astype(np.float32) for name, value in start.items()}, counters


def draw(rng, directions, rows):
    on = rng.random((rows, len(directions))) < 0.1
    x = (on * rng.uniform(0.5, 2.0, on.shape)) @ directions + 0.05 * rng.standard_normal((rows, D))
    return x.astype(np.float32)


def batch_with_gap(rng, directions, sae):
    """A batch on which every choice is clear in float32: of twice as many rows those with clear cuts of
    their own, drawn again until the cut through the whole batch is clear too."""
    while True:
        x = draw(rng, directions, 2 * ROWS)
        z, _ = sae.encode(sae.p, torch.tensor(x).double())
        x = x[(row_gaps(sae, z) >= 1.01 * MIN_GAP).numpy()][:ROWS]
        if len(x) == ROWS and smallest_gap(sae, torch.tensor(x).double()) >= MIN_GAP:
            return x


def trainer_for(build, cfg, start, counters):
    trainer = Trainer(build, D, ROWS, STEPS, arch=cfg.arch, width=N, k=cfg.k, lr=cfg.lr, k_aux=cfg.k_aux,
                      aux_alpha=cfg.aux_alpha, aux_norm=cfg.aux_norm, dead_tokens=cfg.dead_tokens,
                      clip=cfg.clip or "off", prefixes=",".join(map(str, PREFIXES)), warmup=cfg.warmup_steps / STEPS, decay=cfg.decay_steps / STEPS)
    trainer.set(**start, tokens_since_fired=counters)
    return trainer


def applied_gradients(sae, grads):
    """What Adam is given: W_dec's gradient projected, then clipped."""
    w = sae.p["W_dec"]
    grads = {**grads, "W_dec": grads["W_dec"] - (grads["W_dec"] * w).sum(1, keepdim=True) * w}
    norm = float(torch.sqrt(sum((g * g).sum() for g in grads.values())))
    scale = min(1.0, sae.config.clip / norm) if sae.config.clip else 1.0
    return {name: g * scale for name, g in grads.items()}, scale


def compare(report, build, cfg):
    rng = np.random.default_rng(7)
    directions, start, counters = problem(rng)
    sae, trainer = Reference(start, cfg, counters), trainer_for(build, cfg, start, counters)
    label, worst, scales = f"{cfg.arch}, aux norm {cfg.aux_norm}, clip {cfg.clip or 'off'}", {}, []
    for t in range(STEPS):
        x = batch_with_gap(rng, directions, sae)
        rows = torch.tensor(x).double()
        expected, scale = applied_gradients(sae, sae.gradients(rows)[1])
        scales.append(scale)
        reference, ours = sae.step(rows), trainer.step(x)
        if t == 0:
            assert reference["aux"] > 0
            for name in NAMES:
                gradient = trainer.array("m_" + name) / (1 - np.float32(cfg.beta1))
                report.near(f"{label}: gradient of {name}", gradient, expected[name], GRADIENT_LIMIT)
        wanted = {name: float(reference[name].detach()) for name in ("loss", "mse", "aux")}
        wanted["lr"] = sae.learning_rate(t + 1)
        if cfg.arch != "topk":
            wanted["theta"] = sae.theta()
        for name, value in wanted.items():
            worst[name] = max(worst.get(name, 0), abs(getattr(ours, name) - value) / value if value else 0)
    for name in NAMES:
        moved = sae.p[name].numpy() - start[name].astype(np.float64)
        report.near(f"{label}: {name} after {STEPS} steps, less its start", trainer.array(name) - start[name].astype(np.float64),
                    moved, PARAMETER_LIMIT)
    for name, error in worst.items():
        report.line(f"{label}: {name} of every step", error <= METRIC_LIMIT, f"relative error {error:.1e}")
    report.line(f"{label}: dead counters", np.array_equal(trainer.array("tokens_since_fired"), sae.counters.numpy()))
    if cfg.clip:
        report.line(f"{label}: some steps clip, some do not", min(scales) < 1 and max(scales) == 1)
    trainer.close()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)  # products this small gain nothing from more
    report = Report()
    golden = subprocess.run([sys.executable, GOLDEN, "--check"], capture_output=True, text=True)
    report.line("golden data is reproducible", golden.returncode == 0, golden.stderr.strip())
    for arch, clip_at in (("topk", 12.0), ("batchtopk", 12.0), ("matryoshka", 5.0)):  # some steps clip, some do not
        for norm, clip in (("none", 0.0), ("variance", clip_at)):
            compare(report, sys.argv[1], config(arch, norm, clip))
    report.finish()


if __name__ == "__main__":
    main()
