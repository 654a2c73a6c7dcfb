"""Times the whole way from text to a saved SAE: sae train --model beside SAELens' training runner.

usage: end_to_end.py --build BUILD --text FILE --held-out FILE --out FILE.json [options]; --help lists them

The same model, text, place in the model and kind of SAE: BatchTopK of one size on activations of the residual stream
after one block, made while training, in fp32 (sae.c also in bf16, where that is there). Turn by turn, each run in a process of its own; the seconds that Python
takes to import its packages are not counted. Both SAEs are then judged by sae eval on text that neither saw.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from commands import SEPARATOR, bf16_is_there, in_a_worker, timed

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(description="text to a saved SAE: sae.c and SAELens")
    parser.add_argument("--build", required=True, help="build folder with sae")
    parser.add_argument("--text", required=True, help="documents separated by lines " + SEPARATOR)
    parser.add_argument("--held-out", required=True, help="the same, for judging")
    parser.add_argument("--out", help="where the JSON goes")
    parser.add_argument("--model", default=str(ROOT / "demo" / "model"), help="a GPT-2 directory")
    parser.add_argument("--layer", type=int, default=3, help="the residual stream after this block")
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--n", type=int, default=512, help="latents")
    parser.add_argument("--k", type=int, default=8)
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--ctx", type=int, default=128)
    parser.add_argument("--lr", type=float, default=4e-3,
                        help="learning rate of both, the auto of sae.c; with SAELens' own default, 3e-4, it ends far behind")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


def steps(problem):
    return problem.tokens // problem.batch


# ---- SAELens, in a process of its own ----------------------------------------------------------------------

class Clock:
    """Seconds spent inside a function."""

    def __init__(self, owner, name):
        self.seconds, function = 0.0, getattr(owner, name)

        def timed(*args, **kwargs):
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - start
        setattr(owner, name, timed)


def worker(problem):
    """Trains with SAELens into problem.worker and prints a line of JSON with the seconds."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.modules["torchvision"] = None  # only comes along as a dependency, and has to be of the same build as torch
    import torch
    from datasets import Dataset
    from sae_lens import LanguageModelSAERunnerConfig, LanguageModelSAETrainingRunner
    from sae_lens.config import LoggingConfig
    from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAEConfig
    from sae_lens.training.activations_store import ActivationsStore
    from sae_lens.training.sae_trainer import SAETrainer

    torch.set_num_threads(problem.threads)
    model, step = Clock(ActivationsStore, "get_activations"), Clock(SAETrainer, "step")
    d = json.loads((pathlib.Path(problem.model) / "config.json").read_text())["n_embd"]
    start, processor = time.perf_counter(), time.process_time()
    documents = [t.strip("\n") for t in pathlib.Path(problem.text).read_text().split("\n" + SEPARATOR + "\n")]
    config = LanguageModelSAERunnerConfig(
        sae=BatchTopKTrainingSAEConfig(d_in=d, d_sae=problem.n, k=problem.k, device="cpu", decoder_init_norm=1.0),
        model_name=problem.model, model_class_name="AutoModelForCausalLM", hook_name=f"transformer.h.{problem.layer}",
        model_from_pretrained_kwargs={"dtype": "float32"},  # the demo model's file is float16, which PyTorch computes slowly
        is_dataset_tokenized=False, streaming=False, context_size=problem.ctx, seqpos_slice=(1, None),
        n_batches_in_buffer=4 * problem.batch // problem.ctx,  # in contexts; the default holds less than one batch
        prepend_bos=False, training_tokens=steps(problem) * problem.batch, train_batch_size_tokens=problem.batch,
        lr=problem.lr, lr_warm_up_steps=steps(problem) // 20, lr_decay_steps=steps(problem) // 5, device="cpu",
        logger=LoggingConfig(log_to_wandb=False), checkpoint_path=None, output_path=problem.worker, verbose=False)
    LanguageModelSAETrainingRunner(config, override_dataset=Dataset.from_dict({"text": documents})).run()
    print(json.dumps({"seconds": time.perf_counter() - start, "processor": time.process_time() - processor,
                      "model": model.seconds, "train": step.seconds}), file=answer)


def sae_lens(problem, out):
    return in_a_worker("SAELens", __file__, out)


# ---- sae.c ---------------------------------------------------------------------------------------------------

