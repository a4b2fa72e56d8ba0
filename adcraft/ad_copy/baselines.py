"""What a model must beat: an echo of the name, and the text of the nearest training product."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adcraft.ad_copy.prompts import finish, prompt
from adcraft.ad_copy.slots import Anchors, delexicalise
from adcraft.workload import Record


def echo(records: Iterable[Record]) -> list[str]:
    """The product's name, as it is."""
    return [record.get("product_name") or "" for record in records]


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
            [prompt(record, fields).source.lower() for record in training]
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
    template, _ = delexicalise(record.get("target") or "", anchors, prompt(record, fields).slots)
    return template
