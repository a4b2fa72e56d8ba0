"""Who gets the challenger: a share of keys, always the same ones."""

from hypothesis import given
from hypothesis import strategies as st

from adcraft.registry import ModelVersion
from adcraft.settings import ServeSettings
from serve_app.models.traffic import goes_to_challenger, kept_aliases, place_of

VERSION = ModelVersion("ad_copy", "3", (), "r", "owl", "runs:/r", "5f0e")
BOTH = {"champion": VERSION, "challenger": VERSION}


def test_share_is_kept() -> None:
    keys = [f"product {number}" for number in range(20_000)]
    for percent in (0, 1, 10, 50, 100):
        share = 100 * sum(goes_to_challenger(key, percent, BOTH) for key in keys) / len(keys)
        assert abs(share - percent) < 1


@given(st.text(), st.floats(0, 100), st.floats(0, 100))
def test_growing_share_takes_no_key_away(key: str, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert goes_to_challenger(key, low, BOTH) <= goes_to_challenger(key, high, BOTH)
    assert 0 <= place_of(key) < 1


def test_without_a_challenger_nothing_goes_there() -> None:
    assert not goes_to_challenger("shoes", 100, {"champion": VERSION})


def test_challenger_is_kept_in_memory_only_where_it_has_traffic() -> None:
    assert kept_aliases(ServeSettings()) == ()
    assert kept_aliases(ServeSettings(canary_percent=1)) == ("challenger",)
    assert kept_aliases(ServeSettings(shadow_percent=1)) == ("challenger",)
