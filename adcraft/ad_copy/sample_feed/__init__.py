"""The sample feed: invented products, each with an ad written for it, deterministic by seed.

Read in this order: ``english`` (articles and verb forms), ``brands``, ``catalogue`` (what can be sold:
``categories/*.yaml``), ``tones`` (how it can be said: ``tones/*.yaml``), ``products`` (the rows),
``dirt`` (damage), ``feed`` (the file).
"""
