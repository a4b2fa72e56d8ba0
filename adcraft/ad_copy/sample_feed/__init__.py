"""The sample feed: invented products and the copy written for them, deterministic by seed.

Read in this order: ``english`` (articles and verb forms), ``brands``, ``catalogue`` (what can be sold:
``categories/*.yaml``), ``tones`` and ``assets`` (how it can be said: ``tones/*.yaml``), ``products``
(the rows), ``dirt`` (damage), ``feed`` (the file).
"""
