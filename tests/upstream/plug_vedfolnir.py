"""pytest plug-in: every Flask application of the suite that runs gets our sessions.

Loaded with `-p plug_vedfolnir`. The environment says which store (see test_flask_suite.py).
"""

from __future__ import annotations

import functools
import os
from typing import Any

from flask import Flask
from vedfolnir import Vedfolnir

_original_init = Flask.__init__


@functools.wraps(_original_init)
def _init_with_vedfolnir(self: Flask, *arguments: Any, **options: Any) -> None:
    _original_init(self, *arguments, **options)
    # A subclass that brings an interface of its own is there to test that one.
    if type(self).session_interface is Flask.session_interface:
        Vedfolnir(self, store=os.environ["UPSTREAM_STORE"])


Flask.__init__ = _init_with_vedfolnir  # type: ignore[method-assign]
