#!/usr/bin/env python3
"""Files of tools that have no package to load them with, read by libsae and judged by a float64 forward pass: Gemma Scope,
OpenAI, BatchTopK, Matryoshka. The files and the pass are those of the golden data (make_format_golden.py), larger.

    formats_forward.py BUILD_FOLDER
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from common import Report
from sae_library import D, K, N, ROWS, TOLERANCE, Model, open_sae_library

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
import make_format_golden as golden  # noqa: E402


def clear_rows(rng, w, options):
    kept = np.empty((0, D), np.float32)
    while len(kept) < ROWS:
        x = (1.5 * rng.standard_normal((4 * ROWS, D)) + rng.standard_normal(D)).astype(np.float32)
        kept = np.concatenate([kept, x[golden.forward(w, x.astype(np.float64), **options)[1] > 1e-4]])
    return kept[:ROWS]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    lib, tally = open_sae_library(sys.argv[1]), Report()
    golden.D, golden.N, golden.K = D, N, K
    with tempfile.TemporaryDirectory() as name:
        golden.FOLDER = Path(name)
        rng, cases = np.random.default_rng(7), {}

        def expect(case, w, **options):
            cases[case] = w, {"k": K, **options}

        for make in (golden.make_npz, golden.make_openai, golden.make_batchtopk):
            make(rng, expect)
        for case, (w, options) in cases.items():
            path = Path(name) / case
            ours = Model.load_theta(lib, path, 0.6) if case == "btk_batchtopk" else Model.load(lib, path)
            x = clear_rows(rng, w, options)
            tally.close(f"{case}: reconstructions", ours.run(x)[1], golden.forward(w, x.astype(np.float64), **options)[0], TOLERANCE)
    tally.finish()


if __name__ == "__main__":
    main()
