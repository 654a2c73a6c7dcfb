"""Runs the paper's experiments with `sae` and writes a page that puts its claims beside what was found.

usage: run.py --sae PROGRAM --out DIR --page FILE --setting demo|paper --model DIR --text FILE --held-out-text FILE [options]

Activations, SAEs of every width and k from one pass, their evaluation, comparison and stitching of neighbours, a meta-SAE of the
largest, and SAEs whose L0 was asked for. A run that was stopped goes on where it was; with other options it makes
again what they change. Needs Python's standard library only.
"""

import argparse
import dataclasses
import pathlib
import sys

import estimate
import page
from program import Program
from settings import SETTINGS


def numbers(text):
    return tuple(int(part) for part in text.split(","))


def arguments():
    parser = argparse.ArgumentParser(description="the paper's experiments, and a page about what came out")
    parser.add_argument("--sae", required=True, help="the program")
    parser.add_argument("--out", required=True, help="folder for everything that is made")
    parser.add_argument("--page", required=True, help="Markdown page to write")
    parser.add_argument("--setting", required=True, choices=SETTINGS, help="sizes: those of the demo, or those of the paper")
    parser.add_argument("--model", required=True, help="Hugging Face directory of a GPT-2")
    parser.add_argument("--text", required=True, help="text to train on")
    parser.add_argument("--held-out-text", required=True, help="text to judge and compare on")
    parser.add_argument("--split", help="lines equal to this separate documents of the text")
    parser.add_argument("--widths", type=numbers, help="instead of the setting's, as N,N,…")
    parser.add_argument("--ks", type=numbers, help="instead of the setting's, as K,K,…")
    parser.add_argument("--layer", type=int, help="instead of the setting's")
    parser.add_argument("--tokens", type=int, help="training tokens of each SAE, instead of the setting's")
    parser.add_argument("--held-out-tokens", type=int, help="tokens to judge and compare on, instead of the setting's")
    parser.add_argument("--estimate", action="store_true", help="only say how long it would take and how much disk it needs")
    parser.add_argument("--yes", action="store_true", help="do not ask before a run of more than an hour")
    args = parser.parse_args()
    changes = {"widths": args.widths, "ks": args.ks, "layer": args.layer, "train_tokens": args.tokens,
               "held_out_tokens": args.held_out_tokens}
    setting = dataclasses.replace(SETTINGS[args.setting], **{name: value for name, value in changes.items() if value is not None})
    if list(setting.widths) != sorted(set(setting.widths)) or len(setting.widths) < 2:
        parser.error("--widths must be at least two numbers, ascending")
    return args, setting


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything that a step needs to know."""
    args: argparse.Namespace
    setting: object
    out: pathlib.Path

    def text(self, path):
        """Options that name the model, the place in it and a text."""
        split = ("--split", self.args.split) if self.args.split else ()
        return ("--model", self.args.model, "--layer", self.setting.layer, "--text", path, *split)

    def train_source(self):
        if self.setting.harvest_tokens:
            return ("--acts", self.out / "acts")
        return self.text(self.args.text)

    def sae(self, width, k):
        """The folder of one SAE: `sae train` names it so when there are several."""
        return self.out / "saes" / f"batchtopk-{width}-k{k}"


def neighbours(widths):
    return list(zip(widths, widths[1:]))


def listed(values):
    return ",".join(map(str, values))


def run(job, program):
    """All results by name."""
    setting, args, out = job.setting, job.args, job.out
    acts = out / "acts-held-out"
    if setting.harvest_tokens:
        program.step("harvest", "harvest", *job.text(args.text), "--max-tokens", setting.harvest_tokens, "--out",
                     out / "acts", "--force")
    program.step("harvest-held-out", "harvest", *job.text(args.held_out_text), "--max-tokens", setting.held_out_tokens, "--out", acts,
                 "--force")
    found = {"train": program.train("train", out / "saes", *job.train_source(), *setting.train_options, "--width",
                                    listed(setting.widths), "--k", listed(setting.ks), "--tokens", setting.train_tokens)}
    saes = [job.sae(width, k) for width in setting.widths for k in setting.ks]
    judging = ("--acts", acts, "--model", args.model, "--text", args.held_out_text, "--text-tokens", setting.text_tokens,
               *(("--split", args.split) if args.split else ()))
    found["eval"] = program.step("eval", "eval", *saes, *judging)
    for k in setting.ks:
        family = program.step(f"family-k{k}", "compare", *(job.sae(width, k) for width in setting.widths), "--acts", acts, "--out",
                              out / f"family-k{k}", "--force")
        found["family", k] = family
        # Of two SAEs there is only the comparison itself.
        for (small, large), pair in zip(neighbours(setting.widths), family.get("neighbours", [family])):
            found["compare", k, small, large] = pair
            found["stitch", k, small, large] = program.step(
                f"stitch-{small}-{large}-k{k}", "stitch", job.sae(small, k), job.sae(large, k), "--acts", acts, "--every",
                max(1, large // 256), "--out", out / f"stitch-{small}-{large}-k{k}", "--force")
    largest, smallest = setting.widths[-1], setting.widths[0]
    for k in setting.ks:
        found["meta", k] = program.step(f"meta-k{k}", "meta", job.sae(largest, k), "--width", round(largest * setting.meta_share), "--k",
                                        setting.meta_k, "--acts", acts, "--against", job.sae(smallest, k), "--out",
                                        out / f"meta-k{k}", "--force")
    kinds, width, asked = setting.asked
    found["asked"] = program.train("asked", out / "asked", *job.train_source(), *setting.train_options, "--arch", kinds, "--width",
                                   width, "--l0", listed(asked), "--tokens", min(setting.train_tokens, 20_000_000))
    return found


def main():
    args, setting = arguments()
    out = pathlib.Path(args.out)
    job, program = Job(args, setting, out), Program(args.sae, out)
    cost = estimate.of(job, program)
    print(cost.words(), flush=True)
    if args.estimate:
        return
    if cost.hours > 1 and not args.yes and sys.stdin.isatty() and input("Go on? [y/N] ").strip().lower() != "y":
        raise SystemExit("experiments: not started")
    page.write(job, run(job, program), args.page)
    print(f"Wrote {args.page}")


if __name__ == "__main__":
    main()
