"""Labels from what a column, an array or a folder says, and which examples are held out as the test part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nnexp.data.own.kinds import BadData
from nnexp.data.splits import stratified

if TYPE_CHECKING:
    import numpy as np

_STREAM = 0x74657374  # "test": apart from the streams of validation and training
_TEST = 0.2  # where the config does not say
_MOST_CLASSES = 1000


def labels_of(values: Sequence[Any], named: Sequence[str] | None, what: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels [n], int32, and the names of their classes: as `named`, or sorted, numbers by their value.

    `what` the values are of is for messages.

    Raises:
        BadData: they are no classes.
    """
    import numpy as np

    texts = [_text(value, what) for value in values]
    found = sorted(set(texts), key=_as_sorted)
    if not named and any("." in text and _is_number(text) for text in found):
        raise BadData(f"{what} holds numbers that are not whole: nnexp tells classes apart", "", "target")
    if len(found) < 2:
        raise BadData(f"{what} has one value only, {found[0]!r}: there is nothing to tell apart", "", "target")
    if len(found) > _MOST_CLASSES or (len(found) > 20 and len(found) > len(texts) / 2):
        message = f"{what} has {len(found):,} different values in {len(texts):,} examples, which are no classes"
        raise BadData(message, "", "target")
    names = tuple(named) if named else tuple(found)
    if strange := [text for text in found if text not in names]:
        raise BadData(f"{what} has the value {strange[0]!r}, which is not among `classes`", "", "classes")
    place = {name: label for label, name in enumerate(names)}
    return np.array([place[text] for text in texts], dtype=np.int32), names


def is_test(labels: np.ndarray, groups: Sequence[Any] | None, parameters: Mapping[str, Any]) -> np.ndarray:
    """Which examples are the test part: a mask [n]; stratified by label, or by whole groups.

    Raises:
        BadData: the share would leave one part empty.
    """
    import numpy as np

    share, seed = float(parameters.get("test") or _TEST), int(parameters["split_seed"])
    if groups is None:
        if not 0 < round(share * len(labels)) < len(labels):
            raise BadData(f"test: {share:g} of {len(labels)} examples would leave one part empty", "", "test")
        return stratified(labels, share, seed, _STREAM)
    from sklearn.model_selection import GroupShuffleSplit

    if len(set(groups)) < 2:
        raise BadData("group_column has one value only: no group is left for the test part", "", "group_column")
    mask = np.zeros(len(labels), dtype=bool)
    splitter = GroupShuffleSplit(1, test_size=share, random_state=seed)
    mask[next(splitter.split(labels, groups=list(groups)))[1]] = True
    return mask


def _text(value: Any, what: str) -> str:
    import numpy as np

    if isinstance(value, (float, np.floating)):
        if not np.isfinite(value):
            raise BadData(f"{what} holds {value}, which is no class", "", "target")
        return str(int(value)) if value == int(value) else str(value)
    return str(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _as_sorted(text: str) -> tuple[bool, float, str]:
    return (False, float(text), "") if _is_number(text) else (True, 0.0, text)
