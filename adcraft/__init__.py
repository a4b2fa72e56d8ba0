"""Adcraft's domain: products, ad copy, data, training, tracking, inference.

Nothing in here starts a cluster or serves HTTP, and importing it does nothing.
"""

__version__ = "0.1.0"
