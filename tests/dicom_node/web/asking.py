"""A site to ask: its archive, its application, and clients with tokens."""

import email
import secrets
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from starlette.testclient import TestClient

from dicom_node.jobs import Request
from dicom_node.settings import Limits, Web
from dicom_node.tokens import Scope, Tokens
from dicom_node.web import Check, Figure, Services, web_app
from tests.dicom_node.archive.objects import Store, file_of, instance
from tests.support.trail import Trail

ROOT = "/dicom-web"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
DICOM = 'multipart/related; type="application/dicom"'


class Site:
    """A store, and the web before it."""

    def __init__(self, store: Store, web: Web) -> None:
        self.store = store
        self.checks: list[Check] = []
        self.figures: list[Figure] = []
        self.tokens: dict[str, str] = {}
        self.asked: list[Request] = []
        self.told: dict = {}
        self.limit(web)

    def limit(self, web: Web) -> None:
        """Serve with these limits from now on."""
        self.services = Services(
            database=self.store.database,
            archive=self.store.archive,
            settings=web,
            now=lambda: self.store.now,
            checks=lambda: self.checks,
            figures=lambda: self.figures,
            asks=self.ask,
        )
        self.app = web_app(self.services)
        self.client = TestClient(self.app, base_url="http://node.test")

    def audited(self, folder: Path) -> Trail:
        """Tell an audit trail from now on, and return it."""
        trail = Trail(folder, now=lambda: self.store.now)
        self.app.state.services = self.services = replace(self.services, audit=trail.audit)
        return trail

    def narrow(self, **limits: int) -> None:
        """Take no more than ``[limits]`` says from now on."""
        self.services = replace(self.services, limits=Limits(**limits))
        self.app.state.services = self.services

    def ask(self, wanted: Request) -> dict:
        """Answer a request for a series with what a test has laid ready."""
        self.asked.append(wanted)
        return self.told

    def token(self, *scopes: str, days: int = 1) -> str:
        """Return a new token."""
        now = self.store.now
        with self.store.database.transaction() as session:
            return Tokens(session).create(
                "viewer", [Scope(scope) for scope in scopes], now, now + timedelta(days=days)
            )[1]

    def bearer(self, scope: str) -> dict[str, str]:
        """Return the header of a token with one scope."""
        if scope not in self.tokens:
            self.tokens[scope] = self.token(scope)
        return {"Authorization": f"Bearer {self.tokens[scope]}"}

    def get(self, path: str, accept: str | None = None, /, **params):
        """Ask as somebody who may read."""
        headers = {"Accept": accept} if accept else {}
        return self.client.get(ROOT + path, params=params, headers=self.bearer("read") | headers)

    def post(self, content: bytes, kind: str, path: str = "/studies", **headers: str):
        """Store as somebody who may write."""
        sent = {"Content-Type": kind, **self.bearer("write"), **headers}
        return self.client.post(ROOT + path, content=content, headers=sent)

    def stow(self, *parts: bytes | Dataset, path: str = "/studies", **headers: str):
        """Store parts; a data set becomes a file."""
        body, kind = bodied(*parts)
        return self.post(body, kind, path, **headers)


def filled(site):
    """Three studies of two patients; a CT and an MR series in one of them."""
    for study, patient, name, date in (
        ("one", "P1", "Smith^John", "20260101"), ("two", "P1", "Smith^John", "20260202"),
        ("three", "P2", "Müller^Jörg", "20260303"),
    ):  # fmt: skip
        for number in (1, 2):
            site.store.keep(instance(
                study, number=number, SpecificCharacterSet="ISO_IR 100", PatientID=patient,
                PatientName=name, StudyDate=date, AccessionNumber=f"A-{study}", Rows=64,
                SeriesDescription="t1",
            ))  # fmt: skip
    site.store.keep(
        instance("two", series="ct", Modality="CT", SOPClassUID=CT_IMAGE, PatientID="P1")
    )
    return site


def bodied(*parts: bytes | Dataset, kind: str = "application/dicom") -> tuple[bytes, str]:
    """Return a body of parts with its Content-Type."""
    boundary = secrets.token_hex(8)
    body = b""
    for part in parts:
        content = file_of(part) if isinstance(part, Dataset) else part
        body += f"--{boundary}\r\nContent-Type: {kind}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"{DICOM}; boundary={boundary}"


def parts_of(response) -> list[tuple[str, bytes]]:
    """Return the parts of an answer, each with its media type, as another library reads them."""
    head = f"Content-Type: {response.headers['content-type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + response.content)
    assert message.is_multipart(), response.content[:200]
    parts = message.get_payload()
    return [(part["Content-Type"], part.get_payload(decode=True)) for part in parts]


def objects_of(response) -> list[Dataset]:
    """Return the objects of an answer in parts."""
    return [dcmread(BytesIO(content)) for _, content in parts_of(response)]


def warnings_of(response) -> str:
    return " ".join(response.headers.get_list("warning"))


def reasons(response) -> tuple[list[int], int]:
    """Return the reasons of failure in a response data set, and how many instances were kept."""
    found = response.json()
    failed = [
        item["00081197"]["Value"][0]
        for key in ("00081198", "0008119A")
        for item in found.get(key, {}).get("Value", [])
    ]
    return failed, len(found.get("00081199", {}).get("Value", []))
