"""Running `sae`, one step after the other; a step whose result is there is not run again while its command is the same."""

import json
import pathlib
import subprocess
import time


class Program:
    def __init__(self, path, out):
        self.path, self.out = str(path), pathlib.Path(out)
        self.reached = {"estimate"}
        (self.out / "steps").mkdir(parents=True, exist_ok=True)

    def call(self, *arguments, quiet=False):
        """The JSON object that the command prints; its progress goes to the terminal."""
        command = [self.path, *map(str, arguments), "--json"] + (["--quiet"] if quiet else [])
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(f"experiments: this failed, and the same command goes on from here:\n  {' '.join(command)}")
        return json.loads(done.stdout)

    def forget_later(self):
        """Removes what is kept of all steps that this run has not come to: they were made from something else."""
        for path in (self.out / "steps").iterdir():
            if path.stem not in self.reached:
                path.unlink()

    def step(self, name, *arguments, anew=(), resume=()):
        """As call, but once: the object is kept as OUT/steps/NAME.json, with the seconds that it took, and the command beside it.
        With other arguments than before the step is made again, and so is all that follows. `anew`: options for that, `resume`
        for a step that was stopped."""
        kept, begun = (self.out / "steps" / f"{name}.{end}" for end in ("json", "command"))
        command = json.dumps(list(map(str, arguments)))
        same = begun.exists() and begun.read_text() == command
        if not same:
            self.forget_later()
            begun.write_text(command)
        self.reached.add(name)
        if not kept.exists():
            print(f"== {name}: sae {' '.join(map(str, arguments))}", flush=True)
            start = time.monotonic()
            result = self.call(*arguments, *(resume if same else anew))
            result["step_seconds"] = time.monotonic() - start
            part = kept.with_suffix(".part")
            part.write_text(json.dumps(result))
            part.rename(kept)
        return json.loads(kept.read_text())

    def train(self, name, out, *arguments):
        """As step, for a run of `sae train`, which goes on from its checkpoint if it was stopped."""
        resume = ("--resume",) if (pathlib.Path(out) / "run.json").exists() else ()
        return self.step(name, "train", *arguments, "--out", out, anew=("--force",), resume=resume)
