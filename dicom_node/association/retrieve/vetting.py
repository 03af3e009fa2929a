"""What a receiver may not be given: what was taken back, or made by models not signed for it."""

from collections.abc import Collection

from dicom_node.archive.query import Retriever
from dicom_node.models import Signings
from dicom_node.rejections import Standing
from dicom_node.settings import Peer
from dicom_node.values import Instance

__all__ = ["VettingRetriever"]


class VettingRetriever(Retriever):
    """A retriever that knows, too, what may not go to whom."""

    def barred(self, instances: Collection[Instance], receiver: Peer) -> dict[str, str]:
        """Return those of some instances that ``receiver`` may not be sent, each with why.

        Asked just before they are sent: what was selected may be recalled meanwhile.

        Raises
        ------
        DatabaseAway
            When the database does not answer.
        """
        with self._database.reading() as session:
            barred = Standing(session).barred(instances)
            if receiver.use == "clinical":
                left = [one for one in instances if one.sop_instance_uid not in barred]
                barred |= Signings(session).barred(left, receiver.name)
        return barred
