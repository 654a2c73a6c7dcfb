#!/usr/bin/env python3
"""Writes formats/: one small random SAE in every tool's format, and expected.safetensors with the reconstructions that
its own definition gives, by a short float64 forward pass for each kind (nothing here uses libsae or the tools).

The layouts are those that the tools write: names, orders of dimensions, scalars, texts. Data is drawn here; nothing is
taken from elsewhere. Needs numpy, torch and safetensors.
"""

import json
import shutil
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

D, N, K, ROWS = 6, 10, 3, 40
GAP = 1e-3  # no latent lies this close to being chosen otherwise: float32 must agree
FOLDER = Path(__file__).with_name("formats")


def weights(rng, norms=True):
    W_dec = rng.standard_normal((N, D))
    W_dec /= np.linalg.norm(W_dec, axis=1, keepdims=True)
    W_enc = W_dec + 0.2 * rng.standard_normal((N, D))
    if norms:
        W_dec *= rng.uniform(0.5, 2, (N, 1))
    w = dict(W_enc=W_enc, W_dec=W_dec, b_enc=0.3 * rng.standard_normal(N), b_dec=rng.standard_normal(D),
             threshold=rng.uniform(0.2, 1.2, N), r_mag=0.3 * rng.standard_normal(N), b_gate=0.3 * rng.standard_normal(N))
    return {key: value.astype(np.float32) for key, value in w.items()}


# ---- float64 forward passes ----------------------------------------------------------------------


def forward(w, x, *, rule="relu", center=True, token=False, k=K, theta=0.0, by_norm=False, scale=1.0, bias=True,
            output_scale=1.0):
    """x̂ and how far each row is from another choice of latents."""
    w = {key: value.astype(np.float64) for key, value in w.items()}
    x = x * scale
    mean, std = x.mean(1, keepdims=True), x.std(1, ddof=1, keepdims=True)
    s = (x - mean) / (std + 1e-5) if token else x
    c = s - w["b_dec"] if center else s
    norm = np.linalg.norm(w["W_dec"], axis=1) if by_norm else np.ones(N)
    if rule == "gated":
        pre = c @ w["W_enc"].T
        gate, z = pre + w["b_gate"], np.exp(w["r_mag"]) * pre + w["b_enc"]
        f, gap = np.maximum(z, 0) * (gate > 0), np.minimum(np.abs(gate), np.abs(z)).min(1)
    else:
        z = (c @ w["W_enc"].T + (w["b_enc"] if bias else 0)) * norm
        if rule == "topk":
            order = -np.sort(-z, axis=1)
            f = np.where(z >= order[:, k - 1 : k], np.maximum(z, 0), 0)
            gap = np.minimum(order[:, k - 1] - order[:, k], np.abs(order[:, k - 1]))
        else:
            f, gap = np.maximum(z, 0) * (z > theta), np.minimum(np.abs(z - theta), np.abs(z)).min(1)
    out = (f * output_scale / norm) @ w["W_dec"] + w["b_dec"]
    if token:
        out = out * std + mean
    return out / scale, gap


# ---- files ---------------------------------------------------------------------------------------


def tensors(**arrays):
    return OrderedDict((key.replace("__", "."), torch.from_numpy(np.array(value))) for key, value in arrays.items())


