"""C-FIND: patients, studies, series and images of the archive (PS3.4 C.4.1)."""

from collections.abc import Mapping

from dicom_node import log
from dicom_node.archive.query import Finder, Level
from dicom_node.association.identifier import Asked, answer_of, read_identifier
from dicom_node.association.serving import Exchange, Service
from dicom_node.association.status import FindStatus
from dicom_node.association.told import Telling
from dicom_node.audit import Outcome, events
from dicom_node.dicom import PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from dicom_node.errors import DatabaseAway, QueryInvalid

__all__ = ["FIND_LEVELS", "find_service"]

_log = log.get("association")
FIND_LEVELS: Mapping[str, tuple[Level, ...]] = {
    PATIENT_ROOT_FIND: tuple(Level),
    STUDY_ROOT_FIND: tuple(Level)[1:],
}
"""Levels of the query models (PS3.4 C.6.1, C.6.2)."""


def find_service(finder: Finder, our_ae_title: str, telling: Telling) -> Service:
    """Return what answers C-FIND requests: what matches, pending each.

    Where a key means nothing here, or has a value that is not matched, answers come with a warning.
    """

    def serve(exchange: Exchange) -> None:
        peer = exchange.peer.name
        try:
            asked = read_identifier(exchange.identifier(), _levels(exchange))
            _tell(exchange, telling, Outcome.SUCCESS)
            count = _answer(exchange, finder, asked, our_ae_title)
        except QueryInvalid as exc:
            _log.warning("query refused", peer=peer, why=str(exc))
            _tell(exchange, telling, Outcome.MINOR)
            exchange.refuse(FindStatus.DOES_NOT_MATCH, str(exc))
        except DatabaseAway as exc:
            _log.warning("query failed", peer=peer, why=str(exc))
            _tell(exchange, telling, Outcome.SERIOUS)
            exchange.refuse(FindStatus.OUT_OF_RESOURCES, str(exc))
        else:
            _log.info("query answered", peer=peer, answers=count)

    return Service(serve, FindStatus.OUR_BUG)


def _levels(exchange: Exchange) -> tuple[Level, ...]:
    return FIND_LEVELS.get(exchange.sop_class_uid, ())


def _tell(exchange: Exchange, telling: Telling, outcome: Outcome) -> None:
    content, syntax = exchange.message.content, exchange.transfer_syntax_uid
    asked = events.Asked(exchange.sop_class_uid, content, syntax)
    telling.query(exchange.caller, asked, outcome)


def _answer(exchange: Exchange, finder: Finder, asked: Asked, our_ae_title: str) -> int:
    """Send every answer and the final response; return how many matched."""
    pending = FindStatus.PENDING_WITH_WARNING if asked.is_doubtful else FindStatus.PENDING
    count = 0
    for header in finder.find(asked.query, exchange.is_cancelled):
        count += 1
        exchange.answer(pending, answer_of(header, asked, our_ae_title))
    exchange.answer(FindStatus.CANCELLED if exchange.was_cancelled else FindStatus.SUCCESS)
    return count
