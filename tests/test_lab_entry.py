"""Getting in, in Chromium: by a code that is good once, and past links that were meant to lock the reader out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from netbp.lab.launch import listen
from netbp.lab.notebook import LabFrame

pytest_plugins = ["lab_pages"]


def test_a_link_with_another_token_locks_nobody_out(lab: Any) -> None:
    kept = lab.page.evaluate("() => localStorage.getItem('netbp-token')")
    assert kept == lab.server.token
    lab.expected = ["status of 401"]
    for fragment in ("token=wrong", "code=wrong", "token=wrong&code=wrong&rate=0.25"):
        lab.page.goto("about:blank")
        lab.page.goto(f"{lab.server.origin}/#{fragment}")
        lab.ready()
        assert lab.page.evaluate("() => localStorage.getItem('netbp-token')") == kept
        assert lab.page.locator("#banners > *").count() == 0
        assert "wrong" not in lab.page.url
    assert lab.fields == {"rate": "0.25"}
    lab.page.goto(f"{lab.server.origin}/#token=wrong")  # in a page that is there already
    lab.until("() => !location.hash.includes('token')")
    lab.settled()
    lab.page.click("#epoch")
    lab.at(10)


@pytest.mark.parametrize("fragment", ["", "#token=wrong", "#code=wrong"])
def test_a_page_that_nothing_gets_in_says_so(new_lab: Callable[..., Any], fragment: str) -> None:
    lab = new_lab()
    lab.expected = ["status of 401"]
    lab.page.goto(f"{lab.server.origin}/{fragment}")
    lab.until("() => /has no key that fits/.test(document.getElementById('banners').textContent)")
    assert lab.page.evaluate("() => localStorage.getItem('netbp-token')") is None
    lab.page.goto("about:blank")
    lab.page.goto(lab.server.address)
    lab.ready()
    assert lab.page.locator("#banners > *").count() == 0


def test_a_notebook_s_frame_has_a_link_that_others_may_read() -> None:
    with (launch := listen(0)).socket:
        frame = LabFrame(launch, "rate=0.25", "http://localhost:8888")
        assert frame.address.endswith(f"#token={launch.token}&rate=0.25")
        assert launch.token not in frame._repr_html_() + repr(frame)
        assert frame._repr_html_().count("&amp;rate=0.25") == 2
