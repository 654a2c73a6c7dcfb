"""How long the experiments take and how much disk they need, from short runs of the same commands."""

import dataclasses
import json
import pathlib
import shutil
import tempfile

TRIAL_TOKENS = 16_384
TRIAL_BATCH = 2048
PASSES = 5        # over the held-out activations for each SAE: evaluation, family, stitching with its two neighbours, meta-SAE
BYTES_IN_RUN = 5  # a training SAE's checkpoints and its final file, in units of its parameters


@dataclasses.dataclass(frozen=True)
class Cost:
    parts: tuple  # (what, seconds)
    disk: int     # bytes
    free: int

    @property
    def hours(self):
        return sum(seconds for _, seconds in self.parts) / 3600

    def words(self):
        lines = ["Before starting, from short runs of the same commands on this machine:"]
        lines += [f"  {what:44} {duration(seconds):>12}" for what, seconds in (*self.parts, ("in all, about", 3600 * self.hours))]
        lines.append(f"  {'disk':44} {self.disk / 1e9:9.1f} GB")
        if self.disk > self.free:
            lines.append(f"  There are only {self.free / 1e9:.1f} GB free: it will not fit.")
        return "\n".join(lines)


def duration(seconds):
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def seconds_per_token(program, job, scratch, widths, ks):
    """Of training, from two runs of different length: what a run costs besides its tokens falls out."""
    seconds = []
    for batches in (2, 6):
        done = program.call("train", "--acts", scratch / "acts", *job.setting.train_options, "--batch", TRIAL_BATCH, "--width",
                            ",".join(map(str, widths)), "--k", ",".join(map(str, ks)), "--tokens", batches * TRIAL_BATCH,
                            "--checkpoint-every", 0, "--out", scratch / "saes", "--force", quiet=True)
        seconds.append(done["seconds"])
    return max(seconds[1] - seconds[0], 0) / (4 * TRIAL_BATCH)


def of(job, program):
    kept = program.out / "steps" / "estimate.json"
    free = shutil.disk_usage(program.out).free
    of_what = [dataclasses.asdict(job.setting), *map(str, job.text(job.args.text))]
    stored = json.loads(kept.read_text()) if kept.exists() else {}
    if stored.get("of") == json.loads(json.dumps(of_what)):
        return Cost(tuple(map(tuple, stored["parts"])), stored["disk"], free)
    print("Estimating time and disk …", flush=True)
    setting = job.setting
    with tempfile.TemporaryDirectory(dir=program.out) as name:
        scratch = pathlib.Path(name)
        harvest = program.call("harvest", *job.text(job.args.text), "--max-tokens", TRIAL_TOKENS, "--out", scratch / "acts", quiet=True)
        d = harvest["d"]
        harvesting = harvest["seconds"] / max(harvest["tokens"], 1)
        training = seconds_per_token(program, job, scratch, setting.widths, setting.ks)
    tokens = setting.harvest_tokens + setting.held_out_tokens
    streamed = 0 if setting.harvest_tokens else setting.train_tokens
    parts = (("activations of the language model", (tokens + streamed) * harvesting),
             (f"training {len(setting.widths) * len(setting.ks)} SAEs", setting.train_tokens * training),
             ("evaluating, comparing and stitching", PASSES * setting.held_out_tokens * training))
    parameters = sum(2 * width * d for width in setting.widths) * len(setting.ks)
    disk = 4 * (tokens * (d + 3) + BYTES_IN_RUN * parameters)
    kept.write_text(json.dumps({"of": of_what, "parts": parts, "disk": disk}))
    return Cost(parts, disk, free)
