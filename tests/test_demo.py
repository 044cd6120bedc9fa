"""The demo: as a real process, and its parts."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from smtplib import SMTP

import pytest
from click.testing import CliRunner

from hub.__main__ import main
from hub.admin.operations.doctor import Finding
from hub.admin.people.people import Story
from hub.admin.people.stories import Entry
from hub.demo import verify
from hub.demo.mailbox import Mail, PrintingMailbox
from hub.demo.pages import create_pages
from hub.demo.patience import Patience, Stopped, Unexpected
from hub.demo.sessions import left_over
from hub.demo.stand_in import StandIn
from hub.demo.verify import Answered
from tests.clock import NOW
from tests.processes import free_port

HUB = [sys.executable, "-m", "hub"]
HOST = "http://127.0.0.1:8000"
KEY = "demo-key"
ANSWER = Answered(user_id="ada", score=9, comment="Good.")
UPDATE = {
    "type": "identify",
    "userId": "ada",
    "messageId": "hub-1",
    "traits": {"NPS_rating": 9, "NPS_comment": "Good.", "NPS_date": "2026-03-11T09:30:00.000Z"},
}


# As a process


@pytest.mark.processes
def test_check_walks_the_whole_loop_whatever_the_environment_says_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/production")
    monkeypatch.setenv("HUB_SECRET_KEY_FILE", "/nowhere")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    done = subprocess.run(
        [*HUB, "demo", "--check", "--within", "90"], cwd=tmp_path, capture_output=True, text=True, timeout=110
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Everything holds." in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.processes
def test_check_that_cannot_finish_says_why_and_fails(tmp_path):
    done = subprocess.run(
        [*HUB, "demo", "--check", "--within", "0.5"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "Everything holds" not in done.stdout
    assert "Time was over after 0.5 s while" in done.stderr


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_shows_the_tour_and_ends_with_everything_it_started(tmp_path, number):
    data = tmp_path / "data"
    with running_demo(tmp_path, "--data-dir", str(data), "--port", str(free_port())) as (demo, tour):
        for words in ("sync now", "why ada", "doctor"):
            assert re.search(rf"HUB_DATA_DIR=\S+ .*hub {words}\n", tour)
        sessions = children_of(demo.pid)
        assert len(sessions) == 5
        demo.send_signal(number)
        rest, _ = demo.communicate(timeout=30)
    assert (demo.returncode, left_over(sessions)) == (0, [])
    assert f"kept in {data}" in rest
    assert (data / "hub.toml").exists()


@contextmanager
def running_demo(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield a demo with what it printed, once it stands."""
    command = [*HUB, "demo", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            lines = []
            for line in demo.stdout:
                lines.append(line)
                if "Ctrl-C" in line:
                    break
            assert demo.poll() is None, "".join(lines)
            yield demo, "".join(lines)
        finally:
            demo.kill()


def children_of(process: int) -> set[int]:
    """Return the ids of a process' children."""
    stats = (path.read_text() for path in Path("/proc").glob("[0-9]*/stat"))
    return {int(stat.split()[0]) for stat in stats if int(stat.rpartition(")")[2].split()[1]) == process}


# Before it starts


def test_missing_extra_is_named_with_its_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiosmtpd.controller", None)
    done = CliRunner().invoke(main, ["demo"])
    assert done.exit_code == 2
    assert (
        "needs aiosmtpd; install the extra, beside your copy of the source: pip install './survey-hub[demo]'"
        in done.output
    )


def test_used_folder_is_left_alone(tmp_path):
    (tmp_path / "hub.db").write_text("precious")
    done = CliRunner().invoke(main, ["demo", "--data-dir", str(tmp_path)])
    assert done.exit_code == 2
    assert "is not empty" in done.output
    assert [path.name for path in tmp_path.iterdir()] == ["hub.db"]


# Verifying


def test_right_update_passes():
    verify.synced([UPDATE], [ANSWER])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "track"}, "type is 'track'"),
        ({"messageId": ""}, "messageId is missing"),
        ({"userId": "eve"}, "'eve' was synced without an answer"),
        ({"traits": {**UPDATE["traits"], "NPS_rating": "9"}}, "NPS_rating is '9', not the integer 9"),
        ({"traits": {**UPDATE["traits"], "NPS_rating": 9.0}}, "NPS_rating is 9.0, not the integer 9"),
        ({"traits": {**UPDATE["traits"], "NPS_rating": 4}}, "NPS_rating is 4, not the integer 9"),
        ({"traits": {**UPDATE["traits"], "NPS_comment": None}}, "NPS_comment is None, not 'Good.'"),
        ({"traits": {**UPDATE["traits"], "NPS_date": "2026-03-11T09:30:00+00:00"}}, "not a time that ends in Z"),
        ({"traits": {**UPDATE["traits"], "NPS_date": "todayZ"}}, "not a time that ends in Z"),
        ({"traits": None}, "NPS_rating is None"),
    ],
)
def test_wrong_update_is_told(changes, said):
    with pytest.raises(Unexpected, match=re.escape(said)):
        verify.synced([{**UPDATE, **changes}], [ANSWER])


def test_update_that_comes_twice_is_told():
    with pytest.raises(Unexpected, match="ada was synced 2 times; two updates share a messageId"):
        verify.synced([UPDATE, UPDATE], [ANSWER])


