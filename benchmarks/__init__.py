"""nnexp side by side with stock Keras: `python -m benchmarks --help`. Figures: docs/performance.md."""
