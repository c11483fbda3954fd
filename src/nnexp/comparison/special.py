"""SciPy's special functions, without the quarter of a second that importing the package around them takes."""

from __future__ import annotations

import functools
import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


@functools.cache
def special() -> Any:
    """What holds `bdtr`, `nctdtr`, `ndtri`, `stdtr` and `stdtrit`: the compiled module behind `scipy.special`.

    It is imported alone, with an empty package in the place of its own, which is taken away again: the true one also
    wraps each function for other array libraries, and imports half of NumPy for that. Where it is imported already, or
    the compiled module is not there, it is `scipy.special`; the functions are the same.
    """
    import scipy

    name = "scipy.special"
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(Path(scipy.__file__).parent / "special")]
        sys.modules[name] = package
        try:
            return importlib.import_module(f"{name}._ufuncs")
        except ImportError:
            pass
        finally:
            del sys.modules[name]
    return importlib.import_module(name)
