"""`python -m pipway` is the same as `pipway`."""

from pipway.cli import main

if __name__ == "__main__":
    main()
