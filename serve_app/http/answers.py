"""From what a generator wrote to what a client gets: one product, or many in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError

from adcraft.ad_copy.copywriting.ad import AssetCopy
from serve_app.http.faults import ApiError, explain
from serve_app.http.schemas import (
    Answer,
    AssetText,
    BatchAnswer,
    Fault,
    ItemAnswer,
    ItemError,
    Product,
    Refusal,
)
from serve_app.messages import Failure, Job, Outcome

# Few enough to spread a batch over the replicas.
_CHUNK_ITEMS = 8

Room = Callable[[], AbstractAsyncContextManager[None]]
Generate = Callable[[Sequence[Job]], Awaitable[list[Outcome]]]


def answer(product: Product, outcome: Outcome) -> Answer:
    """The answer for one product.

    Raises:
        ApiError: what is wanted can't be had, the model failed on it, or nothing can be said of it.
    """
    ad = outcome.result
    if isinstance(ad, Failure):
        raise ApiError(ad.status, ad.code, ad.message)
    assets = {name: _texts(copy, explain=product.explain) for name, copy in ad.assets.items()}
    texts = [text.text for text in assets[ad.roomiest]]
    if not texts:
        raise ApiError(
            422,
            "no_copy",
            "Nothing that can be published came of this product; a category or a description may help.",
        )
    return Answer(
        creative=texts[0],
        brand=product.brand,
        product_name=product.product_name,
        variants=texts,
        placement=ad.placement,
        assets=assets,
        refused={name: _refusals(copy) for name, copy in ad.assets.items()} if product.explain else None,
        model=outcome.model,
    )


def _texts(copy: AssetCopy, *, explain: bool) -> list[AssetText]:
    return [
        AssetText(
            text=text.text,
            characters=text.characters,
            shown_whole=text.shown_whole,
            safe=text.safe,
            score=round(text.ranked.score, 4) if text.ranked else None,
            parts={name: round(part, 4) for name, part in asdict(text.ranked).items()}
            if explain and text.ranked
            else None,
        )
        for text in copy.texts
    ]


def _refusals(copy: AssetCopy) -> list[Refusal]:
    return [
        Refusal(text=one.text, rule=found.rule, start=found.start, end=found.end, why=found.why)
        for one in copy.refused
        for found in one.verdict.findings[:1]
    ]


async def answer_batch(
    items: Sequence[Any], generate: Generate, job_of: Callable[[Product], Job], *, room: Room, request_id: str
) -> BatchAnswer:
    """A result for each item, in order; what fails has its own error and fails nothing else.

    Each chunk has the time that a single request has. Once one was late, those that have not begun
    are given up: waiting longer would make nothing better.

    Args:
        items: as they were sent.
        generate: writes for the jobs of a chunk.
        job_of: what is asked for a product.
        room: entered by each chunk; waits until there is some.
        request_id: of the batch.
    """
    batch = _Batch(generate, job_of, request_id, room)
    products = batch.check(items)
    async with asyncio.TaskGroup() as group:
        for start in range(0, len(products), _CHUNK_ITEMS):
            group.create_task(batch.run(products[start : start + _CHUNK_ITEMS]))
    ordered = [batch.results[index] for index in range(len(items))]
    failed = sum(isinstance(result, ItemError) for result in ordered)
    return BatchAnswer(results=ordered, succeeded=len(ordered) - failed, failed=failed)


class _Batch:
    """The results of a batch so far, by index."""

    def __init__(
        self, generate: Generate, job_of: Callable[[Product], Job], request_id: str, room: Room
    ) -> None:
        self.results: dict[int, ItemAnswer | ItemError] = {}
        self._generate = generate
        self._job_of = job_of
        self._request_id = request_id
        self._room = room
        self._late: ApiError | None = None

    def check(self, items: Sequence[Any]) -> list[tuple[int, Product]]:
        """The items that are products, with their index; the others get their error."""
        products = []
        for index, item in enumerate(items):
            try:
                products.append((index, Product.model_validate(item)))
            except ValidationError as error:
                sentence = explain(error.errors(include_url=False), Product)
                self._refuse(index, ApiError(422, "invalid_request", sentence))
        return products

    async def run(self, chunk: list[tuple[int, Product]]) -> None:
        """Get the results of a chunk, when there is room for it."""
        async with self._room():
            if self._late is None:
                try:
                    outcomes = await self._generate([self._job_of(product) for _, product in chunk])
                except ApiError as error:
                    self._late = error if error.code == "timeout" else None
                    failure = error
                else:
                    self._answer(chunk, outcomes)
                    return
            else:
                failure = self._late
        for index, _ in chunk:
            self._refuse(index, failure)

    def _answer(self, chunk: list[tuple[int, Product]], outcomes: Sequence[Outcome]) -> None:
        for (index, product), outcome in zip(chunk, outcomes, strict=True):
            try:
                answered = answer(product, outcome)
            except ApiError as error:
                self._refuse(index, error)
            else:
                self.results[index] = ItemAnswer(index=index, **dict(answered))

    def _refuse(self, index: int, error: ApiError) -> None:
        fault = Fault(code=error.code, message=error.message, request_id=self._request_id)
        self.results[index] = ItemError(index=index, error=fault)
