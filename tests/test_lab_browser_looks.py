"""What the lab's page shows of each neuron, keeps, and says by itself, in Chromium."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from netbp.analysis.regions import grid_neuron
from netbp.experiments import PlaneExperiment

pytest_plugins = ["lab_pages"]


# -- what the server would refuse is told at the field -----------------------------------------------------------------------

WRONG = [
    ("", "batch", "0", "from 1 to 10,000"),
    ("", "batch", "1.5", "whole number"),
    ("", "rate", "-1", "at least 0"),
    ("", "rate", "fast", "is a number"),
    ("", "held_out", "0.95", "from 0 to 0.9"),
    ("", "penalty", "-0.1", "from 0 to 1,000,000"),
    ("", "decay", "1e7", "from 0 to 1,000,000"),
    ("", "changes", "5000", "step:rate"),
    ("", "changes", "50:0.1;20:0.2", "growing"),
    ("", "width-2", "0", "from 1 to 64 neurons"),
    ("", "width-3", "65", "from 1 to 64 neurons"),
    ("", "width-3", "", "from 1 to 64 neurons"),
    ("layers=2-64-64-3-2", "width-4", "64", "at most 5,000 parameters"),
    ("", "seed", "-5", "from 0 to 4,294,967,295"),
    ("", "scale", "-1", "from 0 to"),
    ("", "steps", "1000000000", "from 0 to 100,000,000"),
    ("", "start", "2000000", "from 0 to 1,000,000"),
    ("", "record", "-1", "from 0 to"),
    ("points=spirals", "set-n", "7", "multiple of 2"),
    ("points=moons", "set-n", "1", "from 2 to 10,000"),
    ("points=moons", "set-noise", "2", "from 0 to 1"),
    ("points=moons", "set-seed", "-1", "from 0 to"),
    ("batch=20", "sampling", "epochs", "epoch of 10 points"),
    ("batch=10&sampling=epochs", "batch", "11", "epoch of 10 points"),
    ("batch=10&sampling=epochs", "held_out", "0.1", "epoch of 9 points"),
    ("cost=softmax_log_loss", "method", "levenberg-marquardt", "sum of squares"),
    ("method=levenberg-marquardt", "damping", "0", "number above 0"),
    ("method=levenberg-marquardt", "lm_tolerance", "2", "from 0 to 1"),
    ("method=l-bfgs", "pairs", "0", "from 1 to 1,000"),
    ("method=l-bfgs", "tolerance", "-1", "from 0 to 1"),
    ("rule=momentum", "constant-mu", "much", "is a number"),
]


@pytest.mark.parametrize("fragment", sorted({row[0] for row in WRONG}))
def test_what_the_server_would_refuse_is_told_at_the_field_and_not_asked(lab: Any, fragment: str) -> None:
    if fragment:
        lab.open(fragment)
    before = lab.fragment
    for _, name, value, line in (row for row in WRONG if row[0] == fragment):
        asked = len(lab.asked)
        lab.write(name, value)
        lab.settled()
        control = lab.control(name)
        assert control.get_attribute("aria-invalid") == "true", (name, value)
        said = lab.page.locator(f"#{control.get_attribute('aria-errormessage')}")
        assert line in said.text_content(), (name, value)
        assert said.is_visible()
        assert not [url for url in lab.asked[asked:] if url.endswith("/open")], (name, value)
        assert lab.fragment == before
        if control.evaluate("(input) => input.tagName") == "INPUT":
            control.press("Escape")
            assert control.get_attribute("aria-invalid") is None
            assert said.count() == 0
    assert lab.problems == []