@pytest.mark.parametrize(
    ("recipients", "said"),
    [
        (["ada@a.example", "ada@a.example"], "ada@a.example got 2 mails instead of one"),
        ([], "ada@a.example got 0 mails instead of one"),
        (["ada@a.example", "eve@a.example"], "eve@a.example got a mail but was not to be asked"),
    ],
)
def test_mails_that_are_too_many_or_too_few_are_told(recipients, said):
    mails = [survey_mail(to=recipient) for recipient in recipients]
    with pytest.raises(Unexpected, match=said):
        verify.one_mail_each(mails, ["Ada@a.example"])


def test_whole_mail_passes():
    verify.mail_is_whole(survey_mail(), HOST)


@pytest.mark.parametrize(
    ("scores", "address", "said"),
    [
        (range(10), HOST, "text part has no link for 10; its HTML part has no link for 10"),
        (range(11), "https://elsewhere.example", "not one of https://elsewhere.example"),
    ],
)
def test_mail_that_lacks_something_is_told(scores, address, said):
    with pytest.raises(Unexpected, match=said):
        verify.mail_is_whole(survey_mail(scores=scores), address)


def test_decisions_other_than_expected_are_told():
    entry = Entry(at=NOW, what="decision", sentence="", code="throttled")
    with pytest.raises(Unexpected, match="on ada: expected scheduled, found throttled"):
        verify.reasons(story(entry), "ada", ["scheduled"])


def test_broken_invariant_is_told():
    broken = Finding(name="nobody was mailed twice", ok=False, sentence="1 mail that came too soon.")
    with pytest.raises(Unexpected, match="hub doctor: nobody was mailed twice: 1 mail that came too soon"):
        verify.invariants([replace(broken, ok=True), broken])


def test_process_that_is_left_is_found():
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        assert left_over({child.pid}) == [child.pid]
        child.kill()
    assert left_over({child.pid}) == []


def test_waiting_ends_with_the_time_or_on_a_stop():
    stopping = threading.Event()
    with pytest.raises(Unexpected, match="Time was over after 0 s while waiting for a miracle"):
        Patience(within_s=0, stopping=stopping).wait_for("a miracle", lambda: None)
    stopping.set()
    with pytest.raises(Stopped):
        Patience(within_s=None, stopping=stopping).wait_for("a miracle", lambda: None)


# The mailbox by itself


def test_mailbox_by_itself_prints_what_comes(capsys):
    mailbox = PrintingMailbox(free_port())
    try:
        with SMTP(mailbox.host, mailbox.port) as client:
            client.send_message(survey_mail().message)
    finally:
        mailbox.close()
    printed = capsys.readouterr().out
    assert "To: ada@a.example\nSubject: How likely?\n\n" in printed
    assert f"{HOST}/s/token?score=10\n" in printed


# Pages


class Letters:
    """A mailbox with one mail."""

    def mails(self):
        return [survey_mail()]

    def mail(self, number):
        return survey_mail() if number == 1 else None


@pytest.fixture
def segment():
    return StandIn(KEY)


@pytest.fixture
def pages(segment):
    return create_pages(Letters(), segment, hub=HOST).test_client()


def test_mailbox_and_mail_are_shown(pages):
    assert "ada@a.example" in pages.get("/mails").text
    page = pages.get("/mails/1")
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert "List-Unsubscribe: " in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert pages.get("/mails/2").status_code == 404


def test_html_part_runs_and_loads_nothing(pages):
    answer = pages.get("/mails/1/html")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups")
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert '<base target="_blank">' in answer.text


def test_synced_answers_are_shown_as_they_came(pages):
    assert "Nothing was synced yet" in pages.get("/synced").text
    assert pages.post("/v1/batch", json={"batch": [UPDATE]}, auth=(KEY, "")).json == {"success": True}
    page = pages.get("/synced").text
    for text in ("ada", "Good.", "2026-03-11T09:30:00.000Z"):
        assert text in page
    assert pages.get("/synced.json").json == [UPDATE]


@pytest.mark.parametrize(
    ("key", "body", "status"),
    [("other", b'{"batch":[]}', 401), (KEY, b"{", 400), (KEY, b"[]", 400), (KEY, b'{"batch":[1]}', 400)],
)
def test_stand_in_refuses_what_segment_would(pages, segment, key, body, status):
    assert pages.post("/v1/batch", data=body, auth=(key, "")).status_code == status
    assert segment.events() == []


def survey_mail(*, to: str = "ada@a.example", scores: range = range(11)) -> Mail:
    """Return a survey mail as the mailbox keeps it."""
    links = [f"{HOST}/s/token?score={score}" for score in scores]
    message = EmailMessage()
    message["From"] = "Acme <hello@acme.example>"
    message["To"] = to
    message["Subject"] = "How likely?"
    message["List-Unsubscribe"] = f"<{HOST}/u/token>"
    message.set_content("\n".join(links))
    anchors = "".join(f'<a href="{link}">x</a>' for link in links)
    message.add_alternative(f"<html><head></head>{anchors}</html>", subtype="html")
    return Mail(number=1, recipient=to, content=message.as_bytes())


def story(*entries: Entry) -> Story:
    """Return somebody's story."""
    return Story(
        id="p1",
        name="Ada",
        email=None,
        user_ids=["ada"],
        anonymous_ids=[],
        first_seen_at=NOW,
        is_suppressed=False,
        entries=entries,
    )
