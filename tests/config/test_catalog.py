"""The catalogue says of the installed Keras what is true, and says what is wrong with a value in good words."""

from __future__ import annotations

import inspect
import subprocess
import sys
import warnings
from typing import Any

import pytest

from nnexp.config import catalog, catalog_build
from nnexp.config.catalog import Item, Parameter, canonical, check_value, find, names, nearest
from nnexp.config.catalog_summaries import SUMMARIES

USABLE = [(kind, name) for kind in catalog.KINDS for name in names(kind)]
# Parameters whose right values depend on other parameters of the same item: Keras itself judges them.
DEPENDENT = {
    *("groups", "num_bins", "num_key_value_heads", "output_padding", "fft_length", "num_labels", "salt"),
    *("mean", "variance", "idf_weights", "vocabulary", "sparse", "pad_to_max_tokens", "save_weights_only"),
}


def item(kind: str, name: str) -> Item:
    found = find(kind, name)
    assert found is not None, name
    return found


def parameter(kind: str, name: str, key: str) -> Parameter:
    return item(kind, name).parameters[key]


def keras_object(part: Item, **given: Any) -> Any:
    """The Keras object of an item, with every default of the catalogue passed, and examples of what is required."""
    values = {name: catalog_build.example(part.class_name, name) for name, p in part.parameters.items() if p.required}
    values |= {name: p.default for name, p in part.parameters.items() if not p.required}
    made = {name: keras_value(part.parameters[name], value) for name, value in {**values, **given}.items()}
    target = getattr(catalog_build.module(part.kind), part.class_name)
    return target(**made) if inspect.isclass(target) else target


def keras_value(parameter: Parameter, value: Any) -> Any:
    """A plain value as Keras takes it: entries become objects."""
    if parameter.kind and isinstance(value, list):
        return [keras_value(parameter, part) for part in value]
    if parameter.kind and isinstance(value, (str, dict)):
        return catalog_build.make(parameter.kind, value)
    return canonical(parameter, value)


@pytest.mark.slow
def test_the_shipped_file_is_what_the_installed_keras_offers() -> None:
    shipped = catalog.PATH.read_text(encoding="utf-8")
    assert catalog_build.dump(catalog_build.build()) == shipped, "run: python -m nnexp.config.catalog_build"


@pytest.mark.parametrize("path", [path for path in SUMMARIES if "." in path])
def test_what_a_summary_of_ours_describes_is_there_and_has_it(path: str) -> None:
    class_name, _, key = path.partition(".")
    assert parameter("layers", class_name, key).summary == SUMMARIES[path]


def test_one_number_turns_to_either_side_but_only_raises_contrast() -> None:
    """What the summaries say of a number and of a list."""
    assert keras_object(item("layers", "random_rotation"), factor=0.2).factor == (-0.2, 0.2)
    assert keras_object(item("layers", "random_contrast"), factor=0.2).factor == (0, 0.2)
    assert keras_object(item("layers", "random_contrast"), factor=[0.2, 0.2]).factor == (0.2, 0.2)


@pytest.mark.parametrize("kind", catalog.KINDS)
def test_every_public_class_of_keras_is_found(kind: str) -> None:
    classes = [name for name, obj in vars(catalog_build.module(kind)).items() if inspect.isclass(obj)]
    assert [name for name in classes if find(kind, name) is None] == []


@pytest.mark.parametrize("kind", ["losses", "metrics", "activations", "regularizers", "initializers", "constraints"])
def test_every_name_that_keras_get_takes_is_found(kind: str) -> None:
    bases = ("loss_function_wrapper", "LossFunctionWrapper", "MeanMetricWrapper")
    taken = [name for name in catalog_build.get_table(kind) if name not in bases]
    assert len(taken) > 5
    assert [name for name in taken if find(kind, name) is None] == []


@pytest.mark.parametrize(("kind", "name"), USABLE)
def test_keras_makes_every_item_with_the_defaults_of_the_catalogue(kind: str, name: str) -> None:
    part = item(kind, name)
    if part.class_name:
        assert keras_object(part) is not None
    for given in part.parameters.values():
        value = catalog_build.example(part.class_name, given.name) if given.required else given.default
        assert check_value(given, value) is None
        if given.kind and isinstance(value, str):
            assert item(given.kind, value).refused == ""


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name in USABLE if item(kind, name).class_name])
def test_keras_takes_what_the_catalogue_takes(kind: str, name: str) -> None:
    part = item(kind, name)
    for given in part.parameters.values():
        trials = (*given.choices, -7, -1, 0, 1, 9, -0.5, 0.5, 1.5, None, True, False)
        for value in trials if given.name not in DEPENDENT else ():
            if value not in given.choices and check_value(given, value) is not None:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                keras_object(part, **{given.name: value})


