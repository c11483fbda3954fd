"""A model built, rehearsed and trained: TensorFlow is used here, and where a stored model is loaded."""
