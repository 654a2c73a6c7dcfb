#!/usr/bin/env python3
"""Makes the files io_*: what NumPy, PyTorch and the safetensors library write, for the C tests of the readers.

    make_io_golden.py [--check]      writes into this folder; --check compares with what is there

io_dtypes.safetensors   by safetensors.torch, metadata {"text": 'quote " and é'}
    f32       F32 [1000]       random bit patterns of all kinds: subnormal, infinite, NaN
    f16, bf16, f64             the same numbers converted by torch
    i64, i32, u8, i8, bool     small random numbers; i8 and bool are listed but not read
    matrix    F32 [3, 4]       0 … 11;   scalar F32 [];   none F32 [0, 5]
io_numpy_half.safetensors      by safetensors.numpy: f32 and f16, the conversion done by NumPy
io_TYPE.npy                    (5, 3) of f2, f4, f8, i4, i8, u1, u2: (i·37) mod 101 (− 50 where signed)
io_v2.npy, io_v3.npy           (5, 3) of f4 in format 2.0 and 3.0
io_fortran.npy, io_big_endian.npy, io_record.npy      what has to be refused
io_codes.safetensors           a code file made by hand: 4 rows, of 10 latents, with 2, 0, 1 and 3 active
io_acts/                       an activation directory made by hand: acts.json and 2 shards of 3 and 2 rows, f16, d = 4;
                               row r is r + [0, 0.25, 0.5, 0.75], token 10 + r, position r, document 0
"""

import argparse
import json
import pathlib
import sys
import tempfile

import numpy as np
import torch
from safetensors.numpy import save_file as save_numpy
from safetensors.torch import save_file as save_torch

HERE = pathlib.Path(__file__).resolve().parent


def make(out: pathlib.Path) -> None:
    rng = np.random.default_rng(20261123)
    bits = rng.integers(0, 2**32, 1000, dtype=np.uint64).astype(np.uint32)
    # Two thirds of them in the range of f16, where rounding is most varied; then the special ones.
    bits[:667] = (bits[:667] & 0x80000FFF) | ((bits[:667] >> 12) % 0x14800 + 0x33000 << 12).astype(np.uint32)
    special = [0, 0x80000000, 1, 0x80000001, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7F800001, 0x7FC00000, 0xFFFFFFFF,
               0x477FE000, 0x477FEFFF, 0x477FF000, 0x477FF001, 0x33000000, 0x33000001, 0x32FFFFFF, 0x387FC000,
               0x387FE000, 0x38800000, 0x7F7F7FFF, 0x7F7F8000, 0x007FFFFF, 0x00800000]
    bits[-len(special):] = special
    f32 = torch.from_numpy(bits.view(np.float32))
    small = torch.from_numpy(rng.integers(0, 100, 7))
    save_torch(
        {
            "f32": f32,
            "f16": f32.to(torch.float16),
            "bf16": f32.to(torch.bfloat16),
            "f64": f32.to(torch.float64),
            "i64": small - 50,
            "i32": (small - 50).to(torch.int32),
            "u8": small.to(torch.uint8),
            "i8": small.to(torch.int8),
            "bool": small > 50,
            "matrix": torch.arange(12, dtype=torch.float32).reshape(3, 4),
            "scalar": torch.tensor(2.5),
            "none": torch.zeros(0, 5),
        },
        out / "io_dtypes.safetensors",
        metadata={"text": 'quote " and é'},  # one: the library writes several in random order
    )
    with np.errstate(over="ignore", invalid="ignore"):
        save_numpy({"f32": f32.numpy(), "f16": f32.numpy().astype(np.float16)}, out / "io_numpy_half.safetensors")

    values = np.arange(15).reshape(5, 3) * 37 % 101
    for code in ("f2", "f4", "f8", "i4", "i8", "u1", "u2"):
        np.save(out / f"io_{code}.npy", (values - (0 if code[0] == "u" else 50)).astype("<" + code))
    matrix = (values - 50).astype("<f4")
    for version in (2, 3):
        with open(out / f"io_v{version}.npy", "wb") as file:
            np.lib.format.write_array(file, matrix, version=(version, 0))
    np.save(out / "io_fortran.npy", np.asfortranarray(matrix))
    np.save(out / "io_big_endian.npy", matrix.astype(">f4"))
    np.save(out / "io_record.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))

    number = np.arange(4, dtype=np.int32)
    columns = {
        "row_offsets": np.array([0, 2, 2, 3, 6], dtype=np.int64),
        "latents": np.array([1, 7, 0, 2, 3, 9], dtype=np.int32),
        "values": np.array([0.5, 1.5, 2.5, 3.5, 4.5, 5.5], dtype=np.float32),
        "tokens": 10 + number,
        "positions": number,
        "docs": 0 * number,
    }
    header, data = {"__metadata__": {"n_latents": "10", "d": "4", "model": "golden"}}, b""
    for name, column in columns.items():
        begin, data = len(data), data + column.tobytes()
        header[name] = {"dtype": {"i": "I", "f": "F"}[column.dtype.kind] + str(8 * column.itemsize),
                        "shape": list(column.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    (out / "io_codes.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + data)

    acts = out / "io_acts"
    acts.mkdir(exist_ok=True)
    rows = (np.arange(5)[:, None] + np.arange(4) / 4).astype(np.float16)
    for i, (a, b) in enumerate(((0, 3), (3, 5))):
        number = np.arange(a, b, dtype=np.int32)
        save_numpy(
            {"acts": rows[a:b].copy(), "tokens": 10 + number, "positions": number, "docs": 0 * number},
            acts / f"acts-{i:05d}.safetensors",
        )
    meta = {"model": "golden", "hook_name": "blocks.0.hook_resid_pre", "d": 4, "n_tokens": 5, "ctx": 5, "dtype": "f16",
            "prepend_bos": False, "center_residual": True}
    (acts / "acts.json").write_text(json.dumps(meta))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare with the files that are there, write nothing")
    if not parser.parse_args().check:
        make(HERE)
        return
    with tempfile.TemporaryDirectory() as name:
        made = pathlib.Path(name)
        make(made)
        for path in sorted(p for p in made.rglob("*") if p.is_file()):
            there = HERE / path.relative_to(made)
            if not there.exists() or there.read_bytes() != path.read_bytes():
                sys.exit(f"{there} differs from what this script makes")


if __name__ == "__main__":
    main()
