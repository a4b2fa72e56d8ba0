"""The batcher: prompts of all requests in one line, and a batch formed at the moment when the engine is free.

``@serve.batch`` forms a batch and then waits for the engine, so what arrives meanwhile has to wait
for the next one: 10 requests/s where this makes 25 on the same engine. What is batched here are prompts,
not requests: the second round of one ad shares an engine call with the first of another.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from serve_app.line import Line, Place

log = logging.getLogger("ray.serve")

Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Ask(Protocol):
    """A prompt. Those of one ``variants`` can share an engine call."""

    @property
    def variants(self) -> int:
        """Texts to write."""
        ...

    @property
    def tokens(self) -> int:
        """That it takes of the budget of an engine call."""
        ...


AskT = TypeVar("AskT", bound=Ask)
AskIn_contra = TypeVar("AskIn_contra", bound=Ask, contravariant=True)
AskOut_co = TypeVar("AskOut_co", bound=Ask, covariant=True)


class Work(Protocol[AskOut_co, Result_co]):
    """A request at work: :meth:`asks` until there are none, then :meth:`ad`."""

    def asks(self) -> Sequence[AskOut_co]:
        """The prompts of the next round, when all of the last one were answered."""
        ...

    def ad(self) -> Result_co:
        """What came of it."""
        ...


class Writer(Protocol[AskIn_contra]):
    """What a model's engine does. Blocking."""

    def answer(self, asks: Sequence[AskIn_contra]) -> object:
        """Answer all of them in one engine call."""
        ...


class LateError(Exception):
    """The time of a request was over before its last prompt was answered."""


@dataclass(frozen=True)
class EngineCall:
    """One call of an engine, for the metrics.

    Attributes:
        asks: prompts in it.
        tokens: of the budget.
        waited_s: how long the one that waited longest had waited.
        took_s: how long the call took.
    """

    asks: int
    tokens: int
    waited_s: float
    took_s: float


@dataclass(eq=False)
class _Request(Generic[AskT, Result]):
    """A request in the house."""

    work: Work[AskT, Result]
    writer: Writer[AskT]
    future: asyncio.Future[Result]
    turn: float
    deadline: float
    unanswered: int = 0


@dataclass(frozen=True)
class _Company:
    """Whom an engine call leaves behind: whoever had an answer may ask again at once.

    Attributes:
        requests: that had a prompt in the call, or waited behind it.
        worth_s: how long it is worth waiting until there are so many again.
        until: by the clock; who comes later has nothing to do with that call.
    """

    requests: int = 0
    worth_s: float = 0.0
    until: float = 0.0


@dataclass
class _Outcome(Generic[AskT, Result]):
    """What came of an engine call for one request: more prompts, or a result, or a fault."""

    asks: Sequence[AskT] = ()
    result: list[Result] = field(default_factory=list)
    error: Exception | None = None


