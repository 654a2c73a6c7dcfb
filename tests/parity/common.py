"""What every parity suite needs: the shared library, its error and environment structures, the tally."""

import ctypes
import glob
import os
import sys

import numpy as np


class Error(ctypes.Structure):
    """sae_error"""
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 768)]


class Env(ctypes.Structure):
    """sae_env"""
    _fields_ = [("threads", ctypes.c_int), ("log", ctypes.c_void_p), ("progress", ctypes.c_void_p),
                ("ud", ctypes.c_void_p), ("stop", ctypes.c_void_p)]


class SaeError(Exception):
    """A call that failed, with the library's sentence."""


def open_library(build):
    """libsae.so of a build folder."""
    found = glob.glob(os.path.join(build, "**", "libsae.so"), recursive=True)
    if not found:
        sys.exit(f"no libsae.so in {build}: build it first")
    return ctypes.CDLL(found[0])


class Report:
    """One line per check, and the count at the end."""

    def __init__(self):
        self.passed = self.failed = 0

    def line(self, name, good, figure=""):
        self.passed += bool(good)
        self.failed += not good
        print(f"{'ok  ' if good else 'FAIL'} {name}  {figure}".rstrip(), flush=True)

    def close(self, name, ours, reference, limit):
        """max|Δ| / max|ref| ≤ limit."""
        ours, reference = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
        error = float(np.abs(ours - reference).max() / np.abs(reference).max())
        self.line(name, error <= limit, f"max|Δ|/max|ref| = {error:.2e}, allowed {limit:.0e}")

    def near(self, name, ours, reference, limit):
        """‖Δ‖ / ‖ref‖ ≤ limit."""
        ours, reference = np.asarray(ours, np.float64), np.asarray(reference, np.float64)
        error = float(np.linalg.norm(ours - reference) / np.linalg.norm(reference))
        self.line(name, error <= limit, f"‖Δ‖/‖ref‖ = {error:.2e}, allowed {limit:.0e}")

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed else 0)
