"""The sample feed: invented products and the copy written for them, deterministic by seed.

Read in this order: ``brands``, ``catalogue`` (what can be sold: ``categories/*.yaml``), ``products`` (the
rows; how they are advertised is in ``phrasing``), ``dirt`` (damage), ``feed`` (the file).
"""
