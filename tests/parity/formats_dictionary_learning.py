#!/usr/bin/env python3
"""SAEs of dictionary_learning, as its trainers make and describe them, read by libsae; ours, loaded by it.

    formats_dictionary_learning.py BUILD_FOLDER

Needs dictionary-learning and torch. Weights are random; 1000 random rows for each class.
"""
# requirements: ../../bench/peers/requirements.txt

import json
import sys
import tempfile
import types
import warnings
from pathlib import Path

import numpy as np

sys.modules["triton"] = sys.modules["torchvision"] = None  # imported on the side, and not always importable
warnings.filterwarnings("ignore")
import torch  # noqa: E402
from common import Report  # noqa: E402
from dictionary_learning import trainers  # noqa: E402
from dictionary_learning.dictionary import AutoEncoderNew  # noqa: E402
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.standard import StandardTrainerAprilUpdate  # noqa: E402
from dictionary_learning.utils import load_dictionary  # noqa: E402
from sae_library import (  # noqa: E402
    BATCHTOPK, D, JUMPRELU, K, MATRYOSHKA, N, RELU, TOLERANCE, TOPK, Info, Model, open_sae_library, random_weights,
)


def randomise(ae, rng):
    """Parameters of the size that trained ones have; the decoder's directions near the encoder's."""
    w = random_weights(rng, norms=True)
    with torch.no_grad():
        for name, p in ae.named_parameters():
            if name in ("encoder.weight", "W_dec"):
                value = w["W_enc"] if name == "encoder.weight" else w["W_dec"]
            elif name in ("decoder.weight", "W_enc"):
                value = (w["W_dec"] if name == "decoder.weight" else w["W_enc"]).T
            elif name == "threshold":
                value = w["threshold"]
            elif name == "r_mag":
                value = 0.3 * rng.standard_normal(N)
            else:
                value = 0.3 * rng.standard_normal(p.shape)
            p.copy_(torch.from_numpy(np.array(value, np.float32)))
        if "threshold" in dict(ae.named_buffers()):
            ae.threshold.fill_(1.3)


def make_trainers():
    common = dict(steps=10, activation_dim=D, dict_size=N, layer=8, lm_name="EleutherAI/pythia-70m", device="cpu",
                  submodule_name="resid_post_layer_8")
    scheduled = dict(warmup_steps=2, sparsity_warmup_steps=2)
    yield trainers.StandardTrainer(**common, **scheduled), RELU
    yield StandardTrainerAprilUpdate(**common, **scheduled), RELU
    new = dict(trainer_class="April update", dict_class="AutoEncoderNew", activation_dim=D, dict_size=N,
               submodule_name=common["submodule_name"])
    yield types.SimpleNamespace(ae=AutoEncoderNew(D, N), config=new), RELU
    yield trainers.GatedSAETrainer(**common, **scheduled), JUMPRELU
    yield trainers.TopKTrainer(**common, k=K, warmup_steps=2), TOPK
    yield trainers.BatchTopKTrainer(**common, k=K, warmup_steps=2), BATCHTOPK
    yield MatryoshkaBatchTopKTrainer(**common, k=K, warmup_steps=2, group_fractions=[0.25, 0.25, 0.5]), MATRYOSHKA
    yield trainers.JumpReluTrainer(**common, **scheduled), JUMPRELU


def theirs_to_ours(tally, lib, folder):
    for number, (trainer, arch) in enumerate(make_trainers()):
        rng = np.random.default_rng(number)
        randomise(trainer.ae, rng)
        path = folder / f"theirs-{number}"
        path.mkdir()
        torch.save(trainer.ae.state_dict(), path / "ae.pt")
        (path / "config.json").write_text(json.dumps({"trainer": trainer.config, "buffer": {"d_submodule": D, "ctx_len": 128}}))
        name = f"{trainer.config['trainer_class']} to ours"
        theirs, _ = load_dictionary(str(path), "cpu")
        ours = Model.load(lib, path)
        x = ours.clear_rows(rng)
        with torch.no_grad():
            out, f = theirs(torch.from_numpy(x), output_features=True)
        acts, mine = ours.run(x)
        tally.close(f"{name}: reconstructions", mine, out.numpy(), TOLERANCE)
        tally.line(f"{name}: the same latents fire", np.array_equal(acts > 0, f.numpy() > 0), f"L0 {(acts > 0).sum(1).mean():.1f}")
        info = ours.info()
        tally.line(f"{name}: description", (info.d, info.n, info.arch, info.k) == (D, N, arch, K if arch in (TOPK, BATCHTOPK, MATRYOSHKA) else 0)
                    and info.acts.hook_name == b"blocks.8.hook_resid_post" and info.acts.ctx == 128)
        alone = Model.load(lib, path / "ae.pt")
        tally.line(f"{name}: ae.pt by itself", np.array_equal(alone.run(x)[1], mine))


def ours_to_theirs(tally, lib, folder):
    cases = [("topk", TOPK, True), ("batchtopk", BATCHTOPK, True), ("jumprelu", JUMPRELU, True), ("jumprelu without centring", JUMPRELU, False),
             ("relu", RELU, True), ("relu without centring", RELU, False), ("topk without centring", TOPK, False)]
    for number, (name, arch, centred) in enumerate(cases):
        rng = np.random.default_rng(50 + number)
        w = random_weights(rng)
        if arch == BATCHTOPK:
            w["threshold"][:] = 1.7
        if arch == RELU:
            w["threshold"][:] = 0
        if arch == TOPK:
            del w["threshold"]
        info = Info(d=D, n=N, rule=arch != TOPK, k=K if arch in (TOPK, BATCHTOPK) else 0, arch=arch, subtract_b_dec=centred)
        ours, path = Model.create(lib, info, w), folder / f"ours-{number}"
        ours.save_as("dictionary_learning", path)
        state = torch.load(path / "ae.pt", weights_only=True)
        theirs, config = load_dictionary(str(path), "cpu")
        x = ours.clear_rows(rng)
        with torch.no_grad():
            out = theirs(torch.from_numpy(x)).numpy()
        tally.close(f"ours to dictionary_learning, {name} as {config['trainer']['dict_class']}: reconstructions", ours.run(x)[1], out, TOLERANCE)
        tally.line(f"ours to dictionary_learning, {name}: torch.load with weights_only", all(t.is_contiguous() for t in state.values()))
        again = Model.load(lib, path)
        tally.close(f"ours through dictionary_learning's files, {name}", again.run(x)[1], out, TOLERANCE)


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
