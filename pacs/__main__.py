"""The command ``pacs``."""

from pacs.cli import run


def main() -> None:
    """Run the command line; exits with 0, 1 (failed, one line on standard error) or 2 (usage)."""
    run()


if __name__ == "__main__":
    main()
