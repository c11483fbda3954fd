"""The catalogue says of the installed Keras what is true, and says what is wrong with a value in good words."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from nnexp.config import catalog, catalog_build
from nnexp.config.catalog import Item, Parameter, check_value, find, nearest

USABLE = [(kind, name) for kind in catalog.KINDS for name in catalog.names(kind)]
CHOICES = [(kind, name, p) for kind, name in USABLE for p in find(kind, name).parameters.values() if p.choices]
BOUNDED = [(kind, name, p) for kind, name in USABLE for p in find(kind, name).parameters.values() if p.minimum is not None]


def label(value: Any) -> str:
    return value.name if isinstance(value, Parameter) else str(value)


def item(kind: str, name: str) -> Item:
    found = find(kind, name)
    assert found is not None, name
    return found


def keras_object(part: Item, **given: Any) -> Any:
    """The Keras object of an item, with every default of the catalogue passed, and examples of what is required."""
    target = getattr(catalog_build.module(part.kind), part.class_name)
    if not inspect.isclass(target):
        assert not part.parameters
        return target
    values = {name: catalog_build.example(part.class_name, name) for name, p in part.parameters.items() if p.required}
    values |= {name: p.default for name, p in part.parameters.items() if not p.required}
    made = {name: keras_value(part.parameters[name], value) for name, value in values.items()}
    return target(**{**made, **given})


def keras_value(parameter: Parameter, value: Any) -> Any:
    """A plain value as Keras takes it: entries become objects."""
    if parameter.kind and isinstance(value, list):
        return [keras_value(parameter, part) for part in value]
    if parameter.kind and isinstance(value, (str, dict)):
        return catalog_build.make(parameter.kind, value)
    return value


def test_the_shipped_file_is_what_the_installed_keras_offers() -> None:
    shipped = catalog.PATH.read_text(encoding="utf-8")
    assert catalog_build.dump(catalog_build.build()) == shipped, "run: python -m nnexp.config.catalog_build"


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_every_public_class_of_keras_is_found(kind: str) -> None:
    classes = [name for name, obj in vars(catalog_build.module(kind)).items() if inspect.isclass(obj)]
    assert [name for name in classes if find(kind, name) is None] == []


@pytest.mark.parametrize(("kind", "name"), USABLE)
def test_every_usable_item_is_made_by_keras_with_the_defaults_of_the_catalogue(kind: str, name: str) -> None:
    part = item(kind, name)
    if part.class_name:
        assert callable(keras_object(part)) or kind in ("optimizers", "schedules", "callbacks")
    for parameter in part.parameters.values():
        value = catalog_build.example(part.class_name, parameter.name) if parameter.required else parameter.default
        assert check_value(parameter, value) is None
        if parameter.kind and isinstance(value, str):
            assert item(parameter.kind, value).refused == ""


@pytest.mark.parametrize(("kind", "name", "parameter"), CHOICES, ids=label)
def test_keras_takes_every_choice(kind: str, name: str, parameter: Parameter) -> None:
    for choice in parameter.choices:
        keras_object(item(kind, name), **{parameter.name: choice})
        assert check_value(parameter, choice) is None


@pytest.mark.parametrize(("kind", "name", "parameter"), BOUNDED, ids=label)
def test_bounds_hold(kind: str, name: str, parameter: Parameter) -> None:
    assert parameter.minimum is not None
    assert check_value(parameter, [parameter.minimum - 1] if parameter.types == ("list",) else parameter.minimum - 1)
