#!/usr/bin/env python3
"""SAEs written by libsae load in SAELens with the same codes and reconstructions, and the other way round.

    sae_saelens.py BUILD_FOLDER

Needs sae-lens, torch and numpy. 1000 random rows per check. Rows on which a latent lies within 1e-4 of its
threshold (or two lie so close at the cut of TopK) are drawn again: there float32 sums in another order may
rightly decide otherwise.
"""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore")
import torch  # noqa: E402
from common import Report  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from sae_lens import SAE  # noqa: E402
from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig  # noqa: E402
from sae_lens.saes.sae import SAEMetadata  # noqa: E402
from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig  # noqa: E402
from sae_lens.saes.topk_sae import TopKSAE, TopKSAEConfig  # noqa: E402
from sae_library import (  # noqa: E402
    BATCHTOPK, D, JUMPRELU, K, MATRYOSHKA, N, RELU, TOLERANCE, TOPK, Info, Model, clear_rows, open_sae_library, random_weights,
)

TRAINING_NAMES = ["standard", "topk", "batchtopk", "jumprelu", "matryoshka_batchtopk"]


def saelens_run(sae, x):
    with torch.no_grad():
        x = torch.from_numpy(x)
        acts = sae.encode(x)
        return acts.numpy(), sae.decode(acts).numpy()


def compare(tally, name, ours, theirs, x):
    acts, out = ours.run(x)
    acts_ref, out_ref = saelens_run(theirs, x)
    tally.line(f"{name}: the same latents fire", np.array_equal(acts > 0, acts_ref > 0), f"L0 {(acts_ref > 0).sum(1).mean():.1f}")
    tally.close(f"{name}: activations", acts, acts_ref, TOLERANCE)
    tally.close(f"{name}: reconstructions", out, out_ref, TOLERANCE)


def ours_to_saelens(tally, lib, folder):
    cases = [("topk", TOPK, 0, True), ("jumprelu", JUMPRELU, 0, True), ("batchtopk", BATCHTOPK, 0, True), ("relu", RELU, 0, True),
             ("topk with token scaling", TOPK, 1, True), ("jumprelu with token scaling", JUMPRELU, 1, True),
             ("jumprelu without centring", JUMPRELU, 0, False), ("matryoshka", MATRYOSHKA, 0, True)]
    for number, (name, arch, token, subtract) in enumerate(cases):
        rng = np.random.default_rng(100 + number)
        w = random_weights(rng, norms=number % 2 == 1)
        if arch in (BATCHTOPK, MATRYOSHKA):
            w["threshold"][:] = 1.7
        if arch == RELU:
            w["threshold"][:] = 0
        rule = "topk" if arch == TOPK else "jumprelu"
        info = Info(d=D, n=N, rule=0 if arch == TOPK else 1, k=0 if arch in (RELU, JUMPRELU) else K, arch=arch, input_norm=token,
                    subtract_b_dec=subtract, knows_bos=True, knows_centering=True)
        info.acts.model, info.acts.hook_name, info.acts.ctx = b"demo-lm", b"blocks.4.hook_resid_pre", 128
        info.acts.prepend_bos, info.acts.center_residual = True, number % 2 == 0
        x = clear_rows(rng, w, rule, token, subtract, False)
        if arch == TOPK:
            del w["threshold"]
        ours, path = Model.create(lib, info, w), folder / f"ours-{number}"
        ours.save(path)
        theirs = SAE.load_from_disk(path)
        compare(tally, f"ours to SAELens, {name}", ours, theirs, x)
        again = Model.load(lib, path)
        tally.line(f"ours to ours, {name}: the same bits", all(np.array_equal(a, b) for a, b in zip(ours.run(x), again.run(x))))
        metadata, read = theirs.cfg.metadata, again.info()
        tally.line(
            f"ours to SAELens, {name}: metadata",
            metadata.model_name == "demo-lm" and metadata.hook_name == "blocks.4.hook_resid_pre" and metadata.context_size == 128
            and metadata.prepend_bos is True and metadata.sae_lens_version == "6.0.0"
            and metadata.model_from_pretrained_kwargs == {"center_writing_weights": number % 2 == 0}
            and metadata.training_architecture == TRAINING_NAMES[arch]
            and (metadata.training_architecture_details or {}).get("k") == (info.k or None),
        )
        tally.line(
            f"ours to ours, {name}: description",
            all(getattr(read, f) == getattr(info, f) for f in ("d", "n", "rule", "k", "arch", "input_norm", "subtract_b_dec"))
            and read.acts.model == b"demo-lm" and read.acts.ctx == 128 and read.knows_bos and read.knows_centering
            and read.acts.center_residual == (number % 2 == 0),
        )
        theirs.save_model(folder / f"through-{number}")
        tally.line(
            f"ours through SAELens, {name}: nothing is lost",
            all(np.array_equal(a, b) for a, b in zip(ours.run(x), Model.load(lib, folder / f"through-{number}").run(x)))
            and Model.load(lib, folder / f"through-{number}").info().arch == arch,
        )