@pytest.mark.parametrize(
    ("kind", "spelling", "name"),
    [
        ("layers", "Dense", "dense"),
        ("layers", "Conv2D", "conv2d"),
        ("layers", "Convolution2D", "conv2d"),
        ("layers", "MaxPool2D", "max_pooling2d"),
        ("layers", "ReLU", "relu"),
        ("layers", "re_lu", "relu"),
        ("layers", "PReLU", "prelu"),
        ("layers", "ELU", "elu"),
        ("layers", "LSTMCell", "lstm_cell"),
        ("layers", "ConvLSTM2D", "conv_lstm2d"),
        ("layers", "Conv2DTranspose", "conv2d_transpose"),
        ("layers", "UpSampling2D", "up_sampling2d"),
        ("layers", "RMSNormalization", "rms_normalization"),
        ("optimizers", "RMSprop", "rmsprop"),
        ("optimizers", "AdamW", "adamw"),
        ("optimizers", "SGD", "sgd"),
        ("schedules", "ExponentialDecay", "exponential_decay"),
        ("losses", "mse", "mean_squared_error"),
        ("losses", "KLDivergence", "kl_divergence"),
        ("metrics", "MeanIoU", "mean_iou"),
        ("metrics", "F1Score", "f1_score"),
        ("metrics", "R2Score", "r2_score"),
        ("metrics", "Accuracy", "accuracy"),
        ("metrics", "acc", "accuracy"),
        ("regularizers", "L1L2", "l1_l2"),
        ("regularizers", "l1l2", "l1_l2"),
        ("initializers", "uniform", "random_uniform"),
        ("constraints", "MaxNorm", "max_norm"),
        ("callbacks", "ReduceLROnPlateau", "reduce_lr_on_plateau"),
        ("callbacks", "TerminateOnNaN", "terminate_on_nan"),
        ("callbacks", "CSVLogger", "csv_logger"),
        ("callbacks", "SwapEMAWeights", "swap_ema_weights"),
        ("callbacks", "TensorBoard", "tensorboard"),
        ("activations", "swish", "silu"),
    ],
)
def test_names_are_readable_and_every_spelling_leads_to_them(kind: str, spelling: str, name: str) -> None:
    assert item(kind, spelling).name == name
    assert name in names(kind)


def test_an_unknown_name_is_none_and_the_nearest_is_told() -> None:
    assert find("layers", "dens") is None
    assert nearest("dens", names("layers")) == "dense"
    assert nearest("DropOut", names("layers")) == "dropout"
    assert nearest("zzzz", names("layers")) is None


def test_what_keras_or_nnexp_resolves_by_name_has_no_class() -> None:
    assert item("metrics", "accuracy").class_name == ""
    stop = item("callbacks", "stop_when")
    assert (stop.class_name, list(stop.parameters)) == ("", ["condition"])
    assert stop.parameters["condition"].required


@pytest.mark.parametrize(
    ("kind", "name", "word"),
    [
        ("layers", "lambda", "rescaling"),
        ("layers", "Layer", "base"),
        ("layers", "torch_module_wrapper", "Python code"),
        ("layers", "input_layer", "nnexp adds"),
        ("metrics", "mean", "mean_absolute_error"),
        ("callbacks", "lambda_callback", "stop_when"),
        ("callbacks", "learning_rate_scheduler", "schedule"),
        ("callbacks", "remote_monitor", "csv_logger"),
        ("callbacks", "history", "history.csv"),
        ("optimizers", "multi_optimizer", "one optimizer"),
    ],
)
def test_what_cannot_be_used_says_why(kind: str, name: str, word: str) -> None:
    assert word in item(kind, name).refused
    assert item(kind, name).name not in names(kind)


