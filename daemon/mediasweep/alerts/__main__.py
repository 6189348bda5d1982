"""`python -m mediasweep.alerts`: print the alerts for Prometheus, as YAML."""

from __future__ import annotations

import argparse
import sys

from mediasweep.alerts import parameters, render


def main() -> None:
    """Read the arguments and print."""
    parser = argparse.ArgumentParser(prog="python -m mediasweep.alerts", description=__doc__)
    defaults = " ".join(f"{name}={value}" for name, value in parameters().items())
    parser.add_argument("given", nargs="*", metavar="NAME=VALUE", help=f"in place of: {defaults}")
    given = dict(word.partition("=")[::2] for word in parser.parse_args().given)
    try:
        sys.stdout.write(render(given))
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
