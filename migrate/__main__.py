"""`python -m migrate`, the same as `dra-migrate`."""

from migrate.cli import main

if __name__ == "__main__":
    main()