@pytest.mark.parametrize(
    ("kind", "name", "first"),
    [
        ("layers", "dense", "units"),
        ("layers", "dropout", "rate"),
        ("layers", "conv2d", "filters"),
        ("layers", "reshape", "target_shape"),
        ("layers", "max_pooling2d", "pool_size"),
        ("optimizers", "adam", "learning_rate"),
        ("regularizers", "l2", "l2"),
        ("metrics", "binary_accuracy", "threshold"),
        ("metrics", "top_k_categorical_accuracy", "k"),
        ("callbacks", "stop_when", "condition"),
        ("callbacks", "early_stopping", "monitor"),
    ],
)
def test_a_bare_value_means_the_first_parameter(kind: str, name: str, first: str) -> None:
    assert next(iter(item(kind, name).parameters)) == first


@pytest.mark.parametrize("key", ["name", "dtype", "trainable"])
def test_layers_take_what_every_keras_layer_takes(key: str) -> None:
    assert key in item("layers", "dense").parameters


@pytest.mark.parametrize(
    ("kind", "name", "key", "value", "message"),
    [
        ("layers", "dense", "units", -5, "units must be a whole number of at least 1, not -5"),
        ("layers", "dense", "units", 2.5, "units must be a whole number of at least 1, not 2.5"),
        ("layers", "dense", "units", True, "units must be a whole number of at least 1, not true"),
        ("layers", "dense", "units", "ten", "units must be a whole number of at least 1, not 'ten'"),
        ("layers", "dense", "use_bias", "yes", "use_bias must be true or false, not 'yes'"),
        ("layers", "dropout", "rate", 1.0, "rate must be a number of at least 0 and less than 1, not 1.0"),
        ("layers", "conv2d", "padding", "sam", "padding must be one of same, valid, not 'sam' (did you mean 'same'?)"),
        (
            *("layers", "conv2d", "kernel_size", [3, 3, 3]),
            "kernel_size must be a whole number of at least 1, or a list of 2 such, not [3, 3, 3]",
        ),
        (
            "layers",
            "reshape",
            "target_shape",
            784,
            "target_shape must be a list of whole numbers of at least -1, not 784",
        ),
        (
            "optimizers",
            "adam",
            "learning_rate",
            0,
            "learning_rate must be a number greater than 0, or one of the schedules, not 0",
        ),
        ("optimizers", "sgd", "momentum", 1.5, "momentum must be a number of at least 0 and at most 1, not 1.5"),
        ("optimizers", "adam", "clipnorm", 0.0, "clipnorm must be a number greater than 0, or null, not 0.0"),
        ("callbacks", "early_stopping", "patience", -1, "patience must be a whole number of at least 0, not -1"),
        ("callbacks", "early_stopping", "mode", "down", "mode must be one of auto, max, min, not 'down'"),
        ("regularizers", "l2", "l2", float("nan"), "l2 must be a number of at least 0, not NaN"),
        ("callbacks", "stop_when", "condition", None, "condition must be text, not null"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(kind: str, name: str, key: str, value: Any, message: str) -> None:
    assert check_value(parameter(kind, name, key), value) == message


@pytest.mark.parametrize(
    ("kind", "name", "key", "value"),
    [
        ("layers", "dense", "activation", None),
        ("layers", "dense", "activation", "relu"),
        ("layers", "dense", "kernel_regularizer", {"l2": 0.01}),
        ("layers", "conv2d", "kernel_size", 3),
        ("layers", "conv2d", "kernel_size", [3, 5]),
        ("layers", "zero_padding2d", "padding", [[1, 2], [0, 1]]),
        ("layers", "reshape", "target_shape", [-1, 4]),
        ("layers", "random_zoom", "height_factor", [-0.3, -0.2]),
        ("layers", "gru", "use_cudnn", False),
        ("optimizers", "sgd", "learning_rate", 1),
        ("optimizers", "adam", "learning_rate", {"cosine_decay": {"decay_steps": 10}}),
    ],
)
def test_a_right_value_passes(kind: str, name: str, key: str, value: Any) -> None:
    assert check_value(parameter(kind, name, key), value) is None


def test_whole_numbers_become_floats_where_keras_insists() -> None:
    assert repr(canonical(parameter("optimizers", "sgd", "learning_rate"), 1)) == "1.0"
    assert repr(canonical(parameter("layers", "dense", "units"), 1)) == "1"
    assert repr(canonical(parameter("layers", "random_zoom", "height_factor"), [0, 1])) == "[0.0, 1.0]"


def test_looking_up_loads_no_keras() -> None:
    code = (
        "import sys; from nnexp.config.catalog import find; assert find('layers', 'dense');"
        "print([name for name in ('keras', 'tensorflow', 'numpy') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
