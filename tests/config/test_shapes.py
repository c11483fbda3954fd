"""The static shape rules, held against the installed Keras: every rule, equal shapes and counts, the same refusals."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from nnexp.config import catalog
from nnexp.config.entries import Problems, read_entries
from nnexp.config.grammar import Entry
from nnexp.config.loading import parse_yaml
from nnexp.config.shapes import LayerShape, ShapeError, infer
from nnexp.config.shapes.rules import JOINING, RULES

IMAGE, GRAY, SEQUENCE, VECTOR, VOLUME = (12, 10, 4), (12, 10), (9, 6), (7,), (6, 7, 8, 2)

FITTING = [
    # (input shape, layers as a config writes them)
    (GRAY, "[flatten, {dense: {units: 8, activation: relu}}, {dense: {units: 3, use_bias: false}}]"),
    (GRAY, "dense: 5"),
    (IMAGE, "activation: tanh"),
    (IMAGE, "[relu, elu, leaky_relu, tanh, softmax, {softmax: {axis: 1}}]"),
    (IMAGE, "[prelu, {prelu: {shared_axes: [1, 2]}}]"),
    (SEQUENCE, "[{dropout: 0.5}, {alpha_dropout: 0.1}, {gaussian_dropout: 0.1}, {gaussian_noise: 0.1}]"),
    (SEQUENCE, "[identity, masking, {activity_regularization: {l2: 0.1}}, {rescaling: 0.5}, unit_normalization]"),
    (SEQUENCE, "[{spatial_dropout1d: 0.2}, {unit_normalization: {axis: [1, 2]}}]"),
    (IMAGE, "spatial_dropout2d: 0.2"),
    (VOLUME, "spatial_dropout3d: 0.2"),
    (IMAGE, "[batch_normalization, {batch_normalization: {axis: 1, scale: false}}]"),
    (VECTOR, "[{batch_normalization: {renorm: true}}, {batch_normalization: {trainable: false}}]"),
    (IMAGE, "[layer_normalization, {layer_normalization: {axis: [1, 2], center: false}}]"),
    (IMAGE, "[{group_normalization: {groups: 2}}, {group_normalization: {groups: -1, axis: 1}}]"),
    (SEQUENCE, "conv1d: {filters: 8, kernel_size: 3, padding: causal, dilation_rate: 2}"),
    (
        IMAGE,
        "[{conv2d: {filters: 8, kernel_size: [3, 2], strides: 2}}, {conv2d: {filters: 6, kernel_size: 3, groups: 2}}]",
    ),
    (IMAGE, "conv2d: {filters: 8, kernel_size: 3, padding: same, use_bias: false, trainable: false}"),
    (VOLUME, "conv3d: {filters: 3, kernel_size: 2, strides: [1, 2, 3], padding: same}"),
    (SEQUENCE, "conv1d_transpose: {filters: 3, kernel_size: 3, strides: 2}"),
    (IMAGE, "conv2d_transpose: {filters: 3, kernel_size: 3, strides: 2, padding: same, output_padding: 1}"),
    (VOLUME, "conv3d_transpose: {filters: 3, kernel_size: 2, strides: 3}"),
    (SEQUENCE, "separable_conv1d: {filters: 5, kernel_size: 3, depth_multiplier: 2}"),
    (IMAGE, "separable_conv2d: {filters: 5, kernel_size: 3, strides: 2, padding: same}"),
    (SEQUENCE, "depthwise_conv1d: {kernel_size: 3}"),
    (IMAGE, "depthwise_conv2d: {kernel_size: 3, depth_multiplier: 2, use_bias: false}"),
    (SEQUENCE, "[{max_pooling1d: 3}, {average_pooling1d: {pool_size: 2, strides: 1, padding: same}}]"),
    (IMAGE, "[{max_pooling2d: [3, 2]}, {average_pooling2d: {pool_size: 2, padding: same}}]"),
    (VOLUME, "[{max_pooling3d: {pool_size: 2, strides: 1}}, {average_pooling3d: 2}]"),
    (SEQUENCE, "global_max_pooling1d"),
    (SEQUENCE, "global_average_pooling1d"),
    (IMAGE, "global_average_pooling2d"),
    (IMAGE, "global_max_pooling2d: {keepdims: true}"),
    (VOLUME, "global_average_pooling3d"),
    (VOLUME, "global_max_pooling3d"),
    (SEQUENCE, "[{zero_padding1d: 2}, {zero_padding1d: [0, 3]}, {cropping1d: 1}, {cropping1d: [1, 0]}]"),
    (IMAGE, "[{zero_padding2d: [[1, 2], [0, 3]]}, {zero_padding2d: [1, 2]}, {cropping2d: [[1, 2], [0, 3]]}]"),
    (IMAGE, "[zero_padding2d, cropping2d, {cropping2d: 2}]"),
    (VOLUME, "[zero_padding3d, {zero_padding3d: [1, 2, 0]}, cropping3d, {cropping3d: [[0, 1], [1, 0], [1, 1]]}]"),
    (SEQUENCE, "[up_sampling1d, {up_sampling1d: 3}]"),
    (IMAGE, "[up_sampling2d, {up_sampling2d: [1, 3]}]"),
    (VOLUME, "up_sampling3d: [1, 2, 3]"),
    (GRAY, "[{reshape: [12, 10, 1]}, {reshape: [-1, 6]}, {permute: [2, 1]}]"),
    (VECTOR, "[{repeat_vector: 4}, {simple_rnn: {units: 5, return_sequences: true}}, {lstm: 4}]"),
    (SEQUENCE, "[{gru: {units: 5, return_sequences: true}}, {gru: {units: 3, reset_after: false, use_bias: false}}]"),
    (VECTOR, "[{embedding: {input_dim: 20, output_dim: 3}}, flatten]"),
    (SEQUENCE, "[{bidirectional: {layer: {lstm: {units: 4, return_sequences: true}}}}]"),
    (SEQUENCE, "[{bidirectional: {layer: {gru: 4}, merge_mode: sum}}]"),
    (GRAY, "[{time_distributed: {layer: {dense: 3}}}]"),
    ((5, *IMAGE), "time_distributed: {layer: {conv2d: {filters: 2, kernel_size: 3}}}"),
    (SEQUENCE, "[{multi_head_attention: {num_heads: 2, key_dim: 3}}, layer_normalization]"),
    (SEQUENCE, "multi_head_attention: {num_heads: 2, key_dim: 3, value_dim: 5, output_shape: 8, use_bias: false}"),
    (SEQUENCE, "multi_head_attention: {num_heads: 2, key_dim: 3, use_gate: true}"),
    (IMAGE, "[random_flip, {random_rotation: 0.1}, {random_zoom: 0.1}, {random_contrast: 0.1}]"),
    (IMAGE, "[{random_brightness: 0.1}, {random_translation: {height_factor: 0.1, width_factor: 0.1}}]"),
]  # fmt: skip

REFUSED = [
    # (input shape, layers, words that the message must have, words that the fix must have)
    (
        (28, 28), "conv2d: {filters: 2, kernel_size: 3}",
        "conv2d needs images of rank 3 (height, width, channels) but gets (28, 28)",
        "add `reshape: [28, 28, 1]` before it if these are images, or use `conv1d` for steps and channels",
    ),
    ((784,), "conv2d: {filters: 2, kernel_size: 3}", "gets (784,)", "reshape: [28, 28, 1]"),
    ((30,), "max_pooling2d", "images of rank 3", "3 sizes that multiply to 30"),
    ((28, 28, 1), "lstm: 4", "lstm needs sequences of rank 2 (steps, channels)", "reshape: [28, 28]"),
    ((4,), "lstm: 4", "gets (4,)", "reshape: [4, 1]"),
    ((4,), "bidirectional: {layer: {gru: 2}}", "gru needs sequences", "reshape: [4, 1]"),
    ((4,), "conv1d: {filters: 2, kernel_size: 3}", "sequences of rank 2", "reshape: [4, 1]"),
    ((8, 8), "conv2d_transpose: {filters: 2, kernel_size: 3}", "images of rank 3", "reshape: [8, 8, 1]"),
    ((8, 8, 3, 2), "conv2d_transpose: {filters: 2, kernel_size: 3}", "images of rank 3", "use `conv3d_transpose`"),
    ((8, 8, 3, 2), "separable_conv2d: {filters: 2, kernel_size: 3}", "images of rank 3", "reshape: [8, 8, 6]"),
    ((8, 8, 3), "conv3d: {filters: 2, kernel_size: 3}", "volumes of rank 4", "use `conv2d`"),
    ((22, 22, 16), "max_pooling3d", "max_pooling3d needs volumes of rank 4", "use `max_pooling2d`"),
    ((8, 8), "max_pooling3d", "volumes of rank 4", "reshape: [8, 8, 1]` before it and use `max_pooling2d` if these"),
    ((8, 8, 3), "max_pooling2d: 9", "window of (9, 9) over (8, 8, 3)", "pool_size"),
    ((8, 8, 3), "conv2d: {filters: 2, kernel_size: 5, dilation_rate: 2}", "window of (9, 9)", "kernel_size"),
    ((8, 8, 3), "conv2d: {filters: 2, kernel_size: 3, strides: 2, dilation_rate: 2}", "strides", "to 1"),
    ((8, 8, 3), "conv2d: {filters: 4, kernel_size: 3, groups: 2}", "3 input channels and 4 filters into 2", "divisor"),
    ((8, 8, 4), "conv2d: {filters: 3, kernel_size: 3, groups: 2}", "4 input channels and 3 filters into 2", "divisor"),
    (
        (8, 8, 3), "conv2d_transpose: {filters: 2, kernel_size: 3, strides: 2, output_padding: 2}", "output_padding",
        "smaller",
    ),
    ((8, 8, 3), "global_average_pooling1d", "sequences of rank 2", "use `global_average_pooling2d`"),
    ((8, 8), "spatial_dropout2d: 0.5", "images of rank 3", "reshape: [8, 8, 1]"),
    ((8, 8), "zero_padding2d", "images of rank 3", "reshape"),
    ((8, 8, 3), "cropping2d: 4", "nothing is left", "smaller"),
    ((8, 8), "reshape: [9, 9]", "64 values, into [9, 9]", "multiply to 64"),
    ((8, 8), "reshape: [5, -1]", "64 values", "multiply to 64"),
    ((8, 8), "permute: [1, 2, 3]", "(8, 8)", "[1, 2]"),
    ((8, 8), "repeat_vector: 3", "vectors of rank 1", "flatten"),
    ((4,), "time_distributed: {layer: {dense: 2}}", "rank 2 or more", "reshape: [4, 1]"),
    ((4, 6), "batch_normalization: {axis: 3}", "`axis: 3`, which its input (4, 6) does not have", "1 to 2"),
    ((4, 6), "layer_normalization: {axis: 0}", "the batch", "axis: -1"),
    ((4, 6), "softmax: {axis: 4}", "`axis: 4`", "1 to 2"),
    ((4, 6), "prelu: {shared_axes: [3]}", "shared_axes", "1 to 2"),
    ((4, 6), "group_normalization: {groups: 4}", "6 channels into 4 equal groups", "groups: 3"),
    ((4,), "random_flip", "images of rank 3", "reshape"),
    ((4,), "add", "gets one input", "inputs: [name, name]"),
    ((4,), "concatenate", "joins the outputs of several layers", "inputs"),
]  # fmt: skip


def entries(text: str) -> list[Entry]:
    """The complete entries of a list of layers, as the config reader makes them."""
    node, problems = parse_yaml(text, "layers"), Problems()
    assert node is not None
    read = [entry for entry, _ in read_entries(node, "layers", problems) if entry]
    assert not problems.found
    return read


def keras_object(value: object) -> object:
    if not isinstance(value, Entry):
        return value
    if catalog.find("layers", value.name) is None:
        return value.name  # an activation, initializer or regularizer, by name
    item = catalog.find("layers", value.name)
    assert item is not None
    parameters = {name: keras_object(parameter) for name, parameter in value.parameters.items()}
    return getattr(keras.layers, item.class_name)(**parameters)


def as_keras_has_it(layers: list[Entry], shape: tuple[int, ...]) -> list[LayerShape]:
    """Shapes and counts of the same stack, built and called by Keras."""
    x = inputs = keras.Input(shape)
    found = []
    for index, entry in enumerate(layers):
        layer = keras_object(Entry(entry.name, {k: v for k, v in entry.parameters.items() if k != "name"}))
        x = layer(x, x) if entry.name == "multi_head_attention" else layer(x)
        trainable = sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
        found.append(LayerShape(index, entry.name, tuple(x.shape[1:]), layer.count_params(), trainable))
    assert tuple(keras.Model(inputs, x)(np.zeros((2, *shape), "float32")).shape[1:]) == found[-1].output
    return found


@pytest.mark.parametrize(("shape", "text"), FITTING, ids=[text for _, text in FITTING])
def test_shapes_and_counts_equal_keras(shape: tuple[int, ...], text: str) -> None:
    layers = entries(text)
    assert infer(layers, shape) == as_keras_has_it(layers, shape)


@pytest.mark.parametrize(
    ("shape", "text", "message", "hint"), REFUSED, ids=[f"{row[1]} on {row[0]}" for row in REFUSED]
)
def test_what_keras_refuses_is_refused_with_the_fix(shape: tuple[int, ...], text: str, message: str, hint: str) -> None:
    layers = [Entry("identity"), *entries(text)]
    with pytest.raises(ShapeError) as caught:
        infer(layers, shape)
    assert caught.value.index == 1
    assert message in caught.value.message
    assert hint in caught.value.hint
    with pytest.raises((ValueError, IndexError, TypeError, tf.errors.OpError)):
        as_keras_has_it(layers, shape)


@pytest.mark.parametrize(
    "text",
    [
        "[flatten, dense: 1000000000, dense: 1000000000]",
        f"[{', '.join(['up_sampling1d: 4000000000'] * 400)}]",
        "[reshape: [7, 4, 1], conv2d: {filters: 4000000000, kernel_size: 4000000000, padding: same}]",
    ],
)
def test_what_no_machine_holds_is_refused_at_once(text: str) -> None:
    with pytest.raises(ShapeError, match="more than any memory holds") as caught:
        infer(entries(text), (7, 4))
    assert caught.value.hint == "make it smaller"


def test_a_fitting_number_of_groups_is_found_however_many_channels_there_are() -> None:
    with pytest.raises(ShapeError) as caught:
        infer(entries("[dense: 1000000000, group_normalization: {groups: 999999999}]"), (7,))
    assert caught.value.hint == "set `groups: 1000`"


def test_images_without_channels_are_refused_by_augmentation() -> None:
    """Keras would take a batch of (28, 28) for one image, and turn the batch axis upside down."""
    with pytest.raises(ShapeError, match="random_flip needs images of rank 3"):
        infer(entries("random_flip"), (28, 28))


@pytest.mark.parametrize(
    "text",
    [
        "{dense: {units: 2, inputs: [input]}}",
        "einsum_dense: {equation: 'ab,bc->ac', output_shape: 3}",
        "[flatten, {dense: {units: 4, activation: glu}}]",
        "dense: {units: 4, lora_rank: 2}",
        "[{reshape: [4, 4, 1]}, {conv2d: {filters: 2, kernel_size: 3, data_format: channels_first}}]",
        "lstm: {units: 4, return_state: true}",
        "bidirectional: {layer: {rnn: {cell: {lstm_cell: 3}}}}",
    ],
)
def test_what_has_no_rule_is_left_to_keras(text: str) -> None:
    assert infer(entries(text), (4, 4)) is None


def test_a_misfit_before_a_layer_without_a_rule_is_told() -> None:
    with pytest.raises(ShapeError, match="conv2d"):
        infer([*entries("conv2d: {filters: 2, kernel_size: 3}"), Entry("einsum_dense")], (4, 4))


def test_every_rule_is_tried_and_names_a_layer_of_keras() -> None:
    tried = {entry.name for _, text in FITTING for entry in entries(text)}
    assert set(RULES) == tried
    assert set(RULES) | JOINING <= set(catalog.names("layers"))


SMALL = st.integers(1, 4)


@settings(max_examples=150)
@given(
    name=st.sampled_from(
        ["conv2d", "conv2d_transpose", "separable_conv2d", "depthwise_conv2d", "max_pooling2d", "average_pooling2d"]
    ),
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), SMALL),
    size=st.tuples(SMALL, SMALL),
    strides=SMALL,
    dilation=st.integers(1, 2),
    padding=st.sampled_from(["valid", "same"]),
)
def test_windows_agree_with_keras(
    name: str, shape: tuple[int, int, int], size: tuple[int, int], strides: int, dilation: int, padding: str
) -> None:
    """For any window over any image, the rule gives Keras' shape, or both refuse."""
    common = {"strides": strides, "padding": padding}
    if "pooling" in name:
        entry = Entry(name, {"pool_size": list(size), **common})
    else:
        filters = {} if name.startswith("depthwise") else {"filters": 3}
        entry = Entry(name, {**filters, "kernel_size": list(size), "dilation_rate": dilation, **common})
    try:
        expected = tuple(keras_object(entry).compute_output_shape((None, *shape)))[1:]
    except ValueError:
        expected = None
    try:
        layers = infer([entry], shape)
        assert layers is not None
        found = layers[0].output
    except ShapeError:
        found = None
    assert found == expected
