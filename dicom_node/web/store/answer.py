"""What is answered to a request that stores (PS3.18 10.5.3, I.2)."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from dicom_node.web.store.reception import OUT_OF_RESOURCES, Verdict

__all__ = ["data_set_of", "status_of"]


def status_of(verdicts: Sequence[Verdict], *, is_broken: bool) -> int:
    """Return the status of HTTP: 200 all kept, 202 some, 409 none, 503 none and try again later."""
    kept = [one for one in verdicts if one.is_kept]
    if verdicts and not kept and all(one.reason == OUT_OF_RESOURCES for one in verdicts):
        return 503
    if not kept:
        return 409
    is_clean = not is_broken and all(one.reason == 0 for one in verdicts)
    return 200 if is_clean else 202


def data_set_of(verdicts: Sequence[Verdict], root: str, *, is_broken: bool) -> dict[str, Any]:
    """Return the response data set, in the JSON model.

    Parameters
    ----------
    root : str
        What stands before ``/studies`` in an address.
    """
    found: dict[str, Any] = {}
    studies = {one.uids[2] for one in verdicts if one.uids and one.reason == 0}
    if len(studies) == 1:
        found["00081190"] = _url(root, ("studies", *studies))
    failed = [_item(one, "00081197") for one in verdicts if one.uids and not one.is_kept]
    kept = [_kept(one, root) for one in verdicts if one.is_kept]
    others = [_reason("00081197", one.reason) for one in verdicts if not one.uids]
    if is_broken:
        others.append(_reason("00081197", 0xC000))
    for key, items in (("00081198", failed), ("00081199", kept), ("0008119A", others)):
        if items:
            found[key] = {"vr": "SQ", "Value": items}
    return found


def _kept(one: Verdict, root: str) -> Mapping[str, Any]:
    uids = one.uids or ("", "", "", "")
    steps = ("studies", uids[2], "series", uids[3], "instances", uids[1])
    # what lies apart is given to nobody, and the first content may lie in another study
    url = {"vr": "UR"} if one.reason else _url(root, steps)
    return {**_item(one, "00081196"), "00081190": url}


def _item(one: Verdict, reason_key: str) -> dict[str, Any]:
    sop_class, sop_instance, *_ = one.uids or ("", "", "", "")
    found: dict[str, Any] = {
        "00081150": {"vr": "UI", "Value": [sop_class]},
        "00081155": {"vr": "UI", "Value": [sop_instance]},
    }
    return found | (_reason(reason_key, one.reason) if one.reason else {})


def _reason(key: str, reason: int) -> dict[str, Any]:
    return {key: {"vr": "US", "Value": [reason]}}


def _url(root: str, steps: Sequence[str]) -> dict[str, Any]:
    path = "".join(f"/{quote(step, safe='')}" for step in steps)
    return {"vr": "UR", "Value": [root + path]}
