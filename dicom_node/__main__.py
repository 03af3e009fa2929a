"""``dicom-node``, which ``python -m dicom_node`` is too."""

import gc

__all__ = ["main"]


def main() -> None:
    """Run a command."""
    gc.disable()  # what is loaded stays: to look for garbage in it takes a seventh of the start
    from dicom_node.cli import main as command

    gc.freeze()
    gc.enable()
    command()


if __name__ == "__main__":
    main()
