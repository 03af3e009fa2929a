"""A modality that remembers what was answered: it may delete only what got Success."""

from collections.abc import Iterable

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context

from tests.support.mr import MR_IMAGE


def send(port: int, datasets: Iterable[Dataset], *, calling="SCANNER", called="SYNTHNODE"):
    """Send over one association; return the status of each instance that was answered."""
    ae = AE(ae_title=calling)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 20
    ae.connection_timeout = 5
    wanted = list(datasets)
    contexts = [build_context(uid) for uid in sorted({str(ds.SOPClassUID) for ds in wanted})]
    assoc = ae.associate("127.0.0.1", port, contexts=contexts or [build_context(MR_IMAGE)],
                         ae_title=called)  # fmt: skip
    statuses: dict[str, int] = {}
    if not assoc.is_established:
        return statuses
    for ds in wanted:
        try:
            status = assoc.send_c_store(ds).get("Status")
        except (RuntimeError, ValueError):
            break
        if status is None:
            break
        statuses[str(ds.SOPInstanceUID)] = status
    if assoc.is_established:
        assoc.release()
    return statuses
