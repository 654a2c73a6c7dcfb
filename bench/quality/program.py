"""What the measurements here share: a run of `sae train`, and the rows of a harvest."""

import json
import pathlib
import subprocess

import numpy as np
from safetensors.numpy import load_file


def train(sae, acts, out, **options):
    """The JSON object of one run of `sae train`; options by their names without dashes ("held-out" as **{...})."""
    command = [sae, "train", "--json", "--quiet", "--force", "--acts", str(acts), "--out", str(out)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def usable_rows(folder):
    """Rows of an activation directory without the first position of each context."""
    shards = [load_file(path) for path in sorted(pathlib.Path(folder).glob("acts-*.safetensors"))]
    return np.concatenate([shard["acts"][shard["positions"] != 0].astype(np.float32) for shard in shards])
