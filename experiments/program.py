"""Running `sae`, one step after the other; a step whose result is there is not run again."""

import json
import pathlib
import subprocess
import time


class Program:
    def __init__(self, path, out):
        self.path, self.out = str(path), pathlib.Path(out)
        (self.out / "steps").mkdir(parents=True, exist_ok=True)

    def call(self, *arguments, quiet=False):
        """The JSON object that the command prints; its progress goes to the terminal."""
        command = [self.path, *map(str, arguments), "--json"] + (["--quiet"] if quiet else [])
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"experiments: this failed, and the same command goes on from here:\n  {' '.join(command)}")
        return json.loads(done.stdout)

    def step(self, name, *arguments):
        """As call, but once: the object is kept as OUT/steps/NAME.json, with the seconds that it took."""
        kept = self.out / "steps" / f"{name}.json"
        if not kept.exists():
            print(f"== {name}: sae {' '.join(map(str, arguments))}", flush=True)
            start = time.monotonic()
            result = self.call(*arguments)
            result["step_seconds"] = time.monotonic() - start
            part = kept.with_suffix(".part")
            part.write_text(json.dumps(result))
            part.rename(kept)
        return json.loads(kept.read_text())

    def train(self, name, out, *arguments):
        """As step, for a run of `sae train`, which goes on from its checkpoint if it was stopped."""
        started = (pathlib.Path(out) / "run.json").exists() and not (self.out / "steps" / f"{name}.json").exists()
        return self.step(name, "train", *arguments, "--out", out, *(("--resume",) if started else ()))
