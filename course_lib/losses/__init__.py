"""Losses as pure functions: tensors in, a scalar (or one number an image) out."""
