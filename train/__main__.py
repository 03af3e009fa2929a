"""``python -m train``: what torchrun starts, the same as ``dicom-train``."""

from train.cli import main

main(prog_name="dicom-train")
