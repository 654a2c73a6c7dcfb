"""libsae's language model and tokenizer through ctypes, for the parity scripts."""
import ctypes as C

import numpy as np

from common import Env, Error, SaeError, open_library


class Info(C.Structure):
    _fields_ = [("name", C.c_char_p)] + [(f, C.c_int64) for f in
                ("layers", "d", "heads", "d_mlp", "positions", "vocab", "parameters")] + [("eos", C.c_int32), ("precision", C.c_int)]


class Hook(C.Structure):
    _fields_ = [("layer", C.c_int), ("site", C.c_int)]


REPLACE = C.CFUNCTYPE(C.c_int, C.c_void_p, C.c_int64, C.c_int64, C.POINTER(C.c_float), C.POINTER(Error))


class Run(C.Structure):
    _fields_ = [("fn", REPLACE), ("ud", C.c_void_p)]


def load(build):
    """The library of a build folder."""
    lib = open_library(build)
    lib.sae_tokenizer_bytes.restype = C.c_void_p
    lib.sae_lm_get_info.restype = Info
    lib.sae_hook_width.restype = C.c_int64
    return lib


def check(lib_call, *args):
    err = Error()
    if lib_call(*args, C.byref(err)) != 0:
        raise SaeError(err.message.decode())


def floats(array):
    return array.ctypes.data_as(C.POINTER(C.c_float))


class Tokenizer:
    def __init__(self, lib, path):
        self.lib, self.handle = lib, C.c_void_p()
        check(lib.sae_tokenizer_open, C.byref(self.handle), str(path).encode())

    def encode(self, data, parse_special=False):
        ids, count, capacity = C.POINTER(C.c_int32)(), C.c_int64(0), C.c_int64(0)
        check(self.lib.sae_tokenizer_encode, self.handle, data, C.c_size_t(len(data)), C.c_bool(parse_special),
              C.byref(ids), C.byref(count), C.byref(capacity))
        out = np.ctypeslib.as_array(ids, (count.value,)).copy() if count.value else np.zeros(0, np.int32)
        C.CDLL(None).free(ids)
        return out

    def bytes(self, token):
        length = C.c_size_t()
        data = self.lib.sae_tokenizer_bytes(self.handle, C.c_int32(token), C.byref(length))
        return C.string_at(data, length.value) if data else None

    def __del__(self):
        self.lib.sae_tokenizer_close(self.handle)


class Model:
    def __init__(self, lib, path, threads=0):
        self.lib, self.handle, self.env = lib, C.c_void_p(), Env(threads=threads)
        check(lib.sae_lm_open, C.byref(self.handle), str(path).encode(), C.byref(self.env))
        self.info = lib.sae_lm_get_info(self.handle)

    def __del__(self):
        self.lib.sae_lm_close(self.handle)

    def set_precision(self, word):
        check(self.lib.sae_lm_set_precision, self.handle, C.c_int(("fp32", "bf16").index(word)), C.byref(self.env))

    def hook(self, name):
        hook = Hook()
        check(self.lib.sae_hook_parse, C.byref(hook), self.handle, name.encode())
        return hook

    def hooks(self, tokens, names, center=False):
        tokens = np.ascontiguousarray(tokens, np.int32)
        hooks = (Hook * len(names))(*[self.hook(n) for n in names])
        outs = [np.empty((tokens.size, self.lib.sae_hook_width(self.handle, h)), np.float32) for h in hooks]
        pointers = (C.POINTER(C.c_float) * len(names))(*[floats(o) for o in outs])
        check(self.lib.sae_lm_hooks, self.handle, tokens.ctypes.data_as(C.c_void_p), C.c_int64(tokens.shape[0]),
              C.c_int64(tokens.shape[1]), hooks, C.c_size_t(len(names)), C.c_bool(center), pointers,
              C.byref(self.env))
        return dict(zip(names, outs))

    def logits(self, tokens):
        tokens = np.ascontiguousarray(tokens, np.int32)
        out = np.empty((tokens.size, self.info.vocab), np.float32)
        check(self.lib.sae_lm_logits, self.handle, tokens.ctypes.data_as(C.c_void_p), C.c_int64(tokens.shape[0]),
              C.c_int64(tokens.shape[1]), floats(out), C.byref(self.env))
        return out

    def losses(self, tokens, name, replacements, center=False, keep=None):
        """replacements: per run a function [n, width] → [n, width], or None for the clean run."""
        tokens = np.ascontiguousarray(tokens, np.int32)
        hook = self.hook(name)
        width = self.lib.sae_hook_width(self.handle, hook)

        def wrap(function):
            def call(_, first, n, rows, __):
                view = np.ctypeslib.as_array(rows, (n, width))
                view[:] = function(view.copy(), first)
                return 0
            return REPLACE(call) if function else REPLACE()

        runs = (Run * len(replacements))(*[Run(wrap(f), None) for f in replacements])
        losses, kls = np.zeros(len(runs)), np.zeros(len(runs))
        targets = C.c_int64(0)
        keep = None if keep is None else np.ascontiguousarray(keep, np.uint8)
        check(self.lib.sae_lm_losses, self.handle, tokens.ctypes.data_as(C.c_void_p), C.c_int64(tokens.shape[0]),
              C.c_int64(tokens.shape[1]), hook, C.c_bool(center),
              None if keep is None else keep.ctypes.data_as(C.c_void_p), runs, C.c_size_t(len(runs)),
              losses.ctypes.data_as(C.c_void_p), kls.ctypes.data_as(C.c_void_p), C.byref(targets),
              C.byref(self.env))
        return losses, kls, targets.value
