"""The step-by-step part of <sae/train.h> through ctypes, for the parity suites and the benchmarks.

Only structures whose fields are read here are mirrored; options are set by name through the library's
own table, so a field added to them needs no change here.
"""

import ctypes

import numpy as np

from common import Env, Error, SaeError, open_library

FLOATS = ctypes.POINTER(ctypes.c_float)
PARAMETERS = ("W_enc", "b_enc", "W_dec", "b_dec", "theta")  # theta: jumprelu


class View(ctypes.Structure):
    _fields_ = [("d", ctypes.c_int64), ("n", ctypes.c_int64),
                *((prefix + name, FLOATS) for prefix in ("", "m_", "v_") for name in PARAMETERS),
                ("tokens_since_fired", ctypes.POINTER(ctypes.c_int64))]


class Metrics(ctypes.Structure):
    _fields_ = [("step", ctypes.c_int64),
                *((name, ctypes.c_double) for name in ("loss", "mse", "aux", "l0", "fvu")),
                ("dead", ctypes.c_int64), *((name, ctypes.c_double) for name in ("theta", "lambda", "lr")),
                ("dense", ctypes.c_bool),
                *((name, ctypes.c_int64) for name in ("codes", "aux_codes", "rescored", "repeats")),
                *((name + "_seconds", ctypes.c_double)
                  for name in ("encode", "select", "decode", "update", "aux", "total"))]


class Options(ctypes.Structure):
    """sae_train_options: only the library looks inside; room enough for it to grow."""
    _fields_ = [("bytes", ctypes.c_char * 4096)]


def load(build):
    """The library of a build folder, with the prototypes used here."""
    lib = open_library(build)
    lib.sae_train_options_default.restype = Options
    lib.sae_train_option_table.restype = ctypes.c_void_p
    lib.sae_option_find.restype = ctypes.c_void_p
    lib.sae_option_find.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    lib.sae_option_set.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    lib.sae_trainer_create.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64,
                                       ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p]
    lib.sae_trainer_free.argtypes = lib.sae_trainer_refresh.argtypes = [ctypes.c_void_p]
    lib.sae_trainer_get_view.restype = View
    lib.sae_trainer_get_view.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    lib.sae_trainer_step.argtypes = [ctypes.c_void_p, FLOATS, ctypes.c_bool, ctypes.POINTER(Metrics), ctypes.c_void_p]
    return lib


class Trainer:
    """sae_trainer of one SAE. Options by their command-line names, with _ for -."""

    def __init__(self, build, d, batch, steps, threads=0, **options):
        self.lib = load(build)
        self.error = Error()
        self.env = Env(threads=threads)
        self.batch, self.d = batch, d
        choices = self.lib.sae_train_options_default()
        count = ctypes.c_size_t()
        table = self.lib.sae_train_option_table(ctypes.byref(count))
        self.texts = []  # the library borrows them
        for name, value in options.items():
            option = self.lib.sae_option_find(table, count, name.replace("_", "-").encode())
            if not option:
                raise KeyError(f"sae train has no option {name}")
            self.texts.append(str(value).encode())
            self.check(self.lib.sae_option_set(option, ctypes.byref(choices), self.texts[-1], self.e()))
        self.configs, n_configs = ctypes.c_void_p(), ctypes.c_size_t()
        self.check(self.lib.sae_train_grid(ctypes.byref(choices), ctypes.byref(self.configs), ctypes.byref(n_configs),
                                           self.e()))
        assert n_configs.value == 1
        self.handle = ctypes.c_void_p()
        self.check(self.lib.sae_trainer_create(ctypes.byref(self.handle), self.configs, 1, d, batch, steps,
                                               ctypes.byref(self.env), self.e()))
        self.view = self.lib.sae_trainer_get_view(self.handle, 0)

    def e(self):
        return ctypes.byref(self.error)

    def check(self, status):
        if status:
            raise SaeError(self.error.message.decode())

    def array(self, name):
        """A parameter or moment ("W_enc", "m_W_enc", …, "tokens_since_fired"), shared with the trainer."""
        n, d = self.view.n, self.view.d
        kind = name.removeprefix("m_").removeprefix("v_")
        shape = {"W_enc": (n, d), "b_enc": (n,), "W_dec": (n, d), "b_dec": (d,), "theta": (n,),
                 "tokens_since_fired": (n,)}[kind]
        return np.ctypeslib.as_array(getattr(self.view, name), shape)

    def set(self, **arrays):
        for name, value in arrays.items():
            self.array(name)[...] = value
        self.lib.sae_trainer_refresh(self.handle)

    def step(self, x, want_fvu=False):
        """One step on x [batch, d] (left as it is); its Metrics."""
        x = np.array(x, dtype=np.float32, order="C")
        assert x.shape == (self.batch, self.d)
        metrics = Metrics()
        self.check(self.lib.sae_trainer_step(self.handle, x.ctypes.data_as(FLOATS), want_fvu, ctypes.byref(metrics),
                                             self.e()))
        return metrics

    def close(self):
        self.lib.sae_trainer_free(self.handle)
        self.handle = None
