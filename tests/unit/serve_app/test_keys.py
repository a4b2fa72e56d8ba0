"""The file of API keys, and how a running server follows it."""

import json
import multiprocessing
import re
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adcraft.errors import AdcraftError, SettingsError, StorageError
from serve_app.keys.key_file import SCOPES, TOKEN, create_key, read_keys, revoke_key
from serve_app.keys.live_keys import LOOK_EVERY_S, LiveKeys


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "keys.json"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_a_while(self) -> None:
        self.now += LOOK_EVERY_S


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_key_is_kept_as_its_hash_in_a_file_of_its_owner_alone(path: Path) -> None:
    key, token = create_key(path, " shop ", ["admin", "predict", "admin"])
    assert TOKEN.fullmatch(token)
    assert (key.name, key.scopes, key.last_four) == ("shop", ("predict", "admin"), token[-4:])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token.rpartition("_")[2] not in path.read_text()
    assert read_keys(path) == (key,)
    assert sorted(file.name for file in path.parent.iterdir()) in (
        ["keys.json"],
        ["keys.json", "keys.json.lock"],
    )


def test_a_file_that_others_could_read_is_not_so_after_a_change(path: Path) -> None:
    create_key(path, "shop", ["predict"])
    path.chmod(0o644)
    create_key(path, "other", ["predict"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\x1b[31m", "\u202e"])
def test_name_that_can_not_be_one(path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="--name"):
        create_key(path, name, ["predict"])
    assert not path.exists()


@pytest.fixture(scope="module")
def created(tmp_path_factory: pytest.TempPathFactory) -> tuple[LiveKeys, dict[str, str]]:
    """Keys, and their tokens by id."""
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    tokens = {}
    for number in range(20):
        key, token = create_key(path, f"shop {number}", [SCOPES[number % 2]])
        tokens[key.id] = token
    return LiveKeys(path), tokens


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_key_opens_and_none_with_a_character_changed(
    created: tuple[LiveKeys, dict[str, str]], data: st.DataObject
) -> None:
    live, tokens = created
    known, token = data.draw(st.sampled_from(sorted(tokens.items())))
    found = live.find(token)
    assert found
    assert found.id == known
    place = data.draw(st.integers(0, len(token)))
    alphabet = st.one_of(st.sampled_from("0123456789abcdefABCDEF_\n\0é"), st.characters())
    other = data.draw(alphabet)
    changed = data.draw(
        st.sampled_from(
            [
                token[:place] + other + token[place + 1 :],
                token[:place] + other + token[place:],
                token[:place] + token[place + 1 :],
            ]
        )
    )
    if changed != token:
        assert live.find(changed) is None


@pytest.mark.parametrize("token", ["", "adc_", "0" * 64, f"adc_{'0' * 8}_{'0' * 64}", "\ud800"])
def test_what_is_no_key(created: tuple[LiveKeys, dict[str, str]], token: str) -> None:
    assert created[0].find(token) is None


def test_a_secret_opens_only_together_with_its_own_id(created: tuple[LiveKeys, dict[str, str]]) -> None:
    live, tokens = created
    one, other = sorted(tokens)[:2]
    assert live.find(tokens[one].replace(one, other)) is None


def test_all_secrets_are_compared_in_constant_time(
    created: tuple[LiveKeys, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the id exists or not, and whatever the form: one hash and one comparison of 32 bytes."""
    live, tokens = created
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("serve_app.keys.live_keys.hmac.compare_digest", compare)
    for token in [next(iter(tokens.values())), f"adc_{'0' * 8}_{'0' * 64}", "nonsense"]:
        live.find(token)
    assert compared == [(32, 32)] * 3


def test_a_revoked_key_opens_nothing_within_a_second(path: Path, clock: Clock) -> None:
    _, token = create_key(path, "shop", ["predict"])
    other, kept = create_key(path, "other", ["predict"])
    live = LiveKeys(path, clock=clock)
    assert live.find(token)
    revoked = revoke_key(path, token[4:12])
    assert revoked.revoked_at
    clock.now += LOOK_EVERY_S / 2
    assert live.find(token), "the file is not looked at for every request"
    clock.now += LOOK_EVERY_S / 2
    assert live.find(token) is None
    assert live.find(kept) == other
    assert revoke_key(path, revoked.id) == revoked, "when it was first revoked stays"


@pytest.mark.parametrize("unknown", ["00000000", f"adc_00000000_{'a' * 64}"])
def test_revoking_what_is_not_there(path: Path, unknown: str) -> None:
    create_key(path, "shop", ["predict"])
    with pytest.raises(SettingsError, match="no key of that id") as caught:
        revoke_key(path, unknown)
    assert "a" * 64 not in str(caught.value)


def test_a_key_that_is_created_later_opens(path: Path, clock: Clock) -> None:
    live = LiveKeys(path, clock=clock)
    assert not live.needed()
    _, token = create_key(path, "shop", ["predict"])
    clock.pass_a_while()
    assert live.needed()
    assert live.find(token)


def test_a_key_is_needed_from_the_start_where_that_is_said(path: Path) -> None:
    assert LiveKeys(path, needed=True).needed()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the whole"),
        (b"{", "the whole"),
        (b"\xff\xfe", "the whole"),
        (b"[]", "the whole"),
        (b'{"format": 2, "keys": []}', "format"),
        (b'{"format": 1, "keys": [{"id": "1"}]}', "keys.0.id"),
        (None, "two keys have the same id"),
    ],
)
def test_a_broken_file_keeps_the_keys_and_is_told_of_once(
    path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, content: bytes | None, said: str
) -> None:
    _, token = create_key(path, "shop", ["predict"])
    live = LiveKeys(path, clock=clock)
    assert live.find(token)
    good = path.read_bytes()
    tree = json.loads(good)
    broken = json.dumps({**tree, "keys": tree["keys"] * 2}).encode() if content is None else content
    path.write_bytes(broken)
    for _ in range(3):
        clock.pass_a_while()
        assert live.find(token)
    [told] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert str(path) in told
    assert said in told
    assert "The keys stay as they were: 1." in told
    with pytest.raises(SettingsError, match=re.escape(str(path))):
        create_key(path, "other", ["predict"])
    assert path.read_bytes() == broken, "a broken file is not written over"
    path.write_bytes(good)
    revoke_key(path, token[4:12])
    clock.pass_a_while()
    assert live.find(token) is None


def test_a_file_that_is_gone_keeps_the_keys(
    path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    _, token = create_key(path, "shop", ["predict"])
    live = LiveKeys(path, clock=clock)
    assert live.needed()
    path.unlink()
    for _ in range(2):
        clock.pass_a_while()
        assert live.needed()
        assert live.find(token)
    assert len([record for record in caplog.records if "is gone" in record.getMessage()]) == 1


def test_a_broken_file_that_appears_opens_nothing(path: Path, clock: Clock) -> None:
    live = LiveKeys(path, clock=clock)
    assert not live.needed()
    path.parent.mkdir()
    path.write_text("{")
    clock.pass_a_while()
    assert live.needed()


def test_a_file_that_can_not_be_read_is_told_of(path: Path, clock: Clock) -> None:
    path.mkdir(parents=True)  # root reads every file, but no folder
    with pytest.raises(SettingsError, match="can't be read"):
        read_keys(path)
    assert LiveKeys(path, clock=clock).needed()


def test_a_folder_that_can_not_be_made_is_the_disks_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="can't be written"):
        create_key(tmp_path / "file" / "keys.json", "shop", ["predict"])


def test_a_write_that_fails_leaves_the_old_file_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = create_key(path, "shop", ["predict"])

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("serve_app.keys.key_file.os.fsync", full)
    with pytest.raises(AdcraftError, match="No space left"):
        revoke_key(path, key.id)
    assert read_keys(path) == (key,)
    assert not [
        file
        for file in path.parent.iterdir()
        if file.name.startswith("keys.json.") and file.suffix != ".lock"
    ]


def _create_many(path: Path, name: str) -> None:
    for number in range(15):
        create_key(path, f"{name}{number}", ["predict"])


def test_two_processes_that_create_keys_at_once_lose_none(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_create_many, args=(path, name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    names = {key.name for key in read_keys(path)}
    assert names == {f"{name}{number}" for name in "ab" for number in range(15)}