def saelens_to_ours(tally, lib, folder):
    cases = [("standard", StandardSAE, StandardSAEConfig, {}), ("topk", TopKSAE, TopKSAEConfig, {"k": K}),
             ("topk rescaled by decoder norms", TopKSAE, TopKSAEConfig, {"k": K, "rescale_acts_by_decoder_norm": True}),
             ("jumprelu", JumpReLUSAE, JumpReLUSAEConfig, {}),
             ("standard without centring", StandardSAE, StandardSAEConfig, {"apply_b_dec_to_input": False}),
             ("jumprelu with layer_norm", JumpReLUSAE, JumpReLUSAEConfig, {"normalize_activations": "layer_norm"}),
             ("topk with layer_norm", TopKSAE, TopKSAEConfig, {"k": K, "normalize_activations": "layer_norm"})]
    for number, (name, sae_class, config_class, options) in enumerate(cases):
        rng = np.random.default_rng(200 + number)
        w = random_weights(rng, norms=True)
        metadata = SAEMetadata(model_name="gpt2-small", hook_name="blocks.8.hook_resid_pre", context_size=64, prepend_bos=False)
        theirs = sae_class(config_class(d_in=D, d_sae=N, metadata=metadata, **options))
        rule = config_class.architecture()
        with torch.no_grad():
            theirs.W_enc.copy_(torch.from_numpy(w["W_enc"].T.copy()))
            for key in ("b_enc", "W_dec", "b_dec") + (("threshold",) if rule == "jumprelu" else ()):
                getattr(theirs, key).copy_(torch.from_numpy(w[key]))
        path = folder / f"saelens-{number}"
        theirs.save_model(path)
        ours = Model.load(lib, path)
        x = clear_rows(rng, w, rule, options.get("normalize_activations") == "layer_norm", options.get("apply_b_dec_to_input", True),
                       options.get("rescale_acts_by_decoder_norm", False))
        compare(tally, f"SAELens to ours, {name}", ours, theirs, x)
        acts = ours.info().acts
        tally.line(f"SAELens to ours, {name}: metadata",
                    (acts.model, acts.hook_name, acts.ctx) == (b"gpt2-small", b"blocks.8.hook_resid_pre", 64)
                    and ours.info().knows_bos and not acts.prepend_bos and not ours.info().knows_centering)


def other_forms(tally, lib, folder):
    """Heads as hook_z has them, and weights in bfloat16."""
    rng = np.random.default_rng(300)
    w = random_weights(rng)
    info = Info(d=D, n=N, rule=1, arch=JUMPRELU, subtract_b_dec=True)
    info.acts.hook_name = b"blocks.2.attn.hook_z"
    ours = Model.create(lib, info, w)
    ours.save(folder / "heads")
    theirs = SAE.load_from_disk(folder / "heads")
    x = clear_rows(rng, w, "jumprelu", False, True, False)
    with torch.no_grad():
        heads = theirs(torch.from_numpy(x).reshape(len(x), 4, D // 4)).reshape(len(x), D).numpy()
    tally.close("ours to SAELens, hook_z: reconstructions of heads", ours.run(x)[1], heads, TOLERANCE)

    path = folder / "heads" / "sae_weights.safetensors"
    save_file({key: value.to(torch.bfloat16) for key, value in load_file(path).items()}, path)
    rounded = {key: torch.from_numpy(value).to(torch.bfloat16).float().numpy() for key, value in w.items()}
    tally.line("SAELens to ours, bfloat16 weights: the same values",
               all(np.array_equal(a, b) for a, b in zip(Model.load(lib, folder / "heads").run(x), Model.create(lib, info, rounded).run(x))))


def refused(tally, lib, folder):
    """Settings that change what the weights mean and that libsae does not have."""
    for number, norm in enumerate(("expected_average_only_in", "constant_norm_rescale")):
        path = folder / f"refused-{number}"
        StandardSAE(StandardSAEConfig(d_in=D, d_sae=N, normalize_activations=norm)).save_model(path)
        try:
            Model.load(lib, path)
            tally.line(f"{norm} is refused", False)
        except RuntimeError as error:
            tally.line(f"{norm} is refused", norm in str(error))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lib, tally = open_sae_library(sys.argv[1]), Report()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours_to_saelens(tally, lib, folder)
        saelens_to_ours(tally, lib, folder)
        other_forms(tally, lib, folder)
        refused(tally, lib, folder)
    tally.finish()


if __name__ == "__main__":
    main()
