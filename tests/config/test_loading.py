"""Reading YAML: what a config may say, and that anything else is refused with its place, at once and safely."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnexp.config.loading import MAX_BYTES, dump, parse_config, parse_yaml, read_config, resolve
from nnexp.errors import ConfigError, Place


def problems(text: str) -> list[str]:
    """What is told about the text of a config, read as `a.yaml`."""
    try:
        return [str(problem) for problem in parse_config(text, "a.yaml").problems]
    except ConfigError as error:
        return [str(problem) for problem in error.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("+3", 3),
        ("-3", -3),
        ("010", 10),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        (".inf", math.inf),
        ("-.inf", -math.inf),
        ('"1"', "1"),
        ("'true'", "true"),
        ("!!str 1", "1"),
        ("<=", "<="),
        ("٣", "٣"),
        ("9" * 200, "9" * 200),
    ],
)
def test_scalars_are_read_as_yaml_1_2(text: str, value: object) -> None:
    read = parse_config(f"a: {text}", "a.yaml").plain()["a"]
    assert read == value
    assert type(read) is type(value)


BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

# text of the file -> the place and the words of its one problem
BAD = {
    "empty": ("", "a.yaml:1:1", "the config is empty"),
    "only a comment": ("# nothing\n", "a.yaml:1:1", "the config is empty"),
    "only markers": ("---\n...\n", "a.yaml:1:1", "the config is empty"),
    "a list": ("- dataset\n", "a.yaml:1:1", "a config is a mapping of keys, not a list"),
    "a word": ("dataset", "a.yaml:1:1", "a config is a mapping of keys, not 'dataset'"),
    "unclosed bracket": ("a: [1, 2\n", "a.yaml:2:1", "not YAML: did not find expected ',' or ']'"),
    "unclosed quote": ("a: 'x", "a.yaml:1:6", "not YAML: found unexpected end of stream"),
    "two values": ("a: b: c", "a.yaml:1:5", "not YAML: mapping values are not allowed"),
    "reserved sign": ("a: 1\nb: @x\n", "a.yaml:2:4", "not YAML: found character that cannot start any token"),
    "tab": ("a:\n\tb: 1\n", "a.yaml:2:1", "not YAML"),
    "duplicate key": ("a: 1\nb:\n  c: 1\n  c: 2\n", "a.yaml:4:3", "the key 'c' stands twice"),
    "key that is a number": ("1: x\n", "a.yaml:1:1", "1 cannot be a key"),
    "key that is a list": ("? [a]\n: 1\n", "a.yaml:1:3", "a list cannot be a key"),
    "no key": ("~: x\n", "a.yaml:1:1", "nothing cannot be a key"),
    "second document": ("a: 1\n---\nb: 2\n", "a.yaml:2:1", "a second document"),
    "unknown directive": ("%YAML 3.0\n---\na: 1", "a.yaml:1:1", "not YAML"),
    "python tag": ("a: !!python/object/apply:os.system [id]\n", "a.yaml:1:4", "!!python/object/apply:os.system"),
    "own tag": ("a: !thing 1\n", "a.yaml:1:4", "the tag !thing is not allowed"),
    "binary tag": ("a: !!binary aGk=\n", "a.yaml:1:4", "the tag !!binary is not allowed"),
    "int tag": ("a: !!int '3'\n", "a.yaml:1:4", "the tag !!int is not allowed"),
    "alias without anchor": ("a: *b\n", "a.yaml:1:4", "the alias *b has no anchor"),
    "alias of itself": ("a: &a [*a]\n", "a.yaml:1:8", "the alias *a has no anchor"),
    "alias bomb": (BOMB, "a.yaml:6:8", "more than 100,000 values"),
    "many aliases": (f"a: &a 1\nb: [{'*a, ' * 101}]\n", "a.yaml:2:405", "more than 100 aliases"),
    "many values": (f"a: [{'1, ' * 100_001}]\n", "a.yaml:1:300002", "more than 100,000 values"),
    "deep lists": ("a: " + "[" * 200_000, "a.yaml:1:53", "nested deeper than 50"),
    "deep mappings": ("{a: " * 200, "a.yaml:1:198", "nested deeper than 50"),
    "NUL": ("a: 1\nb: \0", "a.yaml:2", "U+0000 is not allowed"),
    "control character": ("a: \x07", "a.yaml:1", "U+0007 is not allowed"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_config_is_refused_with_its_place(name: str) -> None:
    text, place, words = BAD[name]
    [told] = problems(text)
    assert told.startswith(f"{place}:")
    assert words in told


def test_all_duplicates_tags_and_odd_keys_are_told_at_once() -> None:
    told = problems("a: 1\na: 2\nb: !x 1\n3: c\nb: 2\n")
    assert [line.split(": ")[0] for line in told] == ["a.yaml:2:1", "a.yaml:3:4", "a.yaml:4:1", "a.yaml:5:1"]
    assert "first at a.yaml:1:1; keep one of them" in told[0]


def test_a_merge_key_is_a_plain_key_never_a_merge() -> None:
    assert parse_config("a: &a {b: 1}\nc: {<<: *a}\n", "a.yaml").plain()["c"] == {"<<": {"b": 1}}


def test_each_value_and_key_knows_its_line_and_column() -> None:
    node = parse_config("a: 1\nb:\n  - c: {d: 2}\n", "a.yaml")
    assert isinstance(node.value, dict)
    assert str(node.keys["b"]) == "a.yaml:2:1"
    [item] = node.value["b"].value  # type: ignore[misc]
    assert str(item.place) == "a.yaml:3:5"
    assert str(item.value["c"].value["d"].place) == "a.yaml:3:12"


def test_columns_count_characters_as_an_editor_does() -> None:
    assert problems("é: 1\n'üü': !x 1\n")[0].startswith("a.yaml:2:7:")


# Files.


def refusal(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    [problem] = caught.value.problems
    return str(problem)


def test_a_missing_file_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "fashion.yaml").touch()
    assert refusal(tmp_path / "fashon.yaml") == (
        f"{tmp_path / 'fashon.yaml'}: no such file\n    did you mean {tmp_path / 'fashion.yaml'}?"
    )
    assert "no such file" in refusal(tmp_path / "nowhere" / "a.yaml")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("iris", "iris: no such file\n    that is a dataset: `nnexp init --from iris` writes a config for it"),
        (
            "512",
            "512: no such file\n    several values of an option are one word, with commas and without spaces: 128,512",
        ),
    ],
)
def test_what_is_no_file_but_something_else_is_told_as_that(
    typed: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refusal(Path(typed)) == told


def test_a_directory_is_told_with_the_configs_in_it(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").touch()
    assert "this is a directory, not a config\n    name one of those in it: one.yaml" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (b"a: 1\nb: \xff\n", ":2:4", "not UTF-8 text: byte 0xff"),
        ("a: ü".encode("latin-1"), ":1:4", "not UTF-8 text"),
        ("a: 1".encode("utf-16"), ":1:1", "not UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n\0\0", ":1:1", "not UTF-8 text"),
        (b"\x7fELF\x02\x01\x01\0\0", ":1", "not text"),
        (b"a: " + b"x" * MAX_BYTES, "", "larger than 1,000,000 bytes"),
    ],
    ids=["byte", "latin-1", "utf-16", "picture", "program", "large"],
)
def test_a_file_that_is_not_text_is_refused(tmp_path: Path, content: bytes, place: str, words: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    told = refusal(path)
    assert told.startswith(f"{path}{place}: ")
    assert words in told


def test_an_endless_file_is_not_read_to_its_end() -> None:
    assert "this is a device, not a config" in refusal(Path("/dev/zero"))


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert "this is a pipe, not a config\n    save the config in a file" in refusal(tmp_path / "a.yaml")


def test_a_name_that_no_file_can_have_is_told() -> None:
    assert "no such file" in refusal(Path("a\0b.yaml"))


@pytest.mark.parametrize("line", ["a: 1\n", "!x a: !y 1\n", "{}: 1\n"])
def test_of_many_problems_the_first_hundred_are_told(line: str) -> None:
    told = problems("a: 1\n" + line * 5000)
    assert 100 <= len(told) <= 103
    assert "too much is wrong to go on\n    mend what is told above first" in told[-1]


def test_what_is_told_of_long_names_is_short() -> None:
    told = problems(f"? {'x' * 500_000}\n: 1\n? &a {'y' * 300}\n: !{'z' * 900} 1\n")
    assert "is too long" in told[0]
    assert all(len(problem) < 200 for problem in told)


def test_links_in_a_circle_are_not_followed_for_ever(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    assert "cannot be read: Too many levels of symbolic links" in refusal(tmp_path / "a.yaml")


def test_a_byte_order_mark_and_windows_line_ends_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_config(path).plain() == {"a": 1, "b": 2}


# Whatever is read, it is read or refused; whatever is written, it reads back.

STEERING = (*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
UNSEEN = {chr(code) for code in STEERING} - set("\t\n")
YAML_LIKE = st.text(st.sampled_from("ab1-:.[]{}&*!|>'\"#%@,?~ \n\t\r\0é\ud800😀"), max_size=60)


@given(st.text() | YAML_LIKE)
def test_any_text_is_read_or_refused(text: str) -> None:
    assert all(isinstance(told, str) for told in problems(text))


@given(st.binary() | YAML_LIKE.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    with contextlib.suppress(ConfigError):
        assert isinstance(read_config(path).plain(), dict)


# Surrogates are no characters: no file holds them. What steers a terminal or turns the writing is refused.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(lambda text: not UNSEEN & set(text))
SCALARS = st.none() | st.booleans() | st.integers(-(10**50), 10**50) | st.floats(allow_nan=False) | TEXT
PLAIN = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


@given(st.dictionaries(TEXT, PLAIN, min_size=1, max_size=5))
def test_what_is_dumped_reads_back_the_same(value: dict[str, Any]) -> None:
    read = parse_config(dump(value), "a.yaml")
    assert not read.problems
    assert read.plain() == value


@given(st.sampled_from(["no", "1e3", "010", "~", "", "1:30", "true", "-", "a: b", " x ", "#", "9" * 200]) | TEXT)
def test_text_stays_text_when_dumped(text: str) -> None:
    assert parse_config(dump({"a": text}), "a.yaml").plain() == {"a": text}


def test_a_number_is_read_only_where_yaml_says_so() -> None:
    assert [resolve(text) for text in ("1", "1.5", "1e5", "one", "1 ")] == [1, 1.5, 1e5, "one", "1 "]


def test_the_value_of_an_option_has_the_option_as_its_place() -> None:
    node = parse_yaml("{a: [1, {b: 2}]}", "--set x", Place("--set x"))
    assert node is not None
    inner = node.value["a"].value[1].value["b"]  # type: ignore[call-overload,index,union-attr]
    assert str(inner.place) == "--set x"
