"""`python -m mediasweep` is the `mediasweep` command."""

from mediasweep.cli import main

if __name__ == "__main__":
    main()
