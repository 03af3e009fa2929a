"""The queue: jobs with a lease and a fence.

What enters: what a rule, or a person, wants done. What leaves: one job at a time to whoever claims
it, and the word of how it ended.
"""

from dicom_node.jobs.decisions import Decisions
from dicom_node.jobs.earlier import Earlier
from dicom_node.jobs.key import JobPlan, job_key, together
from dicom_node.jobs.made import companion_of, made_by
from dicom_node.jobs.queue import Ended, JobQueue
from dicom_node.jobs.records import COMPANIONS, FORMAT, Records
from dicom_node.jobs.requests import Request, Requests

__all__ = [
    "COMPANIONS",
    "FORMAT",
    "Decisions",
    "Earlier",
    "Ended",
    "JobPlan",
    "JobQueue",
    "Records",
    "Request",
    "Requests",
    "companion_of",
    "job_key",
    "made_by",
    "together",
]
