#!/usr/bin/env python3
"""What `sae dash export --format delphi` writes, read by delphi's own LatentDataset: the firings of every latent with
their places, the tokens, and the examples that it makes of them, against what `sae encode` says.

# requirements: requirements_delphi.txt

    delphi_parity.py BUILD
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from delphi.config import ConstructorConfig, SamplerConfig
from delphi.latents.loader import LatentDataset
from safetensors.numpy import load_file
from transformers import PreTrainedTokenizerFast

from common import Report

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "demo/model"
WIDTH, CTX, LEAST = 96, 128, 40


def make(build, tmp):
    def run(*words):
        subprocess.run([build / "sae", *map(str, words)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp)

    (tmp / "text.txt").write_bytes(b"\n".join(p.read_bytes() for p in sorted((ROOT / "docs").glob("*.md"))))
    run("harvest", "--model", MODEL, "--layer", 4, "--text", "text.txt", "--max-tokens", "12k", "--ctx", CTX, "--out", "acts")
    run("train", "--acts", "acts", "--batch", 256, "--width", WIDTH, "--k", 5, "--tokens", "40k", "--out", "sae")
    run("encode", "sae", "--acts", "acts", "--out", "codes.safetensors")
    run("dash", "sae", "--acts", "acts", "--model", MODEL, "--ce-tokens", 0, "--out", "sae.db")
    run("dash", "export", "sae.db", "--format", "delphi", "--acts", "acts", "--splits", 3, "--out", "latents")


def expected(tmp):
    """The whole text [contexts, CTX], and {latent: (contexts, positions, activations)}, by place."""
    tokens = np.concatenate([load_file(f)["tokens"] for f in sorted((tmp / "acts").glob("*.safetensors"))]).reshape(-1, CTX)
    codes = load_file(tmp / "codes.safetensors")
    rows = np.repeat(np.arange(len(codes["positions"])), np.diff(codes["row_offsets"]))
    context = np.cumsum(codes["positions"] == 1) - 1  # first positions are left out
    firings = {}
    for latent in np.unique(codes["latents"]):
        at = codes["latents"] == latent
        firings[int(latent)] = (context[rows[at]], codes["positions"][rows[at]], codes["values"][at])
    return tokens, firings


def same_firings(data, wanted):
    context, position, values = wanted
    places = data.activation_data.locations.numpy()
    order = np.lexsort((places[:, 1], places[:, 0]))
    found = data.activation_data.activations.float().numpy()[order]
    return (np.array_equal(places[order, 0], context) and np.array_equal(places[order, 1], position)
            and np.array_equal(found, values.astype(np.float16).astype(np.float32)))


def main():
    r = Report()
    build = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        make(build, tmp)
        tokens, firings = expected(tmp)
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(MODEL / "tokenizer.json"))
        constructor = ConstructorConfig(min_examples=LEAST, example_ctx_len=32, n_non_activating=5)
        dataset = LatentDataset(tmp / "latents", SamplerConfig(n_examples_train=10, n_examples_test=10, n_quantiles=5), constructor, tokenizer)
        r.line("files of latents", len(dataset) == 3, f"{len(dataset)} buffers of {dataset.modules}")
        r.line("the whole text", np.array_equal(dataset.tokens.numpy(), tokens), f"{tuple(dataset.tokens.shape)}")
        found = [data for buffer in dataset.buffers for data in buffer]
        r.line("latents that fire", sorted(d.latent.latent_index for d in found) == sorted(firings), f"{len(found)} of {WIDTH}")
        good = sum(same_firings(d, firings[d.latent.latent_index]) for d in found)
        r.line("every firing with its place, to f16", good == len(found), f"{good} of {len(found)} latents, {sum(len(f[2]) for f in firings.values())} firings")
        records = {record.latent.latent_index: record for record in dataset}
        # delphi takes latents with enough windows of 32 tokens in which they fire
        r.line("records to explain", len(records) > 10, f"{len(records)} latents with {LEAST} texts or more")
        tops = [abs(rec.max_activation - float(firings[i][2].max())) <= 1e-3 * float(firings[i][2].max()) for i, rec in records.items()]
        r.line("the strongest example of each has its maximum", all(tops), f"{sum(tops)} of {len(tops)}")
        shares = [rec.per_token_frequency == len(firings[i][2]) / tokens.size for i, rec in records.items()]
        r.line("how often each fires", all(shares), f"{sum(shares)} of {len(shares)}")
        sampled = [len(rec.train) > 0 and len(rec.test) > 0 and len(rec.not_active) == 5 for rec in records.values()]
        r.line("examples for explaining and scoring", all(sampled), f"{sum(sampled)} of {len(sampled)}")
        chosen = torch.tensor(sorted(firings)[::7])
        module = dataset.modules[0]
        few = LatentDataset(tmp / "latents", SamplerConfig(), constructor, tokenizer, modules=[module], latents={module: chosen})
        picked = sorted(d.latent.latent_index for buffer in few.buffers for d in buffer)
        r.line("chosen latents are found by their files' names", picked == chosen.tolist(), f"{len(picked)} latents")
        config = json.loads((tmp / "latents" / module / "config.json").read_text())
        r.line("config.json", config["ctx_len"] == CTX, str(config))
    r.finish()


if __name__ == "__main__":
    main()
