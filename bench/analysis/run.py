#!/usr/bin/env python3
"""What comparing experiments cost at sizes of GPT-2 small: `sae stitch` and `sae meta` on made-up SAEs of d = 768.

    run.py BUILD [stitch-small] [stitch-large] [meta]      all of them, or those named; needs NumPy

Decoder rows are random unit directions, the small SAE's near half of the large one's; rows of activations are sums of them, and thresholds give an
L0 of 32. The rows of the meta-SAE are sums of four of 6,000 parts and noise. Everything is made in BUILD/analysis. Prints one line
per run: seconds of the processor (all cores together), of the clock, and the largest memory.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

DIM, L0 = 768, 32


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def save(path, rows, threshold):
    """An SAE in the form of Gemma Scope's params.npz, encoder equal to decoder."""
    path.mkdir(parents=True, exist_ok=True)
    n = len(rows)
    np.savez(path / "params.npz", W_enc=np.ascontiguousarray(rows.T), W_dec=rows, b_enc=np.zeros(n, np.float32),
             b_dec=np.zeros(DIM, np.float32), threshold=np.full(n, threshold, np.float32))


def threshold_for(rows, x):
    z = x[:500] @ rows.T
    at = z.size - 500 * L0
    return float(np.partition(z.ravel(), at)[at])


def stitch(folder, small, large, tokens):
    rng = np.random.default_rng(small)
    rows = unit(rng.standard_normal((large, DIM), dtype=np.float32))
    near = unit(rows[:small] + 0.6 / np.sqrt(DIM) * rng.standard_normal((small, DIM), dtype=np.float32))
    x = np.zeros((tokens, DIM), np.float32)
    for _ in range(24):
        x += rows[rng.integers(0, large, tokens)] * rng.uniform(0.5, 1.5, (tokens, 1)).astype(np.float32)
    save(folder / "small", near, threshold_for(near, x))
    save(folder / "large", rows, threshold_for(rows, x))
    np.save(folder / "x.npy", x)
    return ["stitch", folder / "small", folder / "large", "--acts", folder / "x.npy", "--every", "100"]


def meta(folder, latents, parts, width):
    rng = np.random.default_rng(latents)
    directions = unit(rng.standard_normal((parts, DIM), dtype=np.float32))
    rows = 0.9 / np.sqrt(DIM) * rng.standard_normal((latents, DIM), dtype=np.float32)
    for _ in range(4):
        rows += rng.uniform(0.3, 1, (latents, 1)).astype(np.float32) * directions[rng.integers(0, parts, latents)]
    save(folder / "sae", unit(rows), 1)
    return ["meta", folder / "sae", "--width", str(width), "--out", folder / "meta", "--force"]


RUNS = {
    "stitch-small": ("sae stitch 768 → 1536, 100,000 tokens", lambda folder: stitch(folder, 768, 1536, 100_000)),
    "stitch-large": ("sae stitch 24576 → 49152, 10,000 tokens", lambda folder: stitch(folder, 24576, 49152, 10_000)),
    "meta": ("sae meta of 49152 latents, width 2304", lambda folder: meta(folder, 49152, 6000, 2304)),
}


def measure(command):
    """Runs it; seconds of the processor and of the clock, and bytes."""
    began = time.monotonic()
    child = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{command[1]} failed")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, 1024 * usage.ru_maxrss


def prepare(name, folder):
    """Makes the data in a process of its own: a program's largest memory counts that of the one that starts it."""
    made = subprocess.run([sys.executable, __file__, "--make", name, folder], check=True, capture_output=True, text=True)
    return made.stdout.splitlines()


def main():
    if sys.argv[1] == "--make":
        print(*RUNS[sys.argv[2]][1](Path(sys.argv[3])), sep="\n")
        return
    build, wanted = Path(sys.argv[1]), sys.argv[2:] or list(RUNS)
    unknown = [name for name in wanted if name not in RUNS]
    if unknown:
        sys.exit(f"no run is called {unknown[0]}; there are {', '.join(RUNS)}")
    print("| run | processor s | clock s | memory |\n|---|---|---|---|", flush=True)
    for name in wanted:
        command = prepare(name, build / "analysis" / name)
        processor, clock, memory = measure([build / "sae", *command])
        print(f"| {RUNS[name][0]} | {processor:.1f} | {clock:.0f} | {memory / 1e9:.2f} GB |", flush=True)


if __name__ == "__main__":
    main()
