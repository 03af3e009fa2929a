"""Commands of models: what is here, whether it is right, whom it serves, which version is used."""

import click

from dicom_node.cli.models.adding import add, golden
from dicom_node.cli.models.listing import list_models, verify
from dicom_node.cli.models.recall import recall
from dicom_node.cli.models.signing import sign
from dicom_node.cli.models.switching import activate, rollback

__all__ = ["models"]


@click.group()
def models() -> None:
    """Show, add, check and sign models; choose which version is used; take one back.

    \b
    Example:
      dicom-node models list
    """


for _command in (list_models, add, verify, golden, sign, activate, rollback, recall):
    models.add_command(_command)
