"""Which tone a text has, by the words that training texts of each tone have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from adcraft.ad_copy.fields import Kind
from adcraft.ad_copy.training_texts import texts_of
from adcraft.workload import Record


class ToneReader:
    """Multinomial naive Bayes over words, signs and pairs of them (McCallum and Nigam, AAAI 1998), for each
    kind of text by itself. It is no judge of taste: it tells what sounds like the training texts of a tone.
    """

    def __init__(self, training: Iterable[Record]) -> None:
        """Args:
        training: records; their texts whose tone is known teach.
        """
        taught: dict[Kind, list[tuple[str, str]]] = {}
        for kind, text, tone in toned(training):
            taught.setdefault(kind, []).append((text, tone))
        self._readers = {
            kind: _fitted(*zip(*texts, strict=True))
            for kind, texts in taught.items()
            if len({tone for _, tone in texts}) > 1
        }

    def knows(self, kind: Kind, tone: str) -> bool:
        """Whether it has learnt ``tone`` from texts of this kind, beside another one."""
        return kind in self._readers and tone in self._readers[kind].classes_

    def read(self, kind: Kind, texts: Sequence[str]) -> list[str]:
        """The likeliest tone of each text, of a kind that it has learnt."""
        return list(map(str, self._readers[kind].predict(list(texts)))) if texts else []


def toned(records: Iterable[Record]) -> Iterable[tuple[Kind, str, str]]:
    """(kind, text, tone) of the texts that records teach and whose tone is known."""
    for record in records:
        yield from ((text.kind, text.text, text.tone) for text in texts_of(record) if text.tone)


def _fitted(texts: Sequence[str], tones: Sequence[str]):  # type: ignore[no-untyped-def]  # sklearn has none
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    words = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+|[^\w\s]")
    return make_pipeline(words, MultinomialNB()).fit(texts, tones)
