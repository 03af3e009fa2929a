"""DICOMweb with programs of others: dicomweb-client and Orthanc's plugin, in both directions."""

import json
import urllib.request
from io import BytesIO

import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from requests.exceptions import HTTPError

from tests.dicom_node.archive.objects import file_of
from tests.support.mr import MrSeries
from tests.support.need import program
from tests.support.node import NodeConf, is_receipted
from tests.support.orthanc import Orthanc
from tests.support.sender import send
from tests.support.web import RunningWeb

PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
SLICES = 5


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """The node's web process, an archive with nothing in it."""
    folder = tmp_path_factory.mktemp("web")
    served = RunningWeb(NodeConf(folder, extra={"web": {"enabled": True}})).start()
    yield served
    assert served.stop() == 0


@pytest.fixture(scope="module")
def client(web) -> DICOMwebClient:
    bearer = {"Authorization": f"Bearer {web.token('read', 'write')}"}
    return DICOMwebClient(f"{web.url}/dicom-web", headers=bearer, timeout=60)


def orthanc_with_plugin(folder, servers: dict) -> Orthanc:
    about = {"Enable": True, "Root": "/dicom-web/", "StudiesMetadata": "Full",
             "SeriesMetadata": "Full", "Servers": servers}  # fmt: skip
    return Orthanc(folder, options={"Plugins": [program(PLUGIN)], "DicomWeb": about}).start()


@pytest.fixture(scope="module")
def orthanc(web, tmp_path_factory):
    """Orthanc with its DICOMweb plugin, which knows the node as a server."""
    bearer = {"Authorization": f"Bearer {web.token('read', 'write')}"}
    there = {"Url": f"{web.url}/dicom-web/", "HttpHeaders": bearer}
    started = orthanc_with_plugin(tmp_path_factory.mktemp("orthanc"), {"node": there})
    yield started
    started.stop()


def stored(client: DICOMwebClient, seed: str) -> list[Dataset]:
    """Store a series by STOW-RS; return what was stored."""
    made = MrSeries(seed=seed, slices=SLICES).datasets()
    for ds in made:
        ds.StudyDescription = "HEAD"
    sent = [dcmread(BytesIO(file_of(ds))) for ds in made]
    answer = client.store_instances(sent)
    assert len(answer.ReferencedSOPSequence) == SLICES
    assert "FailedSOPSequence" not in answer
    return sent


def uids(ds: Dataset) -> tuple[str, str, str]:
    return str(ds.StudyInstanceUID), str(ds.SeriesInstanceUID), str(ds.SOPInstanceUID)


