#!/usr/bin/env python3
"""SAEs of EleutherAI's sparsify, saved by it, read by libsae; ours, loaded by it.

    formats_sparsify.py BUILD_FOLDER

Needs eai-sparsify and torch. Weights are random; 1000 random rows for each case.
"""
# requirements: ../../bench/peers/requirements.txt

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

sys.modules["triton"] = sys.modules["torchvision"] = None  # without triton it takes its path for the CPU
warnings.filterwarnings("ignore")
import torch  # noqa: E402
from common import Report  # noqa: E402
from sae_library import D, K, N, TOLERANCE, TOPK, Info, Model, open_sae_library, random_weights  # noqa: E402
from sparsify import SparseCoder, SparseCoderConfig  # noqa: E402


def theirs_to_ours(tally, lib, folder):
    cases = [("num_latents", dict(num_latents=N), torch.float32), ("expansion_factor", dict(expansion_factor=N // D), torch.float32),
             ("bfloat16", dict(num_latents=N, normalize_decoder=False), torch.bfloat16)]
    for number, (name, options, dtype) in enumerate(cases):
        rng = np.random.default_rng(number)
        w = random_weights(rng, norms=True)
        theirs = SparseCoder(D, SparseCoderConfig(k=K, **options), dtype=dtype)
        with torch.no_grad():
            for p, key in ((theirs.encoder.weight, "W_enc"), (theirs.encoder.bias, "b_enc"), (theirs.W_dec, "W_dec"), (theirs.b_dec, "b_dec")):
                p.copy_(torch.from_numpy(w[key]))
        path = folder / "run" / f"layers.{number}"
        theirs.save_to_disk(path)
        ours = Model.load(lib, path)
        x = ours.clear_rows(rng)
        with torch.no_grad():
            out = SparseCoder.load_from_disk(path).float()(torch.from_numpy(x)).sae_out.numpy()
        tally.close(f"sparsify to ours, {name}: reconstructions", ours.run(x)[1], out, TOLERANCE)
        info = ours.info()
        tally.line(f"sparsify to ours, {name}: description", (info.d, info.n, info.k, info.arch) == (D, N, K, TOPK)
                    and info.acts.hook_name == f"blocks.{number}.hook_resid_post".encode())


def ours_to_theirs(tally, lib, folder):
    for number, centred in enumerate((True, False)):
        rng = np.random.default_rng(10 + number)
        w = random_weights(rng)
        del w["threshold"]
        ours = Model.create(lib, Info(d=D, n=N, rule=0, k=K, arch=TOPK, subtract_b_dec=centred), w)
        path = folder / f"ours-{number}"
        ours.save_as("sparsify", path)
        theirs = SparseCoder.load_from_disk(path)
        x = ours.clear_rows(rng)
        with torch.no_grad():
            out = theirs(torch.from_numpy(x)).sae_out.numpy()
        name = "" if centred else " without centring"
        tally.close(f"ours to sparsify, topk{name}: reconstructions", ours.run(x)[1], out, TOLERANCE)
        tally.line(f"ours to sparsify, topk{name}: configuration", theirs.cfg.k == K and theirs.num_latents == N and theirs.cfg.normalize_decoder)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lib, tally = open_sae_library(sys.argv[1]), Report()
    with tempfile.TemporaryDirectory() as name:
        theirs_to_ours(tally, lib, Path(name))
        ours_to_theirs(tally, lib, Path(name))
    tally.finish()


if __name__ == "__main__":
    main()
