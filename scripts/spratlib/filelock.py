# SPDX-License-Identifier: BSD-2-Clause
"""Files that one process at a time works on. The kernel frees a lock, however its holder ends."""

import contextlib
import fcntl
import os
import subprocess

from spratlib.errors import SpratError


@contextlib.contextmanager
def locked(path, timeout_s, report=lambda line: None):
    """Hold the lock file `path`; others wait, for `timeout_s` at most."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("waiting for another sprat that prepares the same")
            try:
                flock_within(descriptor, timeout_s)
            except TimeoutError:
                raise SpratError(f"another process has held {path} for {timeout_s} s") from None
        yield
    finally:
        os.close(descriptor)


def flock_within(descriptor, timeout_s):
    """Lock a descriptor's file. flock() knows no time limit, so a child does it, on the same open
    file. Raises TimeoutError."""
    waiter = subprocess.Popen(["flock", str(descriptor)], pass_fds=(descriptor,))
    try:
        if waiter.wait(timeout_s) != 0:
            raise SpratError("flock(1) fails")
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"the lock is held for {timeout_s} s already") from None
    finally:
        waiter.kill()
        waiter.wait()
