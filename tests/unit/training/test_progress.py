"""What lies between workers and driver, without Ray."""

from adcraft.training.progress import ProgressSink


def test_the_sink_hands_on_events_once_and_says_when_to_stop() -> None:
    sink = ProgressSink()
    assert sink.add([{"kind": "phase", "name": "validating"}]) is False
    sink.stop()
    assert sink.add([]) is True
    assert sink.drain() == [{"kind": "phase", "name": "validating"}]
    assert sink.drain() == []
