"""Sphinx: MyST pages, numpydoc, and reference pages generated from the code."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generate import write_all

write_all(Path(__file__).parent / "reference" / "generated")

project = "DICOM Synthesis Node"
author = "the DICOM Synthesis Node project"
copyright = "the DICOM Synthesis Node project, Apache-2.0"  # noqa: A001 - Sphinx's name for it
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.extlinks", "numpydoc"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "The image that a study lacks, and says that it is synthetic"}
myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_typehints = "none"
autodoc_mock_imports = ["cupy"]
extlinks = {"dcm": ("https://dicom.nema.org/medical/dicom/current/output/chtml/%s", "DICOM %s")}
