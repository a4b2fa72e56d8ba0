"""Who is next: by turn, of one kind, up to the budget; nobody is lost and nobody waits for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from serve_app.line import Line, Place


def place(item: int, *, kind: str = "a", tokens: int = 1, turn: float = 0.0) -> Place[int]:
    return Place(item, kind, tokens, turn, since=0.0)


def take(line: Line[int], gone: frozenset[int] = frozenset()) -> list[int]:
    return [each.item for each in line.take(lambda item: item not in gone)]


def line_of(*places: Place[int], max_tokens: int = 10) -> Line[int]:
    line: Line[int] = Line(max_tokens)
    for each in places:
        line.add(each)
    return line


def test_those_of_an_earlier_turn_go_first_and_else_those_who_came_first() -> None:
    line = line_of(place(1, turn=2), place(2, turn=1), place(3, turn=1), place(4, turn=2))
    assert take(line) == [2, 3, 1, 4]


def test_only_one_kind_is_taken_and_the_others_keep_their_place() -> None:
    line = line_of(place(1), place(2, kind="b"), place(3), place(4, kind="b"))
    assert take(line) == [1, 3]
    assert take(line) == [2, 4]
    assert take(line) == []


def test_the_budget_is_kept_and_a_larger_one_goes_alone() -> None:
    line = line_of(place(1, tokens=6), place(2, tokens=4), place(3, tokens=1), place(4, tokens=99), place(5))
    assert take(line) == [1, 2]
    assert take(line) == [3], "a smaller one does not pass one that does not fit, or that would wait for ever"
    assert take(line) == [4]
    assert take(line) == [5]


def test_line_is_full_when_as_many_tokens_wait_as_are_taken_at_once() -> None:
    assert not line_of(place(1, tokens=6)).is_full
    line = line_of(place(1, tokens=6), place(2, tokens=4, kind="b"))
    assert line.is_full
    assert take(line) == [1]
    line.add(place(3, tokens=6))
    assert line.is_full
    assert take(line, gone=frozenset({2})) == [3]
    line.add(place(4, tokens=9))
    assert take(line) == [4]


def test_whoever_is_gone_takes_no_room() -> None:
    line = line_of(place(1, tokens=9), place(2, tokens=9), place(3, tokens=9))
    assert take(line, gone=frozenset({1, 2})) == [3]
    assert len(line) == 0


_PLACES = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 30), st.floats(0, 5), st.booleans()), max_size=40
)


@given(_PLACES, st.integers(1, 20))
def test_everybody_who_stays_is_taken_once(places: list[tuple[str, int, float, bool]], budget: int) -> None:
    line: Line[int] = Line(budget)
    gone = {index for index, (_, _, _, leaves) in enumerate(places) if leaves}
    for index, (kind, tokens, turn, _) in enumerate(places):
        line.add(place(index, kind=kind, tokens=tokens, turn=turn))
    taken: list[int] = []
    while batch := line.take(lambda item: item not in gone):
        assert len({each.kind for each in batch}) == 1
        assert len(batch) == 1 or sum(each.tokens for each in batch) <= budget
        taken += [each.item for each in batch]
    assert sorted(taken) == sorted(set(range(len(places))) - gone)
    assert len(line) == 0