class Batcher(Generic[AskT, Result]):
    """Runs one engine call at a time, in a thread, so that the event loop stays free. Belongs to one loop."""

    def __init__(
        self,
        *,
        max_tokens: int,
        patience_s: float = 2.0,
        linger_share: float = 0.1,
        noted: Callable[[EngineCall], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Build an idle batcher.

        Args:
            max_tokens: in one engine call, read and written at most; a larger prompt goes alone.
            patience_s: a request that is not urgent lets those pass that come so much later.
            linger_share: of an engine call's time, for which the next one is put off at most, until as many
                requests are there as there were. A call costs something for itself, not for each prompt
                alone; and the first of those that ask again would be in one alone, while all others wait.
            noted: told of each engine call.
            clock: seconds.
        """
        self._line: Line[tuple[_Request[AskT, Result], AskT]] = Line(max_tokens)
        self._patience_s = patience_s
        self._linger_share = linger_share
        self._company = _Company()
        self._noted = noted
        self._clock = clock
        self._arrival = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")
        self._worker: asyncio.Task[None] | None = None
        self._busy_since: float | None = None
        self._requests: set[_Request[AskT, Result]] = set()

    @property
    def waiting(self) -> int:
        """Prompts that wait for the engine."""
        return len(self._line)

    @property
    def requests(self) -> int:
        """Requests in the house."""
        return len(self._requests)

    @property
    def busy_s(self) -> float:
        """How long the present engine call has run; 0 when the engine is free."""
        return 0.0 if self._busy_since is None else self._clock() - self._busy_since

    async def submit(
        self,
        writer: Writer[AskT],
        work: Work[AskT, Result],
        *,
        timeout_s: float = float("inf"),
        urgent: bool = True,
    ) -> Result:
        """Do one piece of work together with whatever else waits. A caller that is cancelled leaves the line.

        Args:
            writer: the model that is to do it.
            work: whose prompts are to be answered.
            timeout_s: after which the caller does not want it any more.
            urgent: False lets urgent ones pass, though not for ever.

        Raises:
            LateError: its time was over.
            Exception: what the engine raised for this very piece.
        """
        now = self._clock()
        request: _Request[AskT, Result] = _Request(
            work,
            writer,
            asyncio.get_running_loop().create_future(),
            turn=now if urgent else now + self._patience_s,
            deadline=now + timeout_s,
        )
        self._requests.add(request)
        try:
            self._queue(request, work.asks())
            if not request.unanswered:
                return work.ad()
            if self._worker is None or self._worker.done():
                self._worker = asyncio.create_task(self._run())
            return await request.future
        finally:
            self._requests.discard(request)
            request.future.cancel()  # what still waits of it is passed over

    def close(self) -> None:
        """Let the engine's thread end after its present call."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _queue(self, request: _Request[AskT, Result], asks: Sequence[AskT]) -> None:
        request.unanswered = len(asks)
        now = self._clock()
        for ask in asks:
            self._line.add(
                Place((request, ask), (id(request.writer), ask.variants), ask.tokens, request.turn, now)
            )
        self._arrival.set()

    def _is_wanted(self, waiting: tuple[_Request[AskT, Result], AskT]) -> bool:
        request = waiting[0]
        if not request.future.done() and self._clock() >= request.deadline:
            request.future.set_exception(LateError())
        return not request.future.done()

    async def _run(self) -> None:
        while len(self._line):
            await self._linger()
            if places := self._line.take(self._is_wanted):
                await self._call(places)

    async def _call(self, places: Sequence[Place[tuple[_Request[AskT, Result], AskT]]]) -> None:
        batch = [place.item for place in places]
        for request, _ in batch:
            request.unanswered -= 1
        began = self._busy_since = self._clock()
        try:
            outcomes = await asyncio.get_running_loop().run_in_executor(self._thread, _answer, batch)
        finally:
            self._busy_since = None
        ended = self._clock()
        took_s = ended - began
        self._company = _Company(len(self._requests), self._linger_share * took_s, until=ended + took_s)
        for request, outcome in outcomes.items():
            self._settle(request, outcome)
        self._note(
            EngineCall(
                asks=len(batch),
                tokens=sum(place.tokens for place in places),
                waited_s=began - min(place.since for place in places),
                took_s=took_s,
            )
        )

    async def _linger(self) -> None:
        """Put the next engine call off until all are there again, but not for long."""
        company = self._company
        if self._clock() >= company.until:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(company.worth_s):
                while len(self._requests) < company.requests and not self._line.is_full:
                    self._arrival.clear()
                    await self._arrival.wait()

    def _note(self, call: EngineCall) -> None:
        try:
            self._noted(call)
        except Exception:  # what is only counted must hold nobody up
            log.exception("an engine call could not be counted")

    def _settle(self, request: _Request[AskT, Result], outcome: _Outcome[AskT, Result]) -> None:
        if request.future.done():
            return
        if outcome.asks:
            self._queue(request, outcome.asks)
            return
        self._requests.discard(request)
        if outcome.error:
            request.future.set_exception(outcome.error)
        else:
            request.future.set_result(outcome.result[0])


def _answer(
    batch: Sequence[tuple[_Request[AskT, Result], AskT]],
) -> dict[_Request[AskT, Result], _Outcome[AskT, Result]]:
    """In the engine's thread: one engine call, and what follows from it for the requests that have all of
    their answers now. One that fails does not fail the others.
    """
    errors: dict[_Request[AskT, Result], Exception] = {}
    writer = batch[0][0].writer
    try:
        writer.answer([ask for _, ask in batch])
    except Exception as error:
        if len(batch) == 1:
            errors[batch[0][0]] = error
        else:
            for request, ask in batch:
                try:
                    writer.answer([ask])
                except Exception as own:
                    errors[request] = own
    outcomes: dict[_Request[AskT, Result], _Outcome[AskT, Result]] = {}
    for request in dict.fromkeys(request for request, _ in batch):
        if request in errors:
            outcomes[request] = _Outcome(error=errors[request])
        elif not request.unanswered:
            outcomes[request] = _next(request.work)
    return outcomes


def _next(work: Work[AskT, Result]) -> _Outcome[AskT, Result]:
    try:
        asks = work.asks()
        return _Outcome(asks=asks) if asks else _Outcome(result=[work.ad()])
    except Exception as error:  # of this request alone; it is raised where the request waits
        return _Outcome(error=error)
