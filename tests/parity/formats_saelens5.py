#!/usr/bin/env python3
"""SAEs saved by SAELens 5, whose cfg.json is flat, read by libsae.

    formats_saelens5.py BUILD_FOLDER

Needs sae-lens 5, which has an environment of its own. Weights are random; 1000 random
rows for each case.
"""
# requirements: requirements_saelens5.txt

import json
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
import torch  # noqa: E402
from common import Report  # noqa: E402
from sae_lens import SAE, SAEConfig  # noqa: E402
from sae_library import D, JUMPRELU, K, N, RELU, TOLERANCE, TOPK, Model, open_sae_library, random_weights  # noqa: E402


def config(**options):
    values = dict(architecture="standard", d_in=D, d_sae=N, activation_fn_str="relu", apply_b_dec_to_input=True,
                  finetuning_scaling_factor=False, context_size=64, model_name="gpt2-small", hook_name="blocks.8.hook_resid_pre",
                  hook_layer=8, hook_head_index=None, prepend_bos=False, dataset_path="Skylion007/openwebtext",
                  dataset_trust_remote_code=True, normalize_activations="none", dtype="float32", device="cpu",
                  sae_lens_training_version="5.11.0", model_from_pretrained_kwargs={"center_writing_weights": True})
    return SAEConfig(**{**values, **options})


CASES = [("standard", {}, RELU), ("standard without centring", {"apply_b_dec_to_input": False}, RELU),
         ("standard with layer_norm", {"normalize_activations": "layer_norm"}, RELU),
         ("standard, fine-tuned", {"finetuning_scaling_factor": True}, RELU),
         ("standard that is TopK", {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": K}}, TOPK),
         ("topk", {"architecture": "topk", "activation_fn_str": "topk", "activation_fn_kwargs": {"k": K}}, TOPK),
         ("jumprelu", {"architecture": "jumprelu"}, JUMPRELU), ("gated", {"architecture": "gated"}, JUMPRELU)]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lib, tally = open_sae_library(sys.argv[1]), Report()
    with tempfile.TemporaryDirectory() as name:
        for number, (case, options, arch) in enumerate(CASES):
            rng = np.random.default_rng(number)
            w = random_weights(rng, norms=True)
            theirs = SAE(config(**options))
            with torch.no_grad():
                for key, p in theirs.named_parameters():
                    value = w["W_enc"].T if key == "W_enc" else w[key] if key in w else rng.uniform(0.3, 1, p.shape)
                    p.copy_(torch.from_numpy(np.array(value, np.float32)))
            path = Path(name) / str(number)
            theirs.save_model(path)
            ours = Model.load(lib, path)
            x = ours.clear_rows(rng)
            with torch.no_grad():
                out = theirs(torch.from_numpy(x)).numpy()
            tally.close(f"SAELens 5, {case}: reconstructions", ours.run(x)[1], out, TOLERANCE)
            info = ours.info()
            tally.line(f"SAELens 5, {case}: description", (info.arch, info.k, info.acts.ctx) == (arch, K if arch == TOPK else 0, 64)
                        and info.acts.hook_name == b"blocks.8.hook_resid_pre" and info.knows_bos and not info.acts.prepend_bos
                        and info.knows_centering and info.acts.center_residual)
        scaled = Path(name) / "scaled"
        SAE(config(normalize_activations="expected_average_only_in")).save_model(scaled)
        try:
            Model.load(lib, scaled)
            tally.line("SAELens 5, a scale that is not in the file: refused", False)
        except RuntimeError as error:
            tally.line("SAELens 5, a scale that is not in the file: refused", "activation_scaler.json" in str(error))
        flat = json.loads((Path(name) / "0" / "cfg.json").read_text())
        tally.line("SAELens 5 writes a flat cfg.json", "metadata" not in flat and flat["hook_name"] == "blocks.8.hook_resid_pre")
    tally.finish()


if __name__ == "__main__":
    main()
