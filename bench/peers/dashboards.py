"""Times the dashboards of all latents of an SAE: sae dash beside SAEDashboard.

usage: dashboards.py --build BUILD --text FILE [options]; --help lists them

The same model, tokens and SAE. sae harvest writes activations of the text, sae train trains an SAE on them, and SAELens loads
it for SAEDashboard, whose model is a HookedTransformer with the model's weights; that both see the same is checked before
(activations) and after (how often each latent fires) anything is timed. Turn by turn, each run in a process of its own. Of
SAEDashboard neither importing nor loading is counted, of sae everything that the command does.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import re
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time

from commands import SEPARATOR, bf16_is_there, in_a_worker, timed

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = {"text": "sae dash, from text", "bf16": "sae dash, from text, bf16", "acts": "sae dash, from activations",
        "page": "sae dash export (HTML)"}
THEIRS = {"data": "SAEDashboard, data", "html": "SAEDashboard, HTML"}


def arguments():
    parser = argparse.ArgumentParser(description="dashboards of all latents: sae dash and SAEDashboard")
    parser.add_argument("--build", required=True, help="build folder with sae")
    parser.add_argument("--text", required=True, help="documents separated by lines " + SEPARATOR)
    parser.add_argument("--out", help="where the JSON goes")
    parser.add_argument("--model", default=str(ROOT / "demo" / "model"), help="a GPT-2 directory")
    parser.add_argument("--layer", type=int, default=4, help="the residual stream before this block")
    parser.add_argument("--tokens", type=int, default=200_000)
    parser.add_argument("--latents", type=int, default=512)
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--ctx", type=int, default=128)
    parser.add_argument("--train-tokens", type=int, default=1_000_000, help="the SAE's, in passes over the same text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def hook(problem):
    return f"blocks.{problem.layer}.hook_resid_pre"


# ---- SAEDashboard, in a process of its own -----------------------------------------------------------------

def hooked_transformer(folder):
    """The GPT-2 of a Hugging Face directory as a HookedTransformer, its weights neither folded nor centred."""
    import einops
    from safetensors.torch import load_file
    from transformer_lens import HookedTransformer, HookedTransformerConfig
    from transformers import PreTrainedTokenizerFast

    theirs = json.loads((folder / "config.json").read_text())
    d, heads, layers = theirs["n_embd"], theirs["n_head"], theirs["n_layer"]
    model = HookedTransformer(HookedTransformerConfig(
        n_layers=layers, d_model=d, n_ctx=theirs["n_positions"], d_head=d // heads, n_heads=heads,
        d_mlp=theirs["n_inner"] or 4 * d, d_vocab=theirs["vocab_size"], act_fn=theirs["activation_function"],
        eps=theirs["layer_norm_epsilon"], normalization_type="LN", device="cpu"))
    weights = {name.removeprefix("transformer."): w.float()
               for name, w in load_file(folder / "model.safetensors").items()}
    state = {"embed.W_E": weights["wte.weight"], "pos_embed.W_pos": weights["wpe.weight"],
             "ln_final.w": weights["ln_f.weight"], "ln_final.b": weights["ln_f.bias"],
             "unembed.W_U": weights["wte.weight"].T}
    for i in range(layers):
        ours, block = f"blocks.{i}.", f"h.{i}."
        for norm in "12":
            for mine, name in (("w", "weight"), ("b", "bias")):
                state[f"{ours}ln{norm}.{mine}"] = weights[f"{block}ln_{norm}.{name}"]
        for j, part in enumerate("QKV"):
            w = weights[f"{block}attn.c_attn.weight"].chunk(3, dim=1)[j]
            b = weights[f"{block}attn.c_attn.bias"].chunk(3)[j]
            state[f"{ours}attn.W_{part}"] = einops.rearrange(w, "d (head h) -> head d h", head=heads)
            state[f"{ours}attn.b_{part}"] = einops.rearrange(b, "(head h) -> head h", head=heads)
        state[f"{ours}attn.W_O"] = einops.rearrange(weights[f"{block}attn.c_proj.weight"], "(head h) d -> head h d", head=heads)
        state[f"{ours}attn.b_O"] = weights[f"{block}attn.c_proj.bias"]
        for mine, name in (("in", "c_fc"), ("out", "c_proj")):
            state[f"{ours}mlp.W_{mine}"] = weights[f"{block}mlp.{name}.weight"]
            state[f"{ours}mlp.b_{mine}"] = weights[f"{block}mlp.{name}.bias"]
    model.load_and_process_state_dict(state, fold_ln=False, center_writing_weights=False, center_unembed=False,
                                      fold_value_biases=False)
    model.tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    return model


def harvested(problem, folder):
    """What sae harvest wrote: tokens [contexts, ctx] and activations [contexts, ctx, d]."""
    import torch
    from safetensors.torch import load_file

    shards = [load_file(path) for path in sorted(folder.glob("*.safetensors"))]
    tokens = torch.cat([shard["tokens"] for shard in shards]).long().view(-1, problem.ctx)
    return tokens, torch.cat([shard["acts"] for shard in shards]).view(*tokens.shape, -1)


def check_model(problem, model, tokens, acts):
    """Ends the run unless the HookedTransformer's activations are those of sae harvest."""
    import torch

    with torch.inference_mode():
        theirs = model.run_with_cache(tokens[:16], stop_at_layer=problem.layer + 1, names_filter=hook(problem))[1][hook(problem)]
    worst = ((theirs - acts[:16]).norm(dim=-1) / acts[:16].norm(dim=-1)).max().item()
    if not worst < 1e-4:
        sys.exit(f"the HookedTransformer's activations differ from those of sae harvest by {worst:.2g} of a row's norm")
    return worst


