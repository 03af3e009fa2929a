"""What the commands of models share."""

from sqlalchemy.orm import Session

from dicom_node.app import Node
from dicom_node.app.clock import utc_now
from dicom_node.audit import alerts, person_of
from dicom_node.catalogue import weights_state
from dicom_node.cli.context import Context
from dicom_node.errors import NotPossible
from dicom_node.rejections import Recalls
from dicom_node.signature import Standing, standing
from dicom_node.values import Model
from engine.errors import EngineError
from engine.reason import Reason
from engine.task import Bundle, lacking

__all__ = ["checked", "limits_lack", "model_of", "not_recalled", "sound", "tell_changed"]


def model_of(bundle: Bundle) -> Model:
    """Return a model as jobs name it."""
    identity = bundle.identity
    return Model(identity.name, identity.version, identity.digest)


def sound(bundle: Bundle) -> None:
    """Raise NotPossible where the weights of a bundle are not those that its contract names."""
    if (state := weights_state(bundle)) != "ok":
        name = f"{bundle.name}@{bundle.version}"
        raise NotPossible(f"{state}: the weights of {name} are not those that its contract names")


def checked(node: Node, bundle: Bundle) -> Standing:
    """Return what the signature of a bundle is worth; one that could not be loaded is refused.

    Raises
    ------
    NotPossible
    """
    models = node.settings.file.models
    sound(bundle)
    found = standing(bundle.path, node.settings.model_keys)
    if found.state == "tampered":
        raise NotPossible(f"MODEL_TAMPERED: {found.text}")
    if found.state == "unsigned" and models.require_signature:
        raise NotPossible(f"MODEL_UNSIGNED: {found.text}; [models] require_signature wants one")
    return found


def limits_lack(bundle: Bundle) -> Reason | None:
    """Return why a model has no limits that its results could be held against."""
    try:
        return lacking(bundle)
    except EngineError as exc:
        return exc.reasons[0]


def not_recalled(session: Session, model: Model) -> None:
    """Raise NotPossible where a version was recalled: that is for good."""
    if recall := Recalls(session).of(model.name, model.version):
        raise NotPossible(f"{recall.reason}; use another version")


def tell_changed(context: Context, node: Node, bundle_name: str, text: str) -> None:
    """Tell the audit trail what somebody changed about models (PS3.15 A.5.3.11, 110131)."""
    if node.audit.on:
        change = alerts.Changed(f"urn:dicom-synthesis-node:model:{bundle_name}", text)
        person = person_of(context.environ)
        node.audit.record(
            alerts.configuration_read(utc_now(), [change], security=False, person=person)
        )
