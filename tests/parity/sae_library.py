"""libsae's SAEs for the suites that compare formats: ctypes over <sae/model.h>, random weights, and rows on which
every precision chooses the same latents."""

import ctypes

import numpy as np
from common import Error, open_library

D, N, K, ROWS = 96, 384, 12, 1000
TOLERANCE = 1e-5
RELU, TOPK, BATCHTOPK, JUMPRELU, MATRYOSHKA = range(5)
FORMATS = ("saelens", "sparsify", "dictionary_learning", "npz", "openai", "batchtopk")

c_float_p = ctypes.POINTER(ctypes.c_float)


class Meta(ctypes.Structure):
    _fields_ = [
        ("model", ctypes.c_char * 256),
        ("hook_name", ctypes.c_char * 128),
        ("d", ctypes.c_int64),
        ("n_tokens", ctypes.c_int64),
        ("ctx", ctypes.c_int64),
        ("dtype", ctypes.c_int),
        ("prepend_bos", ctypes.c_bool),
        ("center_residual", ctypes.c_bool),
        ("precision", ctypes.c_char * 8),
    ]


class Info(ctypes.Structure):
    _fields_ = [
        ("d", ctypes.c_int64),
        ("n", ctypes.c_int64),
        ("rule", ctypes.c_int),
        ("k", ctypes.c_int64),
        ("arch", ctypes.c_int),
        ("input_norm", ctypes.c_int),
        ("subtract_b_dec", ctypes.c_bool),
        ("has_theta", ctypes.c_bool),
        ("theta", ctypes.c_double),
        ("acts", Meta),
        ("knows_bos", ctypes.c_bool),
        ("knows_centering", ctypes.c_bool),
    ]


class Weights(ctypes.Structure):
    _fields_ = [(name, c_float_p) for name in ("W_enc", "b_enc", "W_dec", "b_dec", "threshold")]


class Codes(ctypes.Structure):
    _fields_ = [
        ("rows", ctypes.c_int64),
        ("capacity", ctypes.c_int64),
        ("row_capacity", ctypes.c_int64),
        ("row_offsets", ctypes.POINTER(ctypes.c_int64)),
        ("latents", ctypes.POINTER(ctypes.c_int32)),
        ("values", c_float_p),
    ]


def open_sae_library(build):
    lib = open_library(build)
    lib.sae_codes_new.restype = ctypes.POINTER(Codes)
    lib.sae_model_get_info.restype = ctypes.POINTER(Info)
    lib.sae_model_get_weights.restype = Weights
    return lib


class Model:
    """One sae_model, used through the public functions only."""

    def __init__(self, lib):
        self.lib, self.handle, self.error = lib, ctypes.c_void_p(), Error()

    def call(self, function, *args):
        if function(*args, ctypes.byref(self.error)) != 0:
            raise RuntimeError(self.error.message.decode())

    @classmethod
    def load(cls, lib, path):
        self = cls(lib)
        self.call(lib.sae_model_load, ctypes.byref(self.handle), str(path).encode())
        return self

    @classmethod
    def load_theta(cls, lib, path, theta):
        self = cls(lib)
        self.call(lib.sae_model_load_theta, ctypes.byref(self.handle), str(path).encode(), ctypes.c_double(theta))
        return self

    @classmethod
    def create(cls, lib, info, arrays):
        self = cls(lib)
        self.arrays = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in arrays.items()}
        weights = Weights(**{k: v.ctypes.data_as(c_float_p) for k, v in self.arrays.items()})
        self.call(lib.sae_model_create, ctypes.byref(self.handle), ctypes.byref(info), ctypes.byref(weights))
        return self

    def save(self, path):
        self.call(self.lib.sae_model_save, self.handle, str(path).encode())

    def save_as(self, format, path):
        self.call(self.lib.sae_model_save_as, self.handle, FORMATS.index(format), str(path).encode())

    def format(self):
        return FORMATS[self.lib.sae_model_get_format(self.handle)]

    def info(self):
        return self.lib.sae_model_get_info(self.handle).contents

    def weights(self):
        """Copies in float64."""
        info, w = self.info(), self.lib.sae_model_get_weights(self.handle)
        shapes = dict(W_enc=(info.n, info.d), b_enc=(info.n,), W_dec=(info.n, info.d), b_dec=(info.d,))
        if info.rule == 1:
            shapes["threshold"] = (info.n,)
        return {name: np.ctypeslib.as_array(getattr(w, name), shape).astype(np.float64) for name, shape in shapes.items()}

    def clear_rows(self, rng):
        """Random rows on which no latent lies within 1e-4 of being chosen otherwise, in the units of this SAE."""
        info = self.info()
        rule = "topk" if info.rule == 0 else "jumprelu"
        return clear_rows(rng, self.weights(), rule, info.input_norm == 1, info.subtract_b_dec, False, info.k)

    def run(self, x):
        """Dense activations and reconstructions of x."""
        x = np.ascontiguousarray(x, dtype=np.float32)
        out = np.empty_like(x)
        codes = self.lib.sae_codes_new()
        pointer = x.ctypes.data_as(c_float_p)
        self.call(self.lib.sae_model_encode, self.handle, pointer, ctypes.c_int64(len(x)), codes, None)
        self.call(self.lib.sae_model_decode, self.handle, codes, pointer, out.ctypes.data_as(c_float_p), None)
        c = codes.contents
        offsets = np.ctypeslib.as_array(c.row_offsets, (len(x) + 1,))
        acts = np.zeros((len(x), self.info().n), dtype=np.float32)
        if offsets[-1]:
            rows = np.repeat(np.arange(len(x)), np.diff(offsets))
            acts[rows, np.ctypeslib.as_array(c.latents, (offsets[-1],))] = np.ctypeslib.as_array(c.values, (offsets[-1],))
        self.lib.sae_codes_free(codes)
        return acts, out


def random_weights(rng, norms=False):
    W_dec = rng.standard_normal((N, D))
    W_dec /= np.linalg.norm(W_dec, axis=1, keepdims=True)
    W_enc = W_dec + 0.3 * rng.standard_normal((N, D)) / np.sqrt(D)
    if norms:
        W_dec *= rng.uniform(0.3, 3, (N, 1))
    weights = dict(
        W_enc=W_enc, b_enc=0.3 * rng.standard_normal(N), W_dec=W_dec, b_dec=rng.standard_normal(D), threshold=rng.uniform(0.5, 3, N)
    )
    return {k: v.astype(np.float32) for k, v in weights.items()}


def clear_rows(rng, w, rule, token, subtract, rescale, k=K):
    """Rows on which no latent lies within 1e-4 of being chosen otherwise."""
    w = {k: v.astype(np.float64) for k, v in w.items()}
    kept = np.empty((0, D))
    while len(kept) < ROWS:
        x = (2 * rng.standard_normal((4 * ROWS, D)) + rng.standard_normal(D)).astype(np.float32).astype(np.float64)
        s = (x - x.mean(1, keepdims=True)) / (x.std(1, ddof=1, keepdims=True) + 1e-5) if token else x
        z = (s - w["b_dec"] * subtract) @ w["W_enc"].T + w["b_enc"]
        if rescale:
            z *= np.linalg.norm(w["W_dec"], axis=1)
        if rule == "topk":
            order = -np.sort(-z, axis=1)
            gap = np.minimum(order[:, k - 1] - order[:, k], np.abs(order[:, k - 1]))
        else:
            gap = np.abs(z - (w["threshold"] if rule == "jumprelu" else 0)).min(1)
        kept = np.concatenate([kept, x[gap > 1e-4]])
    return kept[:ROWS].astype(np.float32)
