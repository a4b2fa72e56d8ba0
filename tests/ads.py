"""Ads as a test wants them."""

from collections.abc import Mapping, Sequence

from adcraft.ad_copy.copywriting.ad import AdText, AssetCopy


def asset_copy(
    texts: Sequence[str], safe: Sequence[str] = (), candidates: Mapping[str, int] | None = None
) -> AssetCopy:
    """The model's texts and then safe ones.

    Args:
        texts: of the model.
        safe: of templates.
        candidates: how many broke these rules, named with spaces between; "" for those that broke none.
    """
    counts = {frozenset(rules.split()): count for rules, count in (candidates or {}).items()}
    return AssetCopy(
        (*(ad_text(text) for text in texts), *(ad_text(text, safe=True) for text in safe)), (), counts
    )


def ad_text(text: str, *, safe: bool = False) -> AdText:
    """One text, shown whole."""
    return AdText(text, None, safe, len(text), shown_whole=True)
