"""The fuzzing harness: it finds what is broken, tells the input, and takes examples that its parsers read."""

import os
import resource
import signal
import subprocess
import sys
from unittest import mock

import pytest
from fuzz.hunt import Parser, hunt
from fuzz.parsers import PARSERS


def looks_up(content):
    return {b"a": 1}[content[:1]]


def crashes(content):
    if content[:1] != b"a":
        os.kill(os.getpid(), signal.SIGKILL)  # a fault of the memory would print a trace here


def hangs(content):
    if content[:1] != b"a":
        os.kill(os.getpid(), signal.SIGALRM)  # what the alarm clock does


def swallows(content):
    if content[:1] != b"a":
        bytearray(2**33)


BROKEN = {looks_up: "KeyError", crashes: "SIGKILL", hangs: "SIGALRM", swallows: "MemoryError"}


@pytest.mark.parametrize("read", BROKEN, ids=lambda read: read.__name__)
def test_what_a_broken_parser_does_is_told_with_the_input(read):
    if read is swallows and sys.platform != "linux":
        pytest.skip("memory is bounded on Linux only")
    outcome = hunt(lambda folder: Parser((b"abc",), read), 0.0)
    assert BROKEN[read] in outcome.failure
    assert outcome.content[:1] != b"a"
    assert outcome.tried > 1


def test_refusals_are_no_failures_and_limits_are_the_other_process_s_own():
    before = resource.getrlimit(resource.RLIMIT_AS)
    outcome = hunt(lambda folder: Parser((b"abc",), looks_up, (KeyError,)), 0.0)
    assert outcome.failure is None
    assert outcome.tried > 50
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_an_example_that_is_refused_is_a_failure():
    assert "KeyError" in hunt(lambda folder: Parser((b"b",), looks_up, (KeyError,)), 0.0).failure


@pytest.mark.parametrize("name", PARSERS)
def test_every_parser_reads_its_examples(name, tmp_path):
    with mock.patch.dict(os.environ):
        parser = PARSERS[name](tmp_path)
        for example in parser.examples:
            parser.read(example)


def test_the_command_ends_with_one_and_leaves_the_input_where_a_parser_fails(tmp_path):
    broken = "parsers.PARSERS['broken'] = lambda folder: hunt.Parser((b'a',), {b'a': 1}.__getitem__)"
    program = f"from fuzz import __main__, hunt, parsers; {broken}; __main__.main()"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program, "--seconds", "0", "broken"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "neither read nor refused: broken" in done.stderr
    assert (tmp_path / "fuzz-broken.bin").read_bytes() != b"a"
