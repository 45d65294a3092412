"""Fuzzing: every parser of foreign bytes is fed damaged and hostile ones, and must read them or refuse them in its own words.

`python -m fuzz --seconds 60` tries all parsers, `python -m fuzz --seconds 3600 table picture` two of them for an hour.
"""
