"""What a receiver for clinical use may not be given: results of models not signed for it."""

from collections.abc import Iterable

from dicom_node.archive.query import Retriever
from dicom_node.models import Signings
from dicom_node.settings import Peer
from dicom_node.values import Instance, Origin

__all__ = ["VettingRetriever"]


class VettingRetriever(Retriever):
    """A retriever that knows, too, what may not go to whom."""

    def barred(self, instances: Iterable[Instance], receiver: Peer) -> dict[str, str]:
        """Return those of some instances that ``receiver`` may not be sent, each with why.

        Raises
        ------
        DatabaseAway
            When the database does not answer.
        """
        made = [one for one in instances if one.origin is Origin.MADE]
        if receiver.use != "clinical" or not made:
            return {}
        with self._database.reading() as session:
            signings = Signings(session)
            against = {
                series: signings.against(*series, receiver.name)
                for series in {(one.study_uid, one.series_uid) for one in made}
            }
        found = {one.sop_instance_uid: against[one.study_uid, one.series_uid] for one in made}
        return {uid: str(why) for uid, why in found.items() if why is not None}
