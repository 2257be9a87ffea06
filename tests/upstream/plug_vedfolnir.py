"""pytest plug-in: every Flask application of the suite that runs gets our sessions.

Loaded with `-p plug_vedfolnir`. The environment says which store (see test_flask_suite.py).
"""

from __future__ import annotations

import functools
import os
from typing import Any

from flask import Flask
from vedfolnir import Vedfolnir

# Read now: some cases of the suite replace os.environ.
OPTIONS = {
    "store": os.environ["UPSTREAM_STORE"],
    "redis_url": os.environ["REDIS_URL"],
    "env": os.environ["VEDFOLNIR_ENV"],
    "state_dir": os.environ["VEDFOLNIR_STATE_DIR"],
}
_original_init = Flask.__init__


@functools.wraps(_original_init)
def _init_with_vedfolnir(self: Flask, *arguments: Any, **options: Any) -> None:
    _original_init(self, *arguments, **options)
    # A subclass that brings an interface of its own is there to test that one.
    if type(self).session_interface is Flask.session_interface:
        Vedfolnir(self, **OPTIONS)


Flask.__init__ = _init_with_vedfolnir  # type: ignore[method-assign]
