"""What is taken for a command in a page, and that one which goes wrong is noticed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pages import Session, Step, is_shown, steps

PAGE = """
Of `inline` code nothing is done.

    first --with "# no comment"   # a comment
    second \\
      --goes-on

- a list, with a line
    that is set in

```yaml title="some/file.yaml"
a: 1
```

```text
$ third
printed
  below

$ fourth
```

```text
only to be looked at
```

```python
x = 1
```

```text
>>> x
1
```
"""


def test_a_page_is_read_in_order() -> None:
    assert list(steps(PAGE)) == [
        Step("sh", 'first --with "# no comment"', 4),
        Step("sh", "second --goes-on", 5),
        Step("file", "a: 1\n", 12, name="some/file.yaml"),
        Step("sh", "third", 16, "printed\n  below"),
        Step("sh", "fourth", 20),
        Step("python", "x = 1", 28),
        Step("prompt", "x", 32, "1"),
    ]


@pytest.mark.parametrize("fence", ["```", "```bash", "  ```sh", "```sh linenums=1"])
def test_a_block_that_would_not_be_read_is_an_error(fence: str) -> None:
    with pytest.raises(AssertionError, match="line 1"):
        list(steps(f"{fence}\nnnexp run\n```\n"))


def test_what_is_shown_is_what_is_printed() -> None:
    assert is_shown("a\nb", "a  \nb\n")
    assert is_shown("a … c", "a (b) c\n")
    assert not is_shown("a", "a\nb\n")
    assert not is_shown("a.", "ab\n")


def test_a_session_goes_on_from_step_to_step(tmp_path: Path) -> None:
    (tmp_path / "runs" / "20300102-030405_some").mkdir(parents=True)
    with Session(tmp_path, 60) as session:
        assert session.do(Step("file", "of a file\n", 1, name="new/file")) == (0, "")
        assert session.do(Step("sh", "cd new; made=here", 2)) == (0, "")
        assert session.do(Step("sh", "cat file; echo $made; false", 3)) == (1, "of a file\nhere\n")
        assert session.do(Step("python", "x = 1", 4)) == (0, "")
        assert session.do(Step("prompt", "x + 1", 5)) == (0, "2\n")
        assert session.do(Step("prompt", "x + y", 6)) == (1, "NameError: name 'y' is not defined\n")
        code, printed = session.do(Step("python", "x + y", 7))
        assert code == 1
        assert printed.endswith("NameError: name 'y' is not defined\n")
        assert session.do(Step("sh", "echo runs/20260101-000000_some", 8))[1] == "runs/20300102-030405_some\n"


def test_what_a_session_began_ends_with_it_and_with_its_time(tmp_path: Path) -> None:
    began = time.monotonic()
    with Session(tmp_path, 0.5) as session:
        session.do(Step("sh", "sleep 60 &", 1))
        with pytest.raises(AssertionError, match="took too long"):
            session.do(Step("sh", "sleep 60", 2))
    assert time.monotonic() - began < 30
