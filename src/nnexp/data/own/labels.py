"""Labels from what a column, an array or a folder says, and which examples are held out as the test part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nnexp.data.own.kinds import BadData
from nnexp.data.splits import strata, stratified

if TYPE_CHECKING:
    import numpy as np

TEST_STREAM = 0x74657374  # "test": apart from the streams of validation and training
TEST_SHARE = 0.2  # where the config does not say
ONE_OR_MORE = "wanted: one example or more in each part"
_OTHER_SHARE = "give a larger or a smaller one"
_MOST_CLASSES = 1000
_FEW_CLASSES = 20  # so many are taken as they are; where there are more, each must have some examples on average:
_FEWEST_OF_A_NAME = 2
_FEWEST_OF_A_NUMBER = 5  # numbers are sooner a measure than names are


def labels_of(values: Sequence[Any], named: Sequence[str] | None, what: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels [n], int32, and the names of their classes: as `named`, or sorted, numbers by their value.

    `what` the values are of is for messages.

    Raises:
        BadData: they are no classes.
    """
    if named:
        return places_of(values, named, what), tuple(named)
    found = sorted({_text(value, what) for value in set(values)}, key=_as_sorted)
    if len(found) < 2:
        said = f"one value only, {found[0]!r}" if found else "no values"
        raise BadData(f"{what} has {said}: there is nothing to tell apart", "wanted: two classes or more", "target")
    hint, parameter = _numbers_hint(found)
    fewest = _FEWEST_OF_A_NUMBER if hint else _FEWEST_OF_A_NAME
    if len(found) > _MOST_CLASSES or (len(found) > _FEW_CLASSES and len(found) * fewest > len(values)):
        message = f"{what} has {len(found):,} different values in {len(values):,} examples, which are no classes"
        raise BadData(message, hint or "wanted: few classes, of several examples each", parameter)
    return places_of(values, found, what), tuple(found)


def places_of(values: Sequence[Any], classes: Sequence[str], what: str) -> np.ndarray:
    """Labels [n], int32, by the names of known classes.

    Raises:
        BadData: a value that is none of them, or a class that stands twice.
    """
    import numpy as np

    place = {name: label for label, name in enumerate(classes)}
    if len(place) < len(classes):
        raise BadData("`classes` names one twice", "name each once", "classes")
    texts = {value: _text(value, what) for value in dict.fromkeys(values)}
    if strange := [text for text in texts.values() if text not in place]:
        message = f"{what} has the value {strange[0]!r}, which is not among `classes`"
        raise BadData(message, f"classes: {', '.join(classes)}", "classes")
    labels = {value: place[text] for value, text in texts.items()}
    return np.array([labels[value] for value in values], dtype=np.int32)


def need_all_classes(y_train: np.ndarray, y_test: np.ndarray, classes: Sequence[str]) -> None:
    """That training meets every class that is tested, and both parts have examples.

    Raises:
        BadData: it does not.
    """
    if not len(y_train) or not len(y_test):
        raise BadData(f"the {'test' if len(y_train) else 'training'} part has no examples", ONE_OR_MORE, "test_path")
    if unmet := sorted(set(y_test.tolist()) - set(y_train.tolist())):
        message = f"the training part has no example of the class {classes[unmet[0]]!r}, the test part has"
        hint, parameter = _numbers_hint(classes)
        raise BadData(message, hint or "give training some, or leave it out of the test part", parameter)


def is_test(labels: np.ndarray, groups: Sequence[Any] | None, parameters: Mapping[str, Any]) -> np.ndarray:
    """Which examples are the test part: a mask [n]; each class with its share, or whole groups.

    Raises:
        BadData: the share would leave one part empty.
    """
    import numpy as np

    share, seed = float(parameters.get("test") or TEST_SHARE), int(parameters["split_seed"])
    if groups is None:
        if not 0 < round(share * len(labels)) < len(labels):
            raise BadData(f"test: {share:g} of {len(labels)} examples would leave one part empty", _OTHER_SHARE, "test")
        return stratified(strata(labels), share, seed, TEST_STREAM)
    from sklearn.model_selection import GroupShuffleSplit

    if len(set(groups)) < 2:
        message = "group_column has one value only: no group is left for the test part"
        raise BadData(message, "name a column of several groups", "group_column")
    mask = np.zeros(len(labels), dtype=bool)
    splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
    try:
        mask[next(splitter.split(labels, groups=list(groups)))[1]] = True
    except ValueError:
        raise BadData(
            f"test: {share:g} of {len(set(groups))} groups would leave one part empty", _OTHER_SHARE, "test"
        ) from None
    return mask


def _numbers_hint(classes: Sequence[str]) -> tuple[str, str]:
    """What to do where classes are numbers and do not do as classes, and the parameter that it is about."""
    if all(_number(name) is not None for name in classes):
        return "to learn the numbers themselves:  task: regression", "task"
    return "", "target"


def _text(value: Any, what: str) -> str:
    """A value as the name of a class: 1.0 is 1."""
    text = str(value).strip()
    number = _number(text)
    if not isinstance(value, str) and text.lower() in ("nan", "inf", "-inf", "none", "<na>"):
        raise BadData(f"{what} holds {value}, which is no class", "mend the cell, or remove its row", "target")
    return str(int(number)) if number is not None and "." in text and number == int(number) else text


def _number(text: str) -> float | None:
    """The finite number that a text is."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _as_sorted(text: str) -> tuple[bool, float, str]:
    number = _number(text)
    return number is None, number or 0.0, text