def torch_file(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(values, path)


def json_file(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")


def saelens(name, cfg, arrays):
    json_file(FOLDER / name / "cfg.json", dict(d_in=D, d_sae=N, dtype="float32", device="cpu", **cfg))
    save_file(arrays, FOLDER / name / "sae_weights.safetensors")


def saelens_arrays(w, *more):
    return {"W_enc": np.ascontiguousarray(w["W_enc"].T), "W_dec": w["W_dec"], "b_dec": w["b_dec"], **{key: w[key] for key in more}}


def v6(architecture, **keys):
    metadata = dict(sae_lens_version="6.22.0", model_name="gpt2-small", hook_name="blocks.8.hook_resid_pre", prepend_bos=True,
                    context_size=128, model_from_pretrained_kwargs={"center_writing_weights": True})
    return dict(architecture=architecture, apply_b_dec_to_input=True, normalize_activations="none", reshape_activations="none",
                metadata=metadata, **keys)


def make_saelens(rng, expect):
    w = weights(rng)
    saelens("saelens_gated", v6("gated"), {**saelens_arrays(w, "r_mag", "b_gate"), "b_mag": w["b_enc"]})
    expect("saelens_gated", w, rule="gated")

    w = weights(rng)
    saelens("saelens_batchtopk", v6("batchtopk", k=2.5, rescale_acts_by_decoder_norm=True, topk_threshold_lr=0.01)
            | {"normalize_activations": "expected_average_only_in"},
            {**saelens_arrays(w, "b_enc"), "topk_threshold": np.array(0.7, np.float64)})
    json_file(FOLDER / "saelens_batchtopk" / "activation_scaler.json", {"scaling_factor": 0.8, "has_whitening": False})
    expect("saelens_batchtopk", w, theta=0.7, by_norm=True, scale=0.8)

    w = weights(rng)
    flat = dict(architecture="standard", model_name="gpt2-small", hook_point="blocks.8.hook_resid_pre", hook_point_layer=8,
                hook_point_head_index=None, activation_fn_str="topk", activation_fn_kwargs={"k": K}, context_size=64,
                normalize_activations=False, dataset_path="Skylion007/openwebtext", dtype="torch.float32")
    json_file(FOLDER / "saelens_v5_topk" / "cfg.json", dict(d_in=D, expansion_factor=N / D, **flat) | {"d_sae": N})
    save_file({**saelens_arrays(w, "b_enc"), "scaling_factor": np.ones(N, np.float32)}, FOLDER / "saelens_v5_topk" / "sae_weights.safetensors")
    expect("saelens_v5_topk", w, rule="topk")

    w, c = weights(rng), rng.uniform(0.5, 2, N).astype(np.float32)
    saelens("saelens_v5_finetuned", dict(architecture="jumprelu", model_name="gpt2-small", hook_name="blocks.8.hook_resid_pre",
                                         hook_layer=8, activation_fn_str="relu", finetuning_scaling_factor=True, prepend_bos=False,
                                         apply_b_dec_to_input=False, normalize_activations="none", context_size=128),
            {**saelens_arrays(w, "b_enc", "threshold"), "scaling_factor": c})
    expect("saelens_v5_finetuned", w, theta=w["threshold"], center=False, output_scale=c)


def make_sparsify(rng, expect):
    w, folder = weights(rng), FOLDER / "sparsify" / "layers.5"
    json_file(folder / "cfg.json", dict(activation="topk", expansion_factor=32, normalize_decoder=True, num_latents=N, k=K,
                                        multi_topk=False, skip_connection=False, transcode=False, d_in=D, signed=False))
    save_file({"encoder.weight": w["W_enc"], "encoder.bias": w["b_enc"], "W_dec": w["W_dec"], "b_dec": w["b_dec"]},
              folder / "sae.safetensors")
    json_file(FOLDER / "sparsify" / "config.json", {"model": "EleutherAI/pythia-70m"})
    expect("sparsify/layers.5", w, rule="topk")


def dictionary_learning(name, dict_class, state, k=None):
    trainer = dict(trainer_class="Trainer", dict_class=dict_class, activation_dim=D, dict_size=N, lr=1e-3, steps=1000, seed=0,
                   device="cpu", layer=8, lm_name="EleutherAI/pythia-70m", submodule_name="resid_post_layer_8")
    if k:
        trainer["k"] = k
    json_file(FOLDER / name / "config.json", {"trainer": trainer, "buffer": {"d_submodule": D, "io": "out", "ctx_len": 128}})
    torch_file(FOLDER / name / "ae.pt", state)


def make_dictionary_learning(rng, expect):
    def linear(w, **more):
        # as the tool has it: decoder.weight [d, n] is a transposed view of other memory
        return tensors(encoder__weight=w["W_enc"], encoder__bias=w["b_enc"], **more) | {
            "decoder.weight": torch.from_numpy(w["W_dec"]).T}

    w = weights(rng)
    dictionary_learning("dl_standard", "AutoEncoder", linear(w, bias=w["b_dec"]))
    expect("dl_standard", w)
    w = weights(rng)
    dictionary_learning("dl_new", "AutoEncoderNew", linear(w, decoder__bias=w["b_dec"]))
    expect("dl_new", w, center=False)
    w = weights(rng)
    topk = linear(w, b_dec=w["b_dec"], k=np.int32(K), threshold=np.float32(-1))
    dictionary_learning("dl_topk", "AutoEncoderTopK", topk, K)
    expect("dl_topk", w, rule="topk")
    torch_file(FOLDER / "dl_topk" / "checkpoints" / "ae_500.pt", topk)
    w = weights(rng)
    dictionary_learning("dl_batchtopk", "BatchTopKSAE", linear(w, b_dec=w["b_dec"], k=np.int32(K), threshold=np.float32(0.6)), K)
    expect("dl_batchtopk", w, theta=0.6)
    w = weights(rng)
    plain = dict(W_enc=w["W_enc"].T.copy(), b_enc=w["b_enc"], W_dec=w["W_dec"], b_dec=w["b_dec"])
    dictionary_learning("dl_matryoshka", "MatryoshkaBatchTopKSAE",
                        tensors(**plain, k=np.int32(K), threshold=np.float32(0.5), group_sizes=np.array([2, 3, 5])), K)
    expect("dl_matryoshka", w, theta=0.5)
    w = weights(rng)
    plain = dict(W_enc=w["W_enc"].T.copy(), b_enc=w["b_enc"], W_dec=w["W_dec"], b_dec=w["b_dec"])
    dictionary_learning("dl_jumprelu", "JumpReluAutoEncoder", tensors(**plain, threshold=w["threshold"]))
    expect("dl_jumprelu", w, theta=w["threshold"], center=False)
    w = weights(rng)
    gated = tensors(decoder_bias=w["b_dec"], encoder__weight=w["W_enc"], r_mag=w["r_mag"], gate_bias=w["b_gate"], mag_bias=w["b_enc"])
    dictionary_learning("dl_gated", "GatedAutoEncoder", gated | {"decoder.weight": torch.from_numpy(w["W_dec"]).T})
    expect("dl_gated", w, rule="gated")


def make_npz(rng, expect):
    for name, save in (("gemma_scope", np.savez), ("gemma_scope_deflated", np.savez_compressed)):
        w = weights(rng)
        (FOLDER / name).mkdir(parents=True)
        save(FOLDER / name / "params.npz", W_enc=np.ascontiguousarray(w["W_enc"].T), W_dec=w["W_dec"], b_enc=w["b_enc"],
             b_dec=w["b_dec"], threshold=w["threshold"])
        expect(name, w, theta=w["threshold"], center=False)
    rows = np.asfortranarray(w["W_enc"].T)
    np.savez(FOLDER / "fortran.npz", W_enc=rows, W_dec=w["W_dec"], b_enc=w["b_enc"], b_dec=w["b_dec"], threshold=w["threshold"])


def make_openai(rng, expect):
    for name, activation, state in (("openai_topk", "TopK", {"k": K, "postact_fn": "ReLU"}), ("openai_relu", "ReLU", {})):
        w = weights(rng)
        values = tensors(pre_bias=w["b_dec"], encoder__weight=w["W_enc"], latent_bias=w["b_enc"], stats_last_nonzero=np.zeros(N, np.int64))
        values["decoder.weight"] = torch.from_numpy(w["W_dec"]).T
        values |= {"activation": activation, "activation_state_dict": OrderedDict(state)}
        torch_file(FOLDER / f"{name}.pt", values)
        expect(f"{name}.pt", w, rule="topk" if state else "relu", token=bool(state))
    del values["activation"], values["activation_state_dict"]
    torch_file(FOLDER / "openai_old.pt", values)  # without an activation, which stands for ReLU
    expect("openai_old.pt", w)
    for name, activation, state in (("no_k", "TopK", {"postact_fn": "ReLU"}), ("large_k", "TopK", {"k": N + 1, "postact_fn": "ReLU"}),
                                    ("identity_after", "TopK", {"k": K, "postact_fn": "Identity"}), ("identity", "Identity", {})):
        torch_file(FOLDER / f"bad_openai_{name}.pt", values | {"activation": activation, "activation_state_dict": OrderedDict(state)})


def make_batchtopk(rng, expect):
    cases = [("btk_vanilla", "vanilla", {}, False), ("btk_topk", "topk", dict(rule="topk", bias=False), True),
             ("btk_jumprelu", "jumprelu", dict(center=False), True), ("btk_batchtopk", "batchtopk", dict(bias=False, theta=0.6), True),
             ("btk_matryoshka", "global-matryoshka-topk", dict(bias=False, theta=0.6), True)]
    for name, kind, options, token in cases:
        w = weights(rng)
        values = tensors(b_dec=w["b_dec"], b_enc=w["b_enc"], W_enc=w["W_enc"].T.copy(), W_dec=w["W_dec"])
        if kind == "jumprelu":
            values["jumprelu.log_threshold"] = torch.from_numpy(np.log(w["threshold"]))
            options["theta"] = w["threshold"]
        if "matryoshka" in kind:
            values["threshold"] = torch.tensor(0.6)
        torch_file(FOLDER / name / "sae.pt", values)
        json_file(FOLDER / name / "config.json", dict(seed=49, act_size=D, dict_size=N, sae_type=kind, top_k=K, seq_len=128,
                                                      input_unit_norm=token, model_name="gpt2-small", dtype="torch.float32",
                                                      hook_point="blocks.8.hook_resid_pre", layer=8))
        expect(name, w, token=token, **options)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    rng = np.random.default_rng(81)
    expected, x = {}, (1.5 * rng.standard_normal((4000, D)) + rng.standard_normal(D)).astype(np.float32)
    cases = {}

    def expect(name, w, **options):
        cases[name] = w, options

    for make in (make_saelens, make_sparsify, make_dictionary_learning, make_npz, make_openai, make_batchtopk):
        make(rng, expect)
    clear = np.min([forward(w, x.astype(np.float64), **options)[1] for w, options in cases.values()], axis=0) > GAP
    x = x[clear][:ROWS]
    assert len(x) == ROWS
    for name, (w, options) in cases.items():
        expected[name] = forward(w, x.astype(np.float64), **options)[0].astype(np.float32)
    save_file({"x": x, **expected}, FOLDER / "expected.safetensors")
    np.save(FOLDER / "x.npy", x)
    with zipfile.ZipFile(FOLDER / "dl_topk" / "ae.pt") as archive:
        (FOLDER / "state_dict.pkl").write_bytes(archive.read(next(n for n in archive.namelist() if n.endswith("/data.pkl"))))
    total = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    print(f"{FOLDER}: {len(cases)} SAEs, {total} bytes")


if __name__ == "__main__":
    main()
