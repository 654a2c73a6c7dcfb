"""GPT-2 of libsae against transformers in float32: logits, every hook, losses, spliced losses.

usage: lm_parity.py BUILD
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from common import Report, SaeError
from lm_library import Model, Tokenizer, load

DEMO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "demo", "model")
SITES = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out", "hook_mlp_out", "attn.hook_z",
         "mlp.hook_post")


def make_model(seed, **options):
    """Random weights with biases and gains that matter."""
    torch.manual_seed(seed)
    config = GPT2Config(bos_token_id=0, eos_token_id=0, **options)
    config._attn_implementation = "eager"
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias") or "ln_" in name:
                parameter += 0.1 * torch.randn_like(parameter)
    return model


class Watch:
    """The values at all hooks of one forward pass of a transformers model; `replace` maps a name to a function."""

    def __init__(self, model, replace=None):
        self.values, self.handles, self.replace = {}, [], replace or {}
        for i, block in enumerate(model.transformer.h):
            self.before(block, f"blocks.{i}.hook_resid_pre")
            self.before(block.attn.c_proj, f"blocks.{i}.attn.hook_z")
            self.after(block.attn.c_proj, f"blocks.{i}.hook_attn_out", f"blocks.{i}.hook_resid_mid",
                       f"blocks.{i}.hook_resid_pre")
            self.before(block.mlp.c_proj, f"blocks.{i}.mlp.hook_post")
            self.after(block.mlp.c_proj, f"blocks.{i}.hook_mlp_out", f"blocks.{i}.hook_resid_post",
                       f"blocks.{i}.hook_resid_mid")

    def see(self, name, value):
        self.values[name] = value = self.replace[name](value) if name in self.replace else value
        return value

    def before(self, module, name):
        self.handles.append(module.register_forward_pre_hook(
            lambda _, inputs: (self.see(name, inputs[0]),) + tuple(inputs[1:])))

    def after(self, module, name, sum_name, residual_name):
        """A branch's output, and the stream after it was added: that is replaced through the branch's output."""
        def hook(_, __, out):
            residual = self.values[residual_name]
            out = self.see(name, out)
            total = self.see(sum_name, residual + out)
            return total - residual if sum_name in self.replace else out
        self.handles.append(module.register_forward_hook(hook))

    def remove(self):
        for handle in self.handles:
            handle.remove()


def forward(model, tokens, replace=None):
    watch = Watch(model, replace)
    with torch.no_grad():
        logits = model(torch.from_numpy(tokens).long()).logits
    watch.remove()
    return logits, watch.values


def flat(value):
    return value.reshape(-1, value.shape[-1]).numpy()


def loss_sum(logits, tokens, keep):
    """Σ −log p(target) and Σ KL are over rows that have a target and are not kept."""
    logp = torch.log_softmax(logits.double(), -1)
    target = torch.from_numpy(tokens).long()[:, 1:, None]
    rows = torch.from_numpy(keep == 0)[:, :-1]
    return -logp[:, :-1].gather(-1, target)[..., 0][rows].sum().item(), logp[:, :-1], rows


def check_forward(report, name, model, ours, tokens, limit=1e-4):
    logits, values = forward(model, tokens)
    report.close(f"{name}: logits", ours.logits(tokens), flat(logits), limit)
    names = [f"blocks.{i}.{site}" for i in range(ours.info.layers) for site in SITES]
    got = ours.hooks(tokens, names)
    worst = max(names, key=lambda n: np.abs(got[n] - flat(values[n])).max() / np.abs(flat(values[n])).max())
    report.close(f"{name}: all {len(names)} hooks in one pass, worst {worst}", got[worst], flat(values[worst]), limit)
    centred = ours.hooks(tokens, names[:7], center=True)
    for n in names[:7]:
        reference = flat(values[n])
        if "resid" in n:
            reference = reference - reference.mean(-1, keepdims=True)
        report.close(f"{name}: centred {n}", centred[n], reference, limit)
    return logits


def check_losses(report, name, model, ours, tokens, layer, sites, center=False, limit=1e-4):
    rng = np.random.default_rng(1)
    keep = (rng.random(tokens.shape) < 0.2).astype(np.uint8)
    keep[:, 0] = 1
    kept = torch.from_numpy(keep == 1)[..., None]
    clean, values = forward(model, tokens)
    clean_loss, clean_logp, rows = loss_sum(clean, tokens, keep)
    for site in sites:
        hook = f"blocks.{layer}.{site}"
        width = values[hook].shape[-1]
        matrix = (0.6 * np.eye(width) + rng.normal(size=(width, width)) * 0.3 / width ** 0.5).astype(np.float32)

        def splice(value):
            mean = value.mean(-1, keepdim=True) if center and "resid" in site else 0
            new = (value - mean) @ torch.from_numpy(matrix) + mean
            return torch.where(kept, value, new)

        spliced, _ = forward(model, tokens, {hook: splice})
        spliced_loss, spliced_logp, _ = loss_sum(spliced, tokens, keep)
        zero, _ = forward(model, tokens, {hook: lambda v: torch.where(kept, v, (v.mean(-1, keepdim=True) * torch.ones_like(v))
                                          if center and "resid" in site else torch.zeros_like(v))})
        zero_loss, zero_logp, _ = loss_sum(zero, tokens, keep)
        kl = [((clean_logp.exp() * (clean_logp - other)).sum(-1)[rows]).sum().item() for other in (spliced_logp, zero_logp)]
        losses, kls, targets = ours.losses(tokens, hook, [None, lambda v, _: v @ matrix, lambda v, _: np.zeros_like(v)],
                                           center, keep.reshape(-1))
        report.close(f"{name}: {hook} losses clean, spliced, zero", losses, [clean_loss, spliced_loss, zero_loss], limit)
        report.close(f"{name}: {hook} KL", kls[1:], kl, limit)
        report.line(f"{name}: {hook} targets", targets == int(rows.sum()), f"{targets}")


def random_tokens(model, batch, ctx, seed=0):
    return np.random.default_rng(seed).integers(0, model.config.vocab_size, (batch, ctx)).astype(np.int32)


def strip_prefix(folder):
    """The same weights without "transformer.", and with buffers that older files have."""
    path = os.path.join(folder, "model.safetensors")
    tensors = {k.removeprefix("transformer."): v for k, v in load_file(path).items()}
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 4, 4).tril().to(torch.uint8)
    tensors["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(tensors, path)


def own_head(folder):
    path = os.path.join(folder, "model.safetensors")
    tensors = load_file(path)
    tensors["lm_head.weight"] = torch.randn_like(tensors["transformer.wte.weight"])
    save_file(tensors, path, metadata={"format": "pt"})


def tiny_models(report, lib, folder):
    tiny = dict(n_embd=48, n_layer=3, n_head=4, n_positions=64, vocab_size=301, initializer_range=0.3)
    variants = {
        "tiny": (dict(), dict()),
        "n_inner 100, gelu": (dict(n_inner=100, activation_function="gelu"), dict()),
        "relu, unscaled, small n_inner": (dict(n_inner=20, activation_function="relu", scale_attn_weights=False,
                                               layer_norm_epsilon=1e-3), dict()),
        "scale by layer, upcast": (dict(scale_attn_by_inverse_layer_idx=True, reorder_and_upcast_attn=True), dict()),
        "untied": (dict(tie_word_embeddings=False), dict()),
        "tied, but lm_head differs": (dict(), dict()),
        "shards": (dict(), dict(max_shard_size="60KB")),
        "no prefix": (dict(), dict()),
        "odd sizes": (dict(n_embd=21, n_head=3, vocab_size=2500), dict()),
        "float16 file": (dict(), dict()),
        "bfloat16 file": (dict(), dict()),
    }
    for name, (options, saving) in variants.items():
        path = os.path.join(folder, name.replace(" ", "_"))
        model = make_model(5, **{**tiny, **options})
        if name.endswith("file"):
            kind = torch.float16 if "float16 " in name and not name.startswith("b") else torch.bfloat16
            model = model.to(kind)
        model.save_pretrained(path, **saving)
        model = model.float()
        if name == "no prefix":
            strip_prefix(path)
        if name == "tied, but lm_head differs":
            own_head(path)
            model = GPT2LMHeadModel.from_pretrained(path, attn_implementation="eager").eval()
        if name == "shards":
            count = len([f for f in os.listdir(path) if f.endswith(".safetensors")])
            report.line("shards: several files", count > 2, f"{count}")
        ours = Model(lib, path)
        parameters = sum(p.numel() for p in model.parameters())
        report.line(f"{name}: parameters", ours.info.parameters == parameters, f"{ours.info.parameters}")
        check_forward(report, name, model, ours, random_tokens(model, 11, 37))
        check_forward(report, name + ", one token", model, ours, random_tokens(model, 3, 1))
        if name in ("tiny", "odd sizes", "untied"):
            for center in (False, True):
                check_losses(report, name + (" centred" if center else ""), model, ours, random_tokens(model, 9, 33), 1,
                             SITES, center)


def full_model(report, lib, folder):
    path = os.path.join(folder, "full")
    model = make_model(7)
    model.save_pretrained(path)
    ours = Model(lib, path)
    report.line("124 M: parameters", ours.info.parameters == 124439808, f"{ours.info.parameters}")
    check_forward(report, "124 M, 6 x 128", model, ours, random_tokens(model, 6, 128))
    check_losses(report, "124 M", model, ours, random_tokens(model, 3, 128, 1), 8, ("hook_resid_pre", "mlp.hook_post"))
    tokens = random_tokens(model, 1, 1024, 2)
    _, values = forward(model, tokens)
    name = "blocks.11.hook_resid_post"
    report.close(f"124 M, 1 x 1024: {name}", ours.hooks(tokens, [name])[name], flat(values[name]), 1e-4)


def demo_model(report, lib):
    model = GPT2LMHeadModel.from_pretrained(DEMO, dtype=torch.float32, attn_implementation="eager").eval()
    ours = Model(lib, DEMO)
    check_forward(report, "demo model", model, ours, random_tokens(model, 4, 128))


def low_precision(report, lib):
    """bf16 beside the same model in PyTorch in float32: off by what bf16 inputs are, no more, and the loss is the same."""
    ours = Model(lib, DEMO)
    try:
        ours.set_precision("bf16")
    except SaeError as refusal:
        report.line("bf16 is refused where it is not there", "bf16" in str(refusal) and "fp32" in str(refusal), refusal)
        return
    model = GPT2LMHeadModel.from_pretrained(DEMO, dtype=torch.float32, attn_implementation="eager").eval()
    with open(os.path.join(DEMO, "README.md"), "rb") as file:
        ids = Tokenizer(lib, DEMO).encode(file.read())
    tokens = np.concatenate([ids[:512].reshape(4, 128), random_tokens(model, 2, 128)])
    logits, values = forward(model, tokens)
    for name in (f"blocks.{i}.{site}" for i in range(ours.info.layers) for site in SITES):
        got, expected = ours.hooks(tokens, [name])[name], flat(values[name])
        report.near(f"bf16: {name}", got, expected, 1e-2)
        if name != "blocks.0.hook_resid_pre":
            report.line(f"bf16: {name} is not that of fp32", np.abs(got - expected).max() > 1e-4 * np.abs(expected).max())
    report.near("bf16: logits", ours.logits(tokens), flat(logits), 1e-2)
    keep = np.zeros(tokens.shape, np.uint8)
    loss, _, rows = loss_sum(logits, tokens, keep)
    losses, _, targets = ours.losses(tokens, "blocks.3.hook_resid_pre", [None])
    difference = losses[0] / targets - loss / int(rows.sum())
    report.line("bf16: loss within 0.005 nats", abs(difference) < 0.005, f"{difference:+.5f} of {loss / targets:.4f}")


def example(report, lib, folder):
    """examples/harvest_hf.py writes what the library computes."""
    out, text = os.path.join(folder, "acts"), os.path.join(DEMO, "README.md")
    subprocess.run([sys.executable, os.path.join(DEMO, "..", "..", "examples", "harvest_hf.py"), "--model", DEMO,
                    "--module", "transformer.h.4", "--input", "--hook-name", "blocks.4.hook_resid_pre", "--text", text,
                    "--out", out, "--ctx", "32", "--shard-tokens", "200"], check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(out, "acts.json")) as file:
        meta = json.load(file)
    shards = [load_file(os.path.join(out, n)) for n in sorted(os.listdir(out)) if n.startswith("acts-")]
    whole = {k: torch.cat([s[k] for s in shards]).numpy() for k in shards[0]}
    with open(text, "rb") as file:
        ids = np.concatenate([[8191], Tokenizer(lib, DEMO).encode(file.read())])
    rows = len(ids) // 32 * 32
    report.line("harvest_hf.py: tokens", np.array_equal(whole["tokens"], ids[:rows]), f"{rows} in {len(shards)} shards")
    report.line("harvest_hf.py: acts.json", meta == {
        "model": "model", "hook_name": "blocks.4.hook_resid_pre", "d": 256, "n_tokens": rows, "ctx": 32, "dtype": "f32",
        "prepend_bos": False, "center_residual": False})
    report.line("harvest_hf.py: positions", np.array_equal(whole["positions"], np.arange(rows) % 32))
    ours = Model(lib, DEMO).hooks(ids[:rows].reshape(-1, 32), ["blocks.4.hook_resid_pre"])
    report.close("harvest_hf.py: acts", ours["blocks.4.hook_resid_pre"], whole["acts"], 1e-4)


def refusals(report, lib, folder):
    """Broken copies of a good model give an error that names what is wrong."""
    good = os.path.join(folder, "tiny")
    with open(os.path.join(good, "config.json")) as file:
        config = json.load(file)

    def attempt(name, expected, change=None, act=None):
        path = os.path.join(folder, "broken")
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(good, path)
        with open(os.path.join(path, "config.json"), "w") as file:
            json.dump({**config, **(change or {})}, file)
        if act:
            act(path)
        try:
            Model(lib, path)
            report.line(f"refused: {name}", False, "it was accepted")
        except SaeError as error:
            report.line(f"refused: {name}", expected in str(error), str(error).replace(folder, ""))

    attempt("another model type", "llama", {"model_type": "llama"})
    attempt("unknown activation", "silu", {"activation_function": "silu"})
    attempt("heads that do not divide d", "n_head", {"n_head": 5})
    attempt("untied without lm_head", "lm_head", {"tie_word_embeddings": False})
    attempt("another n_embd", "wte.weight", {"n_embd": 52})
    attempt("one layer too many", "h.3.", {"n_layer": 4})
    attempt("fractional size", "n_layer", {"n_layer": 2.5})
    attempt("no weights", "model.safetensors", act=lambda p: os.remove(os.path.join(p, "model.safetensors")))


def main():
    lib = load(sys.argv[1])
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        tiny_models(report, lib, folder)
        refusals(report, lib, folder)
        demo_model(report, lib)
        low_precision(report, lib)
        example(report, lib, folder)
        full_model(report, lib, folder)
    report.finish()


if __name__ == "__main__":
    main()
