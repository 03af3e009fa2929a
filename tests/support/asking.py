"""A workstation that asks, on one association, whatever a test wants asked."""

from collections.abc import Mapping

from pydicom import config
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context

from dicom_node.dicom import PATIENT_ROOT_FIND, STUDY_ROOT_FIND

UNIQUE = {
    "PATIENT": "PatientID",
    "STUDY": "StudyInstanceUID",
    "SERIES": "SeriesInstanceUID",
    "IMAGE": "SOPInstanceUID",
}


class Asking:
    """One association with ``called`` at ``port``."""

    def __init__(self, port: int, called: str, calling: str = "SCANNER") -> None:
        ae = AE(ae_title=calling)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 300
        contexts = [build_context(STUDY_ROOT_FIND), build_context(PATIENT_ROOT_FIND)]
        self._assoc = ae.associate("127.0.0.1", port, contexts=contexts, ae_title=called)
        assert self._assoc.is_established

    def answers(self, level: str, keys: Mapping[str, object], model: str) -> list[Dataset] | str:
        """Return the answers; the status where the question was refused."""
        ds = Dataset()
        ds.SpecificCharacterSet, ds.QueryRetrieveLevel = "ISO_IR 192", level
        for keyword in list(UNIQUE.values())[: list(UNIQUE).index(level) + 1]:
            setattr(ds, keyword, "")
        for keyword, value in keys.items():
            vr = dictionary_VR(keyword)
            ds[keyword] = DataElement(keyword, vr, value, validation_mode=config.IGNORE)
        found = []
        for status, answer in self._assoc.send_c_find(ds, model):
            if answer is not None:
                answer.decode()
                found.append(answer)
            elif status.Status:
                return hex(status.Status)
        return found

    def uids(
        self, level: str, keys: Mapping[str, object], model: str = STUDY_ROOT_FIND
    ) -> list[str] | str:
        """Return the unique keys of the answers, sorted."""
        found = self.answers(level, keys, model)
        if isinstance(found, str):
            return found
        return sorted(str(one[UNIQUE[level]].value) for one in found)

    def close(self) -> None:
        self._assoc.release()
