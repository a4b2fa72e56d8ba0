"""``/samples``: products to try, for whoever has none at hand."""

from __future__ import annotations

from typing import Any

SAMPLES: tuple[dict[str, Any], ...] = (
    {"brand": "Nike", "product_name": "Running Shoes"},
    {
        "brand": "Aera",
        "product_name": "Aera Women Red Printed Straight Kurta",
        "category": "Clothing > Ethnic Wear",
        "color": "red",
        "attributes": "Fabric: soft cotton; Sleeves: long",
        "price": "₹1,299",
    },
    {
        "brand": "Solvex",
        "product_name": "Solvex Stainless Steel Water Bottle 750 ml",
        "category": "Kitchen > Bottles",
        "price": "€24.90",
        "attributes": ["keeps drinks cold for 24 h", "leakproof lid"],
        "placement": "google_rsa",
    },
    {
        "product_name": "Oak Desk Lamp",
        "category": "Home > Lighting",
        "material": "oak",
        "tone": "warm",
        "placement": "email",
    },
)
"""Each is a body of ``/predict``."""