def sae_c(precision):
    def run(problem, out):
        # Contexts for the training steps: of each, the first position and 2 % of the rows are left out of training.
        contexts = -(-steps(problem) * problem.batch // (problem.ctx - 1)) * 103 // 100 + 1
        command = [f"{problem.build}/sae", "train", "--model", problem.model, "--text", problem.text, "--split", SEPARATOR,
                   "--hook", f"blocks.{problem.layer}.hook_resid_post", "--ctx", problem.ctx, "--max-tokens",
                   contexts * problem.ctx, "--tokens", steps(problem) * problem.batch, "--arch", "batchtopk", "--width",
                   problem.n, "--k", problem.k, "--batch", problem.batch, "--threads", problem.threads, "--precision",
                   precision, "--lr", problem.lr, "--out", out, "--quiet", "--json"]
        printed, times = timed(command)
        result = json.loads(printed)
        return {**times, "model": result["reading_seconds"], "train": result["seconds"] - result["reading_seconds"]}
    return run


# ---- all of them ---------------------------------------------------------------------------------------------

def judge(problem, folder, saes):
    """{name: {"l0", "fvu"}} on held-out text."""
    sae, acts = f"{problem.build}/sae", folder / "held-out"
    subprocess.run([sae, "harvest", "--model", problem.model, "--text", problem.held_out, "--split", SEPARATOR, "--hook",
                    f"blocks.{problem.layer}.hook_resid_post", "--ctx", str(problem.ctx), "--max-tokens", "100000",
                    "--out", acts, "--quiet"], check=True, capture_output=True)
    judged = {}
    for name, path in saes.items():
        out = subprocess.run([sae, "eval", path, "--acts", acts, "--quiet", "--json"], check=True, capture_output=True)
        judged[name] = {key: json.loads(out.stdout)["saes"][0][key] for key in ("l0", "fvu")}
    return judged


def main():
    problem = arguments()
    if problem.worker:
        return worker(problem)
    runs = {"sae.c": sae_c("fp32"), "SAELens": sae_lens}
    if bf16_is_there(problem.build, problem.model, problem.held_out):
        runs["sae.c, bf16"] = sae_c("bf16")
    times = {name: [] for name in runs}
    folder = pathlib.Path(tempfile.mkdtemp(prefix="end-to-end-", dir=problem.build))
    try:
        for i in range(problem.rounds):
            for name, run in runs.items():
                print(f"round {i + 1} of {problem.rounds}: {name}", file=sys.stderr, flush=True)
                out = folder / name
                shutil.rmtree(out, ignore_errors=True)
                times[name].append(run(problem, out))
        judged = judge(problem, folder, {name: folder / name for name in runs})
    finally:
        shutil.rmtree(folder)
    records = []
    for name, rounds in times.items():
        record = {"name": name, **{key: statistics.median(r[key] for r in rounds) for key in rounds[0]}, **judged[name]}
        for key in ("seconds", "processor"):
            record["times_" + key] = statistics.median(
                theirs[key] / ours[key] for theirs, ours in zip(times["SAELens"], rounds))
        records.append(record)
    show(problem, records)
    if problem.out:
        shape = {key: getattr(problem, key) for key in ("tokens", "batch", "n", "k", "ctx", "layer", "threads", "rounds")}
        packages = {name: importlib.metadata.version(name) for name in ("torch", "sae-lens", "transformers")}
        pathlib.Path(problem.out).write_text(json.dumps({**shape, "packages": packages, "runs": records}, indent=1) + "\n")
        print(f"Wrote {problem.out}")


def show(problem, records):
    print(f"From text to a saved SAE: {steps(problem) * problem.batch} tokens in batches of {problem.batch}, after block "
          f"{problem.layer}, {problem.n} latents, k = {problem.k}, {problem.threads} threads; medians of {problem.rounds}")
    print(f"{'':12} {'seconds':>8} {'model':>7} {'SAE':>7} {'processor s':>11} {'faster ×':>8} {'(processor)':>11} "
          f"{'FVU':>7} {'L0':>6}")
    for r in records:
        print(f"{r['name']:12} {r['seconds']:8.1f} {r['model']:7.1f} {r['train']:7.1f} {r['processor']:11.1f} "
              f"{r['times_seconds']:8.2f} {r['times_processor']:11.2f} {r['fvu']:7.4f} {r['l0']:6.2f}")


if __name__ == "__main__":
    main()
