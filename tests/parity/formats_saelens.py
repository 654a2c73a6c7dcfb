#!/usr/bin/env python3
"""Checkpoints of SAELens 6 in training, with weights and scale as its trainer saves them, and gated SAEs: read by libsae
with the reconstructions of the inference form that SAELens itself makes of them. (sae_saelens.py has the rest.)

    formats_saelens.py BUILD_FOLDER

Needs sae-lens and torch. Weights are random; 1000 random rows for each case.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
import torch  # noqa: E402
from common import Report  # noqa: E402
from sae_lens import SAE  # noqa: E402
from sae_lens.saes import batchtopk_sae, gated_sae, jumprelu_sae, matryoshka_batchtopk_sae, standard_sae, topk_sae  # noqa: E402
from sae_lens.training.activation_scaler import ActivationScaler  # noqa: E402
from sae_library import (  # noqa: E402
    BATCHTOPK, D, JUMPRELU, K, MATRYOSHKA, N, RELU, TOLERANCE, TOPK, Model, open_sae_library, random_weights,
)

SCALE = 0.37


def cases():
    rescale = {"rescale_acts_by_decoder_norm": True}
    yield "standard", standard_sae.StandardTrainingSAE, standard_sae.StandardTrainingSAEConfig, {}, RELU
    yield "topk", topk_sae.TopKTrainingSAE, topk_sae.TopKTrainingSAEConfig, {"k": K, "rescale_acts_by_decoder_norm": False}, TOPK
    yield "topk by norms", topk_sae.TopKTrainingSAE, topk_sae.TopKTrainingSAEConfig, {"k": K, **rescale}, TOPK
    yield "jumprelu", jumprelu_sae.JumpReLUTrainingSAE, jumprelu_sae.JumpReLUTrainingSAEConfig, {}, JUMPRELU
    yield "gated", gated_sae.GatedTrainingSAE, gated_sae.GatedTrainingSAEConfig, {}, JUMPRELU
    yield "batchtopk", batchtopk_sae.BatchTopKTrainingSAE, batchtopk_sae.BatchTopKTrainingSAEConfig, {"k": K, "rescale_acts_by_decoder_norm": False}, BATCHTOPK
    yield "batchtopk by norms", batchtopk_sae.BatchTopKTrainingSAE, batchtopk_sae.BatchTopKTrainingSAEConfig, {"k": K, **rescale}, BATCHTOPK
    matryoshka = matryoshka_batchtopk_sae
    yield ("matryoshka", matryoshka.MatryoshkaBatchTopKTrainingSAE, matryoshka.MatryoshkaBatchTopKTrainingSAEConfig,
           {"k": K, "matryoshka_widths": [N // 4, N // 2, N], **rescale}, MATRYOSHKA)


def randomise(sae, rng):
    w = random_weights(rng, norms=True)
    with torch.no_grad():
        for name, p in sae.named_parameters():
            value = w["W_enc"].T if name == "W_enc" else w[name] if name in w else 0.3 * rng.standard_normal(p.shape)
            p.copy_(torch.from_numpy(np.array(value, np.float32)))
        if hasattr(sae, "topk_threshold"):
            sae.topk_threshold.fill_(1.3)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lib, tally = open_sae_library(sys.argv[1]), Report()
    with tempfile.TemporaryDirectory() as name:
        for number, (case, sae_class, config_class, options, arch) in enumerate(cases()):
            for norm in ("none", "expected_average_only_in"):
                rng = np.random.default_rng(number)
                theirs = sae_class(config_class(d_in=D, d_sae=N, normalize_activations=norm, **options))
                randomise(theirs, rng)
                path = Path(name) / f"{number}-{norm}"
                theirs.save_model(path)
                scale = SCALE if norm != "none" else None
                ActivationScaler(scaling_factor=scale).save(str(path / "activation_scaler.json"))
                if scale:
                    theirs.fold_activation_norm_scaling_factor(scale)
                theirs.save_inference_model(path / "inference")
                inference = SAE.load_from_disk(path / "inference")
                ours = Model.load(lib, path)
                x = ours.clear_rows(rng)
                with torch.no_grad():
                    f = inference.encode(torch.from_numpy(x))
                    out = inference.decode(f).numpy()
                acts, mine = ours.run(x)
                label = f"SAELens checkpoint, {case}, scale {scale}"
                tally.close(f"{label}: reconstructions", mine, out, TOLERANCE)
                tally.line(f"{label}: the same latents fire", np.array_equal(acts > 0, f.numpy() > 0), f"L0 {(acts > 0).sum(1).mean():.1f}")
                tally.line(f"{label}: description", ours.info().arch == arch and ours.info().k == options.get("k", 0))
                tally.close(f"{label}: its inference form", Model.load(lib, path / "inference").run(x)[1], out, TOLERANCE)
    tally.finish()


if __name__ == "__main__":
    main()
