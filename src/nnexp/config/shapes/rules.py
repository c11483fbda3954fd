"""One small rule for each family of layers: from an entry and its input's shape to its output and its weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from nnexp.config.grammar import Entry
from nnexp.config.shapes.needs import (
    Made,
    Misfit,
    Shape,
    bias,
    borders,
    named_axes,
    need_rank,
    need_some_axes,
    sizes,
    spans,
    weight_axes,
)

_MOST_GROUPS = 1024  # of a hint
Rule = Callable[[Entry, Shape], Made | None]


def apply(entry: Entry, shape: Shape) -> Made | None:
    """What the layer makes of an input of this shape; None where Keras must decide.

    Raises:
        Misfit: it cannot take this input.
    """
    if entry.get("inputs") is not None or _left_to_keras(entry):
        return None
    if entry.name in JOINING:
        message = f"{entry.name} joins the outputs of several layers, but gets one input"
        raise Misfit(message, "name the earlier layers it joins with their `name`: `inputs: [name, name]`")
    rule = RULES.get(entry.name)
    made = rule(entry, shape) if rule else None
    if made is None or entry.get("trainable", True):
        return made
    return made._replace(frozen=made.weights)


def _left_to_keras(entry: Entry) -> bool:
    activation = entry.get("activation")
    return (
        entry.get("data_format") == "channels_first"
        or (activation.name if isinstance(activation, Entry) else activation) == "glu"  # it halves the last axis
        or any(entry.get(name) is not None for name in ("lora_rank", "quantization_config", "noise_shape"))
    )


def _same(entry: Entry, shape: Shape) -> Made:
    return Made(shape)


def _same_of_rank(rank: int, entry: Entry, shape: Shape) -> Made:
    need_rank(entry, shape, rank)
    return Made(shape)


def _same_along_axis(entry: Entry, shape: Shape) -> Made:
    named_axes(entry, shape)
    return Made(shape)


def _prelu(entry: Entry, shape: Shape) -> Made:
    shared = entry.get("shared_axes") or []
    shared = shared if isinstance(shared, (list, tuple)) else [shared]
    if not all(1 <= axis <= len(shape) for axis in shared):
        message = f"prelu has `shared_axes: {list(shared)}`, which its input {shape} does not have"
        raise Misfit(message, f"axes count from 1 to {len(shape)}")
    return Made(shape, math.prod(size for axis, size in enumerate(shape, 1) if axis not in shared))


def _batch_normalization(entry: Entry, shape: Shape) -> Made:
    count = weight_axes(entry, shape)
    moving = 5 if entry.get("renorm") else 2
    learned = bool(entry.get("center", True)) + bool(entry.get("scale", True))
    return Made(shape, count * (learned + moving), count * moving)


def _layer_normalization(entry: Entry, shape: Shape) -> Made:
    learned = bool(entry.get("center", True)) + bool(entry.get("scale", True))
    return Made(shape, weight_axes(entry, shape) * learned)


def _group_normalization(entry: Entry, shape: Shape) -> Made:
    channels = weight_axes(entry, shape)
    groups = entry.get("groups", 32)
    if groups != -1 and channels % groups:
        fitting = max(size for size in range(1, min(groups, channels, _MOST_GROUPS) + 1) if channels % size == 0)
        message = f"group_normalization cannot split {channels} channels into {groups} equal groups"
        raise Misfit(message, f"set `groups: {fitting}`")
    return _layer_normalization(entry, shape)


def _dense(entry: Entry, shape: Shape) -> Made:
    need_some_axes(entry, shape, 1)
    units = entry.get("units")
    return Made((*shape[:-1], units), shape[-1] * units + bias(entry, units))


def _embedding(entry: Entry, shape: Shape) -> Made:
    size = entry.get("output_dim")
    return Made((*shape, size), entry.get("input_dim") * size)


def _flatten(entry: Entry, shape: Shape) -> Made:
    return Made((math.prod(shape),))


def _reshape(entry: Entry, shape: Shape) -> Made:
    target = entry.get("target_shape")
    target = tuple(target) if isinstance(target, (list, tuple)) else (target,)
    total = math.prod(shape)
    known = math.prod(size for size in target if size != -1)
    free = target.count(-1)
    if free > 1 or min(target, default=0) < -1 or known == 0 or (total % known if free else total != known):
        message = f"reshape cannot turn {shape}, {total} values, into {list(target)}"
        raise Misfit(message, f"the sizes must multiply to {total}; one of them may be -1, for what is left")
    return Made(tuple(total // known if size == -1 else size for size in target))


def _permute(entry: Entry, shape: Shape) -> Made:
    dims = entry.get("dims")
    if not isinstance(dims, (list, tuple)) or sorted(dims) != list(range(1, len(shape) + 1)):
        hint = f"give each axis once, in the new order: {list(range(1, len(shape) + 1))}"
        raise Misfit(f"permute cannot put the axes of {shape} in the order {dims}", hint)
    return Made(tuple(shape[axis - 1] for axis in dims))


def _repeat_vector(entry: Entry, shape: Shape) -> Made:
    need_rank(entry, shape, 1)
    return Made((entry.get("n"), *shape))


def _up_sampling(dims: int, entry: Entry, shape: Shape) -> Made:
    need_rank(entry, shape, dims + 1)
    factors = sizes(entry, "size", dims, 2)
    return Made((*(length * factor for length, factor in zip(shape, factors, strict=False)), shape[-1]))


def _zero_padding(dims: int, entry: Entry, shape: Shape) -> Made:
    need_rank(entry, shape, dims + 1)
    added = borders(entry, "padding", dims, 1)
    return Made((*(length + more for length, more in zip(shape, added, strict=False)), shape[-1]))


def _cropping(dims: int, entry: Entry, shape: Shape) -> Made:
    need_rank(entry, shape, dims + 1)
    cut = borders(entry, "cropping", dims, 0 if dims == 2 else 1)
    left = [length - less for length, less in zip(shape, cut, strict=False)]
    if min(left) <= 0:
        raise Misfit(f"{entry.name} cuts {tuple(cut)} off {shape}: nothing is left", "make `cropping` smaller")
    return Made((*left, shape[-1]))


def _pooling(dims: int, entry: Entry, shape: Shape) -> Made:
    need_rank(entry, shape, dims + 1)
    windows = sizes(entry, "pool_size", dims, 2)
    strides = windows if entry.get("strides") is None else sizes(entry, "strides", dims)
    return Made((*spans(entry, shape, windows, strides, "pool_size"), shape[-1]))


def _global_pooling(dims: int, entry: Entry, shape: Shape) -> Made:
    need_rank(entry, shape, dims + 1)
    kept = (1,) * dims if entry.get("keepdims") else ()
    return Made((*kept, shape[-1]))


def _convolved(dims: int, entry: Entry, shape: Shape) -> tuple[Shape, int]:
    """The lengths that a convolution leaves, and the cells of its kernel."""
    need_rank(entry, shape, dims + 1)
    kernel = sizes(entry, "kernel_size", dims)
    dilation = sizes(entry, "dilation_rate", dims)
    windows = tuple((size - 1) * rate + 1 for size, rate in zip(kernel, dilation, strict=True))
    return spans(entry, shape, windows, sizes(entry, "strides", dims), "kernel_size"), math.prod(kernel)


def _not_both(dims: int, entry: Entry) -> None:
    if max(sizes(entry, "strides", dims)) > 1 and max(sizes(entry, "dilation_rate", dims)) > 1:
        message = f"{entry.name} cannot have both `strides` and `dilation_rate` above 1"
        raise Misfit(message, "set one of them to 1")


def _convolution(dims: int, entry: Entry, shape: Shape) -> Made:
    lengths, cells = _convolved(dims, entry, shape)
    _not_both(dims, entry)
    filters, groups, channels = entry.get("filters"), entry.get("groups", 1), shape[-1]
    if channels % groups or filters % groups:
        message = f"{entry.name} cannot split {channels} input channels and {filters} filters into {groups} groups"
        raise Misfit(message, "set `groups` to a divisor of both")
    return Made((*lengths, filters), cells * (channels // groups) * filters + bias(entry, filters))


def _depthwise_convolution(dims: int, entry: Entry, shape: Shape) -> Made:
    lengths, cells = _convolved(dims, entry, shape)
    channels = shape[-1] * entry.get("depth_multiplier", 1)
    return Made((*lengths, channels), cells * channels + bias(entry, channels))


def _separable_convolution(dims: int, entry: Entry, shape: Shape) -> Made:
    lengths, cells = _convolved(dims, entry, shape)
    filters, channels = entry.get("filters"), shape[-1] * entry.get("depth_multiplier", 1)
    return Made((*lengths, filters), cells * channels + channels * filters + bias(entry, filters))


def _transposed_convolution(dims: int, entry: Entry, shape: Shape) -> Made:
    need_rank(entry, shape, dims + 1)
    _not_both(dims, entry)
    kernel, strides = sizes(entry, "kernel_size", dims), sizes(entry, "strides", dims)
    dilation = sizes(entry, "dilation_rate", dims)
    given = entry.get("output_padding") is not None
    extra = sizes(entry, "output_padding", dims, least=0) if given else None
    if extra and any(more >= stride for more, stride in zip(extra, strides, strict=True)):
        raise Misfit(f"{entry.name} has an `output_padding` as large as its `strides`", "make `output_padding` smaller")
    same = entry.get("padding", "valid") == "same"
    lengths = []
    for axis in range(dims):
        window = (kernel[axis] - 1) * dilation[axis] + 1
        if extra is None:
            lengths.append((shape[axis] - 1) * strides[axis] + (strides[axis] if same else max(window, strides[axis])))
        else:
            lengths.append((shape[axis] - 1) * strides[axis] + (window % 2 if same else window) + extra[axis])
    filters = entry.get("filters")
    return Made((*lengths, filters), math.prod(kernel) * shape[-1] * filters + bias(entry, filters))


def _recurrent(gates: int, entry: Entry, shape: Shape) -> Made | None:
    need_rank(entry, shape, 2)
    if entry.get("return_state") or entry.get("stateful"):  # several outputs; a fixed batch size
        return None
    units = entry.get("units")
    biases = 2 if entry.name == "gru" and entry.get("reset_after", True) else 1
    weights = gates * units * (shape[-1] + units) + bias(entry, gates * units * biases)
    return Made((shape[0], units) if entry.get("return_sequences") else (units,), weights)


def _bidirectional(entry: Entry, shape: Shape) -> Made | None:
    layer = entry.get("layer")
    mode = entry.get("merge_mode", "concat")
    if not isinstance(layer, Entry) or layer.name not in GATES or mode is None or entry.get("backward_layer"):
        return None
    made = apply(layer, shape)
    if made is None:
        return None
    last = made.output[-1] * (2 if mode == "concat" else 1)
    return Made((*made.output[:-1], last), made.weights * 2, made.frozen * 2)


def _time_distributed(entry: Entry, shape: Shape) -> Made | None:
    need_some_axes(entry, shape, 2)
    layer = entry.get("layer")
    made = apply(layer, shape[1:]) if isinstance(layer, Entry) else None
    return made and made._replace(output=(shape[0], *made.output))


def _self_attention(entry: Entry, shape: Shape) -> Made:
    """Query, key and value are all the layer's one input, as nnexp calls it."""
    need_some_axes(entry, shape, 2)
    features = shape[-1]
    keys = entry.get("num_heads") * entry.get("key_dim")
    values = entry.get("num_heads") * (entry.get("value_dim") or entry.get("key_dim"))
    wanted = entry.get("output_shape") or features
    output = tuple(wanted) if isinstance(wanted, (list, tuple)) else (wanted,)
    inner = 2 * keys + values * (2 if entry.get("use_gate") else 1)
    weights = features * inner + values * math.prod(output) + bias(entry, inner + math.prod(output))
    return Made((*shape[:-1], *output), weights)


