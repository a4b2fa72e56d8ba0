"""From a product and a brief to copy that can be published: candidates by the model, checked and chosen.

Read in this order: ``brief`` (what is wanted), ``proposals`` (what the model is asked),
``ranking`` and ``selection`` (which of its answers are taken), ``safe_copy`` (what stands in where nothing is
left), ``desk`` (all of it for one product, and the check), ``copywriter`` (for many products at once).
"""
