"""nnexp: ask a question of a neural network from a YAML config, and get an answer you can trust."""

__version__ = "0.1.0"