GATES = {"simple_rnn": 1, "lstm": 4, "gru": 3}
JOINING = frozenset({"add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract"})
_ALIKE: dict[str, Rule] = {  # the output has the input's shape, whatever its rank
    **dict.fromkeys(("activation", "elu", "leaky_relu", "relu"), _same),
    **dict.fromkeys(("activity_regularization", "alpha_dropout", "dropout", "gaussian_dropout"), _same),
    **dict.fromkeys(("gaussian_noise", "identity", "masking", "rescaling"), _same),
    **dict.fromkeys(("softmax", "unit_normalization"), _same_along_axis),
    "prelu": _prelu,
    "batch_normalization": _batch_normalization,
    "layer_normalization": _layer_normalization,
    "group_normalization": _group_normalization,
}
KEEPS_SHAPE = frozenset(_ALIKE)
_IMAGE_CHANGES = ("flip", "rotation", "zoom", "translation", "contrast", "brightness")
RULES: dict[str, Rule] = {
    **_ALIKE,
    **{f"random_{change}": partial(_same_of_rank, 3) for change in _IMAGE_CHANGES},
    **{name: partial(_recurrent, gates) for name, gates in GATES.items()},
    "bidirectional": _bidirectional,
    "dense": _dense,
    "embedding": _embedding,
    "flatten": _flatten,
    "multi_head_attention": _self_attention,
    "permute": _permute,
    "repeat_vector": _repeat_vector,
    "reshape": _reshape,
    "time_distributed": _time_distributed,
}
for _dims in (1, 2, 3):
    RULES |= {
        f"conv{_dims}d": partial(_convolution, _dims),
        f"conv{_dims}d_transpose": partial(_transposed_convolution, _dims),
        f"average_pooling{_dims}d": partial(_pooling, _dims),
        f"max_pooling{_dims}d": partial(_pooling, _dims),
        f"global_average_pooling{_dims}d": partial(_global_pooling, _dims),
        f"global_max_pooling{_dims}d": partial(_global_pooling, _dims),
        f"cropping{_dims}d": partial(_cropping, _dims),
        f"spatial_dropout{_dims}d": partial(_same_of_rank, _dims + 1),
        f"up_sampling{_dims}d": partial(_up_sampling, _dims),
        f"zero_padding{_dims}d": partial(_zero_padding, _dims),
    }
for _dims in (1, 2):
    RULES |= {
        f"depthwise_conv{_dims}d": partial(_depthwise_convolution, _dims),
        f"separable_conv{_dims}d": partial(_separable_convolution, _dims),
    }
