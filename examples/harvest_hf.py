"""Writes an activation directory for `sae train` from any causal language model of Hugging Face.

    harvest_hf.py --model EleutherAI/pythia-70m --module gpt_neox.layers.3 --text book.txt --out acts

--module names a module of the model (print(model) lists them); its output is taken, or its input with --input. Needs
torch, transformers, safetensors and numpy. Rows are what `sae harvest` writes: contexts of --ctx tokens cut from the
text, with the end-of-text id before each file.
"""
import argparse
import json
import os

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--model", required=True)
parser.add_argument("--module", required=True, help="such as gpt_neox.layers.3 or model.layers.12")
parser.add_argument("--input", action="store_true", help="the module's input instead of its output")
parser.add_argument("--hook-name", help="recorded name (default: that of the module), such as blocks.4.hook_resid_pre")
parser.add_argument("--text", required=True, nargs="+")
parser.add_argument("--out", required=True)
parser.add_argument("--ctx", type=int, default=128)
parser.add_argument("--batch", type=int, default=32, help="contexts per pass")
parser.add_argument("--max-tokens", type=int)
parser.add_argument("--shard-tokens", type=int, default=262144)
parser.add_argument("--dtype", default="f32", choices=("f32", "f16", "bf16"))
parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
args = parser.parse_args()
if os.path.exists(os.path.join(args.out, "acts.json")):
    parser.error(f"{args.out} already holds activations")

tokenizer = AutoTokenizer.from_pretrained(args.model)
model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).to(args.device).eval()
first = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.bos_token_id
ids, docs = [], []
for number, path in enumerate(args.text):
    with open(path, encoding="utf-8", errors="replace") as file:
        new = [first] + tokenizer(file.read(), add_special_tokens=False)["input_ids"]
    ids += new
    docs += [number] * len(new)
contexts = min(len(ids), args.max_tokens or len(ids)) // args.ctx
if contexts == 0:
    parser.error(f"the text gives {len(ids)} tokens, less than one context of {args.ctx}")
tokens = torch.tensor(ids[: contexts * args.ctx], dtype=torch.int32).view(contexts, args.ctx)
docs = torch.tensor(docs[: contexts * args.ctx], dtype=torch.int32).view(contexts, args.ctx)
positions = torch.arange(args.ctx, dtype=torch.int32).repeat(contexts, 1)

caught = {}
take = lambda value: value[0] if isinstance(value, tuple) else value  # noqa: E731
module = model.get_submodule(args.module)
if args.input:
    module.register_forward_pre_hook(lambda _, inputs, named: caught.update(x=take(inputs or tuple(named.values()))),
                                     with_kwargs=True)
else:
    module.register_forward_hook(lambda _, __, output: caught.update(x=take(output)))

os.makedirs(args.out, exist_ok=True)
dtype = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}[args.dtype]
per_shard = max(1, args.shard_tokens // args.ctx)
for shard, start in enumerate(range(0, contexts, per_shard)):
    end, rows = min(start + per_shard, contexts), []
    for i in range(start, end, args.batch):
        with torch.no_grad():
            model(tokens[i : min(i + args.batch, end)].long().to(args.device))
        rows.append(caught["x"].flatten(0, 1).to("cpu", dtype))
    ids_of = {k: v[start:end].flatten().contiguous() for k, v in
              (("tokens", tokens), ("positions", positions), ("docs", docs))}
    save_file({"acts": torch.cat(rows), **ids_of}, os.path.join(args.out, f"acts-{shard:05d}.safetensors"))
    print(f"{end}/{contexts} contexts", flush=True)
meta = {"model": os.path.basename(os.path.abspath(args.model)), "d": rows[-1].shape[1], "n_tokens": contexts * args.ctx,
        "hook_name": args.hook_name or args.module + (".input" if args.input else ""), "ctx": args.ctx, "dtype": args.dtype,
        "prepend_bos": False, "center_residual": False}
with open(os.path.join(args.out, "acts.json"), "w", encoding="utf-8") as file:
    json.dump(meta, file, indent=2)
