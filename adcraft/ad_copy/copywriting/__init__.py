"""From a product and a brief to copy that can be published: candidates by the model, checked and chosen.

Read in this order: ``brief`` (what is wanted), ``proposals`` (what the model is asked), ``candidates`` (what
of its answers can be published), ``ranking`` and ``selection`` (which of them are taken), ``safe_copy`` (what
stands in where nothing is left), ``copywriter`` (all of it, for many products at once).
"""
