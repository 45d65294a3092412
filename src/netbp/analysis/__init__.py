"""Analysis: what a numerical analyst asks of a run and of a problem, in numbers first and as figures second."""
