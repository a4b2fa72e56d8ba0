"""What a model must beat: an echo of the name, a filled template, and the nearest training product's text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adcraft.ad_copy.copywriting.brief import PLAIN
from adcraft.ad_copy.copywriting.safe_copy import safe_texts
from adcraft.ad_copy.placements import shipped_placements
from adcraft.ad_copy.prompts import finish, prompt
from adcraft.ad_copy.slots import Anchors, delexicalise
from adcraft.workload import Record, without_target


def echo(records: Iterable[Record]) -> list[str]:
    """The product's name, as it is."""
    return [record.get("product_name") or "" for record in records]


def template(records: Iterable[Record]) -> list[str]:
    """The first template of a body that the product has the values for, whole sentences before those that
    are little more than its name; "" where it has them for none.
    """
    placement = shipped_placements().named(PLAIN)
    filled = [list(safe_texts(record, placement, PLAIN)) for record in records]
    return [next((text for text in texts if text.endswith(".")), (texts or [""])[0]) for texts in filled]


class NearestText:
    """The target of the training product whose prompt is nearest by TF-IDF and cosine.

    Prompts have their slots in, so brands and prices do not make products alike; the target found
    has its own slots filled from the product that asks.
    """

    def __init__(self, training: Sequence[Record], fields: tuple[str, ...]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._fields = fields
        self._targets = [_template(record, fields) for record in training]
        self._vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
        self._index = self._vectorizer.fit_transform(
            [prompt(without_target(record), fields).source.lower() for record in training]
        )

    def texts(self, records: Sequence[Record]) -> list[str]:
        """The text for each record."""
        texts = []
        for start in range(0, len(records), 256):
            prompts = [prompt(record, self._fields) for record in records[start : start + 256]]
            queries = self._vectorizer.transform([asked.source.lower() for asked in prompts])
            nearest = (queries @ self._index.T).argmax(axis=1)
            texts += [
                finish(self._targets[int(index)], asked.slots)
                for index, asked in zip(nearest.ravel().tolist()[0], prompts, strict=True)
            ]
        return texts


def _template(record: Record, fields: tuple[str, ...]) -> str:
    anchors = Anchors(record.get("brand") or "", record.get("product_name") or "", record.get("price") or "")
    slots = prompt(without_target(record), fields).slots
    template, _ = delexicalise(record.get("target") or "", anchors, slots)
    return template
