"""Metadata: everything of an object but its pixels and what is long (PS3.18 10.4.1.1.2)."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response

from dicom_node import log
from dicom_node.archive.reader import model_of
from dicom_node.errors import NotKnown, Unreadable
from dicom_node.values import Instance
from dicom_node.web.accept import JSON, XML, Offer, chosen, wanted_by
from dicom_node.web.address import root_of, uids_of
from dicom_node.web.model import json_stream, xml_answer
from dicom_node.web.retrieve.located import Keys, found_at, instances_of, opened
from dicom_node.web.services import Served, Services
from dicom_node.web.told import Account

__all__ = ["metadata_answer"]

_log = log.get("web")
_OFFERS = (Offer(JSON), Offer(XML, multipart=True))


def metadata_answer(request: Request, services: Served) -> Response:
    """Answer with the metadata of all instances that the address means."""
    offer = chosen(wanted_by(request), _OFFERS)
    keys = found_at(services, uids_of(request))
    root = root_of(request, services.settings)
    account = Account(request, services, "metadata")
    models = _models(services, keys, root, account)
    models = chain(list(islice(models, 1)), models)  # what fails at once is said by the status
    return json_stream(models) if offer.kind == JSON else xml_answer(models)


def _models(
    services: Services, keys: Keys, root: str, account: Account
) -> Iterator[dict[str, Any]]:
    with account:
        for instance in instances_of(services, keys):
            account.went(instance)
            yield _model(services, instance, root)


def _model(services: Services, instance: Instance, root: str) -> dict[str, Any]:
    try:
        with opened(services, instance) as source:
            return model_of(source, source.dataset(), _addressed(instance, root))
    except (
        NotKnown,
        Unreadable,
    ) as exc:  # it was there, and who asks is to know
        _log.warning("not read", sop_instance_uid=instance.sop_instance_uid, why=str(exc))
        return dict(_identity(instance))


def _addressed(instance: Instance, root: str) -> Any:
    steps = (("studies", instance.study_uid), ("series", instance.series_uid),
             ("instances", instance.sop_instance_uid))  # fmt: skip
    base = root + "".join(f"/{word}/{quote(uid, safe='')}" for word, uid in steps)
    return lambda path: f"{base}/bulkdata/{path}"


def _identity(instance: Instance) -> Iterator[tuple[str, Any]]:
    uids = {"00080016": instance.sop_class_uid, "00080018": instance.sop_instance_uid,
            "0020000D": instance.study_uid, "0020000E": instance.series_uid}  # fmt: skip
    for key, uid in uids.items():
        yield key, {"vr": "UI", "Value": [uid]}
