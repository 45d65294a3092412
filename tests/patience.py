"""How long a test waits for anything before it gives up: the only limit of time in the tests, for machines that test are busy."""

SECONDS = 300.0
MILLISECONDS = 300_000
