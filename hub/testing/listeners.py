"""What every listener must do, as tests to inherit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from hub.plugin import CheckFailed, Done, Listener, Notice, NoticeKind, Person, Retry, Services
from hub.testing.http_server import RecordingServer
from hub.testing.targets import FAULTS
from hub.testing.values import NOW


def sample_notice(kind: NoticeKind = NoticeKind.DETRACTOR) -> Notice:
    """Return a notice about an answer of a customer."""
    at = NOW - timedelta(hours=1)
    comment = "Slow, and \N{UNAMUSED FACE} unfriendly"
    return Notice(
        id="notice-1",
        kind=kind,
        at=at,
        survey="onboarding",
        person=Person(user_id="user-1", anonymous_ids=("anon-1",), email="ada@example.com"),
        link="https://hub.example/people/0190",
        answer_link="https://hub.example/responses/0191",
        data={"rating": 3, "comment": comment, "rated_at": "2026-03-01T11:00:00Z", "version": 1},
    )


def notice_about_nobody(kind: NoticeKind) -> Notice:
    """Return a notice of a kind that is about no customer, and with data that no listener can rely on."""
    return Notice(id=f"notice-{kind}", kind=kind, at=NOW)


class ListenerContract:
    """Inherit it in a class whose name starts with `Test` and override `listener`, wired to `http_server`.

    A listener that does not speak HTTP also overrides `break_down` and `sent_text`.
    """

    @pytest.fixture
    def listener(self, services: Services, http_server: RecordingServer) -> Listener:
        """Override: a configured connection that tells `http_server`."""
        raise NotImplementedError("Override the fixture `listener` of ListenerContract.")

    def break_down(self, server: RecordingServer, fault: str) -> None:
        """Make the far side fail until the end of the test."""
        server.respond = lambda request: FAULTS[fault]

    def sent_text(self, server: RecordingServer) -> list[str]:
        """Return what the far side got, one text a request. Override it when the ids stand elsewhere than there."""
        return [f"{dict(request.headers)} {request.body.decode()}" for request in server.requests]

    def test_every_setting_explains_itself(self, listener: Listener) -> None:
        fields = listener.config_schema().fields
        assert [name for name, field in fields.items() if not field.metadata.get("help")] == []

    def test_a_notice_is_passed_on(self, listener: Listener) -> None:
        assert isinstance(listener.hear(sample_notice()), Done)

    @pytest.mark.parametrize("kind", NoticeKind)
    def test_a_notice_that_says_little_is_passed_on_whatever_its_kind(
        self, listener: Listener, kind: NoticeKind
    ) -> None:
        assert isinstance(listener.hear(notice_about_nobody(kind)), Done)

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_failing_far_side_means_try_again(
        self, listener: Listener, http_server: RecordingServer, fault: str
    ) -> None:
        self.break_down(http_server, fault)
        assert _retried(listener, sample_notice())

    def test_every_attempt_carries_the_same_id(self, listener: Listener, http_server: RecordingServer) -> None:
        notice = sample_notice()
        listener.hear(notice)
        listener.hear(notice)
        sent = self.sent_text(http_server)
        assert sent, "nothing was sent"
        assert all(notice.id in text for text in sent)

    def test_a_check_passes_while_the_far_side_answers(self, listener: Listener) -> None:
        listener.check()

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_check_says_that_the_far_side_fails(
        self, listener: Listener, http_server: RecordingServer, fault: str
    ) -> None:
        self.break_down(http_server, fault)
        with pytest.raises(CheckFailed) as failure:
            listener.check()
        assert str(failure.value)


def _retried(listener: Listener, notice: Notice) -> bool:
    """Tell whether a notice would be tried again: the listener says so, or raised."""
    try:
        return isinstance(listener.hear(notice), Retry)
    except Exception:  # noqa: BLE001  the seam lets a listener raise whatever it likes
        return True
