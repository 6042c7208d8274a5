"""The feature cache: what a model is fed of each image, computed once and kept on disk."""