def test_dicomweb_client_finds_at_every_level_what_it_stored(client):
    (first, *_) = sent = stored(client, "searched")
    study, series, _ = uids(first)
    wanted = {"StudyInstanceUID": study}
    (found,) = map(Dataset.from_json, client.search_for_studies(search_filters=wanted))
    assert (found.PatientID, found.PatientName) == (first.PatientID, first.PatientName)
    assert found.NumberOfStudyRelatedInstances == SLICES
    (found,) = map(Dataset.from_json, client.search_for_series(study))
    assert (found.SeriesInstanceUID, found.Modality) == (series, "MR")
    listed = [Dataset.from_json(one) for one in client.search_for_instances(study, series)]
    assert sorted(str(one.SOPInstanceUID) for one in listed) == sorted(uids(ds)[2] for ds in sent)
    pages = [client.search_for_instances(study, limit=2, offset=at) for at in (0, 2, 4)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert len(client.search_for_instances(study, limit=2, get_remaining=True)) == SLICES
    assert client.search_for_studies(search_filters={"PatientID": "nobody has this"}) == []
    (more,) = client.search_for_studies(search_filters=wanted, fields=["StudyDescription"])
    assert Dataset.from_json(more).StudyDescription == first.StudyDescription


def test_dicomweb_client_is_given_what_it_stored(client):
    (first, *_) = sent = stored(client, "retrieved")
    study, series, instance = uids(first)
    every = ("application/dicom", "*")
    for found in (
        client.retrieve_study(study, media_types=(every,)),
        list(client.iter_series(study, series, media_types=(every,))),
    ):
        assert {ds.SOPInstanceUID: ds for ds in found} == {ds.SOPInstanceUID: ds for ds in sent}
    assert client.retrieve_instance(study, series, instance, media_types=(every,)) == first
    (frame,) = client.retrieve_instance_frames(study, series, instance, [1])
    assert frame == first.PixelData
    picture = client.retrieve_instance_rendered(study, series, instance, media_types=("image/png",))
    assert Image.open(BytesIO(picture)).size == (first.Columns, first.Rows)


def test_dicomweb_client_follows_bulk_data_out_of_the_metadata(client):
    first = stored(client, "bulk")[0]
    study, series, instance = uids(first)
    metadata = client.retrieve_study_metadata(study)
    assert client.retrieve_series_metadata(study, series) == metadata
    (mine,) = (one for one in metadata if one["00080018"]["Value"] == [instance])
    read = Dataset.from_json(mine, bulk_data_uri_handler=lambda uri: None)
    assert {one.keyword for one in read} >= {one.keyword for one in first} - {"PixelData"}
    (content,) = client.retrieve_bulkdata(mine["7FE00010"]["BulkDataURI"])
    assert content == first.PixelData


def test_dicomweb_client_is_told_what_it_may_not(client, web):
    nobody = DICOMwebClient(f"{web.url}/dicom-web", timeout=60)
    with pytest.raises(HTTPError, match="401"):
        nobody.search_for_studies()
    reader = {"Authorization": f"Bearer {web.token('read')}"}
    with pytest.raises(HTTPError, match="403"):
        DICOMwebClient(f"{web.url}/dicom-web", headers=reader).store_instances(
            [dcmread(BytesIO(file_of(MrSeries(seed="barred", slices=1).datasets()[0])))]
        )
    with pytest.raises(HTTPError, match="404"):
        client.retrieve_study("1.2.3.4")


def test_orthancs_plugin_searches_the_node_and_retrieves_from_it(client, orthanc):
    sent = stored(client, "for orthanc")
    study = uids(sent[0])[0]
    query = {"Uri": "/studies", "Arguments": {"StudyInstanceUID": study}}
    (found,) = orthanc.post("dicom-web/servers/node/get", query)
    assert found["0020000D"]["Value"] == [study]
    wanted = {"Resources": [{"Study": study}], "Synchronous": True}
    orthanc.post("dicom-web/servers/node/retrieve", wanted)
    there = {}
    for one in orthanc.get("instances"):
        ds = dcmread(BytesIO(orthanc.file(one)))
        there[ds.SOPInstanceUID] = ds
    assert {ds.SOPInstanceUID: ds for ds in sent}.items() <= there.items()


def test_orthancs_plugin_stores_in_the_node(client, orthanc):
    series = MrSeries(seed="from orthanc", slices=SLICES)
    made = [orthanc.post("instances", file_of(ds)) for ds in series.datasets()]
    done = orthanc.post(
        "dicom-web/servers/node/stow",
        {"Resources": [made[0]["ParentSeries"]], "Synchronous": True},
    )
    assert done["InstancesCount"] in (SLICES, str(SLICES))
    found = client.retrieve_study(series.study_uid, media_types=(("application/dicom", "*"),))
    pixels = {ds.SOPInstanceUID: ds.pixel_array for ds in found}
    for ds in series.datasets():
        frame = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
        assert np.array_equal(pixels[ds.SOPInstanceUID].view("<u2"), frame)
    assert len(pixels) == SLICES


def test_orthancs_plugin_is_a_destination_that_is_counted(start, tmp_path):
    archive = orthanc_with_plugin(tmp_path / "cloud", {})
    try:
        there = {"name": "cloud", "kind": "dicomweb", "ask": ["find"],
                 "url": f"http://127.0.0.1:{archive.http_port}/dicom-web"}  # fmt: skip
        node = start(destinations=[there])
        series = MrSeries(seed="to the plugin", slices=18)
        send(node.port, series.datasets())
        answer = node.until(series.study_uid, is_receipted)
        (delivery,) = answer["deliveries"]
        assert (delivery["sent"], delivery["receipted"]) == (18, 18)
        (made,) = answer["jobs"][0]["series_uids"]
        assert len(archive.series()[made]) == 18
        root = f"http://127.0.0.1:{archive.http_port}/dicom-web/studies?PatientID=*"
        with urllib.request.urlopen(root, timeout=20) as got:
            assert len(json.load(got)) == 1
    finally:
        archive.stop()
