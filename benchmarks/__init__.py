"""nnexp side by side with what people use instead: `python -m benchmarks --help`. Figures: docs/performance.md."""
