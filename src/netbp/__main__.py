"""`python -m netbp` is `netbp`."""

from netbp.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