def stopwatch(function):
    start, processor = time.perf_counter(), time.process_time()
    result = function()
    return result, {"seconds": time.perf_counter() - start, "processor": time.process_time() - processor}


def worker(problem):
    """Makes the dashboards of problem.worker/sae; prints a line of JSON with seconds and the density of each latent."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.modules["torchvision"] = None  # only comes along as a dependency, and has to be of the same build as torch
    import torch
    from sae_dashboard.data_writing_fns import save_feature_centric_vis
    from sae_dashboard.sae_vis_data import SaeVisConfig
    from sae_dashboard.sae_vis_runner import SaeVisRunner
    from sae_lens import SAE

    torch.set_num_threads(problem.threads)
    folder = pathlib.Path(problem.worker)
    sae = SAE.load_from_disk(folder / "sae", device="cpu")
    model = hooked_transformer(pathlib.Path(problem.model))
    tokens, acts = harvested(problem, folder / "acts")
    worst = check_model(problem, model, tokens, acts)
    config = SaeVisConfig(hook_point=hook(problem), features=list(range(problem.latents)), ignore_positions=[0])
    data, times = stopwatch(lambda: SaeVisRunner(config).run(encoder=sae, model=model, tokens=tokens))
    _, html = stopwatch(lambda: save_feature_centric_vis(data, folder / "dashboards.html"))
    titles = [data.feature_data_dict[i].acts_histogram_data.title for i in range(problem.latents)]
    print(json.dumps({"data": times, "html": html, "bytes": (folder / "dashboards.html").stat().st_size,
                      "activations_differ": worst,
                      "densities": [float(re.search(r"([\d.]+)%", title)[1]) / 100 for title in titles]}), file=answer)


def sae_dashboard(folder):
    return in_a_worker("SAEDashboard", __file__, folder)


# ---- sae.c ---------------------------------------------------------------------------------------------------

def text_options(problem):
    return ["--model", problem.model, "--text", problem.text, "--split", SEPARATOR, "--hook", hook(problem), "--ctx",
            problem.ctx, "--max-tokens", problem.tokens]


def sae_c(problem, *command):
    return timed([f"{problem.build}/sae", *command, "--threads", problem.threads, "--quiet", "--json"])[1]


def prepare(problem, folder):
    """folder/acts and folder/sae."""
    sae_c(problem, "harvest", *text_options(problem), "--out", folder / "acts")
    sae_c(problem, "train", "--acts", folder / "acts", "--arch", "batchtopk", "--width", problem.latents, "--k", problem.k,
          "--tokens", problem.train_tokens, "--batch", 1024, "--out", folder / "sae")


def dashboards(problem, folder, ours):
    """{name: times} of those in ours."""
    sae, page = folder / "sae", folder / "page.html"
    page.unlink(missing_ok=True)
    from_text = ["dash", sae, *text_options(problem), "--ce-tokens", 0, "--force", "--out"]
    commands = {"text": [*from_text, folder / "text.db"],
                "bf16": [*from_text, folder / "bf16.db", "--precision", "bf16"],
                "acts": ["dash", sae, "--acts", folder / "acts", "--model", problem.model, "--ce-tokens", 0, "--force",
                         "--out", folder / "acts.db"],
                "page": ["dash", "export", folder / "text.db", "--out", page]}
    return {name: sae_c(problem, *commands[name]) for name in ours}


def check_densities(folder, theirs):
    """(rows, firings); ends the run unless every latent fires as often in sae.c's database as in SAEDashboard's data."""
    database = sqlite3.connect(folder / "text.db")
    rows = int(database.execute("SELECT value FROM meta WHERE key = 'rows'").fetchone()[0])
    firings = [n for n, in database.execute("SELECT n_active FROM latent WHERE sae = 0 ORDER BY id")]
    for latent, (n, density) in enumerate(zip(firings, theirs, strict=True)):
        # SAEDashboard prints thousandths of a percent; activations at the threshold may fall on either side of it
        if abs(n - density * rows) > 0.5e-5 * rows + 2 + 0.002 * n:
            sys.exit(f"latent {latent} fires on {n} of {rows} rows in sae dash, on {density:.3%} in SAEDashboard")
    return rows, sum(firings)


# ---- both ----------------------------------------------------------------------------------------------------

def main():
    problem = arguments()
    if problem.worker:
        return worker(problem)
    ours = [name for name in OURS if name != "bf16" or bf16_is_there(problem.build, problem.model, problem.text)]
    times = {name: [] for name in (*ours, *THEIRS)}
    folder = pathlib.Path(tempfile.mkdtemp(prefix="dashboards-", dir=problem.build))
    try:
        prepare(problem, folder)
        for i in range(problem.rounds):
            print(f"round {i + 1} of {problem.rounds}", file=sys.stderr, flush=True)
            mine, theirs = dashboards(problem, folder, ours), sae_dashboard(folder)
            for name, runs in times.items():
                runs.append((mine | theirs)[name])
        rows, firings = check_densities(folder, theirs["densities"])
        sizes = {**{path.stem: path.stat().st_size for path in folder.glob("*.db")},
                 "page": (folder / "page.html").stat().st_size, "html": theirs["bytes"]}
    finally:
        shutil.rmtree(folder)
    records = {name: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for name, runs in times.items()}
    for name in ours:
        peer = "html" if name == "page" else "data"
        for key in ("seconds", "processor"):
            records[name]["times_" + key] = statistics.median(b[key] / a[key] for a, b in zip(times[name], times[peer]))
    shape = {"rows": rows, "firings": firings, "activations_differ": theirs["activations_differ"]}
    show(problem, shape, records, sizes)
    if problem.out:
        shape |= {key: getattr(problem, key) for key in ("latents", "k", "ctx", "layer", "threads", "rounds")}
        packages = {name: importlib.metadata.version(name) for name in ("torch", "sae-lens", "sae-dashboard")}
        pathlib.Path(problem.out).write_text(
            json.dumps({**shape, "packages": packages, "runs": records, "bytes": sizes}, indent=1) + "\n")
        print(f"Wrote {problem.out}")


def show(problem, shape, records, sizes):
    print(f"Dashboards of {problem.latents} latents (k = {problem.k}) on {shape['rows']} tokens before block {problem.layer}, "
          f"{shape['firings']} firings, {problem.threads} threads; medians of {problem.rounds}. Activations of both models "
          f"differ by {shape['activations_differ']:.1e} of a row's norm at most.")
    print(f"{'':28} {'seconds':>8} {'processor s':>11} {'faster ×':>8} {'(processor)':>11} {'MB':>6}")
    for name, r in records.items():
        title = {**OURS, **THEIRS}[name]
        ratios = f"{r['times_seconds']:8.1f} {r['times_processor']:11.1f}" if name in OURS else " " * 20
        size = f"{sizes[name] / 1e6:6.1f}" if name in sizes else ""
        print(f"{title:28} {r['seconds']:8.2f} {r['processor']:11.2f} {ratios} {size}".rstrip())


if __name__ == "__main__":
    main()
