"""SciPy's special functions without SciPy's package: the same numbers, and nobody else notices."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import scipy.special

# The functions alone first, then all that imports SciPy as a user of it does.
ALONE = """
import json, sys
from nnexp.comparison.special import special
functions = special()
assert not {"scipy.special", "scipy.stats"} & set(sys.modules)
print(*(repr(float(getattr(functions, name)(*json.loads(f"[{given}]")))) for name, _, given in
        (word.partition(":") for word in sys.argv[1:])))
import scipy.special, scipy.stats, sklearn.linear_model
assert scipy.special.expit(0) == 0.5
assert scipy.stats.t(4).ppf(0.975) == functions.stdtrit(4, 0.975)
assert special() is functions
"""
CALLS = ("stdtrit:4,0.975", "stdtr:3.5,-2.2", "bdtr:3,19,0.5", "ndtri:0.8", "nctdtr:7.3,1.5,2.36")


def test_they_give_scipys_own_numbers_and_scipy_can_be_imported_after_them() -> None:
    command = [sys.executable, "-W", "error", "-c", ALONE, *CALLS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = []
    for call in CALLS:
        name, _, given = call.partition(":")
        expected.append(repr(float(getattr(scipy.special, name)(*json.loads(f"[{given}]")))))
    assert done.stdout.split() == expected


@pytest.mark.parametrize("before", ["import scipy.special", "import scipy; scipy.__file__ = '/nowhere/scipy.py'"])
def test_where_scipys_package_is_there_or_its_inside_has_moved_the_package_serves(before: str) -> None:
    code = f"{before}\nfrom nnexp.comparison.special import special\nprint(special().__name__, special().ndtri(0.5))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["scipy.special", "0.0"]
