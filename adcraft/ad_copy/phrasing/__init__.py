"""How ad copy in a tone is phrased: sentence templates, filled in from what is known of a product.

Read in this order: ``templates`` (the little language of ``tones/*.yaml``), ``english`` (its grammar),
``lengths`` and ``draws`` (how long a text may be, and how one is chosen), ``assets`` (the short texts),
``tones`` (all of it).
"""
