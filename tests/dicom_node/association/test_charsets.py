"""Names in fifteen character sets: indexed, matched by a query in another, and sent back whole."""

import pytest
from pydicom.charset import python_encoding
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context

from dicom_node.dicom import STUDY_ROOT_FIND, STUDY_ROOT_GET
from tests.dicom_node.archive.objects import MR_IMAGE, instance, received, study_uid, wire
from tests.dicom_node.association.test_store import Scene
from tests.support.retrieving import EXPLICIT, get, identifier

NAMES = {
    "ISO_IR 100": (["ISO_IR 100"], "Lefèvre^Zoë"),
    "ISO_IR 101": (["ISO_IR 101"], "Wiśniewski^Łukasz"),
    "ISO_IR 109": (["ISO_IR 109"], "Ħajjar^Ġużeppi"),
    "ISO_IR 110": (["ISO_IR 110"], "Bērziņš^Jānis"),
    "ISO_IR 126": (["ISO_IR 126"], "Παπαδόπουλος^Άννα"),
    "ISO_IR 127": (["ISO_IR 127"], "حداد^ليلى"),
    "ISO_IR 138": (["ISO_IR 138"], "כהן^דוד"),
    "ISO_IR 144": (["ISO_IR 144"], "Иванова^Жанна"),
    "ISO_IR 148": (["ISO_IR 148"], "Çelik^Gülşah"),
    "ISO_IR 166": (["ISO_IR 166"], "สมชาย^ใจดี"),
    "ISO 2022 IR 87": (["", "ISO 2022 IR 87"], "Suzuki^Hanako=鈴木^花子=すずき^はなこ"),
    "ISO 2022 IR 149": (["", "ISO 2022 IR 149"], "Kim^Minsu=金^民洙=김^민수"),
    "GB18030": (["GB18030"], "Wang^XiaoDong=王^小东"),
    "GBK": (["GBK"], "Li^Si=李^四"),
    "ISO_IR 192": (["ISO_IR 192"], "Ångström^Chen=陳^小東"),
}


def named(key: str) -> Dataset:
    charsets, name = NAMES[key]
    ds = instance(key, SpecificCharacterSet=charsets, PatientID=key)
    ds.PatientName = name
    return ds


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("charsets")
    opened = Scene(folder, may=("echo", "store", "find", "get"), idle_s=120.0)
    for key in NAMES:
        opened.archive.keep(received(named(key)))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def find(scene):
    """One association on which every test asks."""
    ae = AE(ae_title="SCANNER")
    assoc = ae.associate("127.0.0.1", scene.port, contexts=[build_context(STUDY_ROOT_FIND)],
                         ae_title="SYNTHNODE")  # fmt: skip

    def found(name: str, charsets: list[str]) -> list[Dataset]:
        ds = identifier("STUDY", StudyInstanceUID="", PatientID="")
        ds.SpecificCharacterSet, ds.PatientName = charsets, name
        *answers, _ = [answer for _, answer in assoc.send_c_find(ds, STUDY_ROOT_FIND)]
        for answer in answers:
            answer.decode()
        return answers

    yield found
    assoc.release()


@pytest.mark.parametrize("key", NAMES)
def test_a_name_is_matched_by_a_query_in_another_character_set(find, key):
    charsets, name = NAMES[key]
    other = ["GB18030"] if charsets == ["ISO_IR 192"] else ["ISO_IR 192"]
    asked = {name, *name.split("="), name.split("=")[-1].split("^")[0] + "*"}
    for pattern in asked:
        answers = find(pattern, other)
        assert [answer.PatientID for answer in answers] == [key], pattern
        assert str(answers[0].PatientName) == name


@pytest.mark.parametrize("key", NAMES)
def test_a_name_is_matched_by_a_query_in_its_own(find, key):
    charsets, name = NAMES[key]
    (answer,) = find(name, charsets)
    assert answer.PatientID == key
    assert str(answer.PatientName) == name
    sent = answer.get("SpecificCharacterSet")
    assert all(
        not one or one in python_encoding for one in ([sent] if isinstance(sent, str) else sent)
    )


@pytest.mark.parametrize("key", NAMES)
def test_the_object_comes_back_as_it_was(scene, key):
    ask = identifier("STUDY", StudyInstanceUID=study_uid(key))
    found = get(scene.port, ask, [(MR_IMAGE, EXPLICIT)], model=STUDY_ROOT_GET)
    ds = named(key)
    assert found.kept == {ds.SOPInstanceUID: wire(ds)}


def test_case_does_not_count_in_any_script_that_has_it(find):
    for key in ("ISO_IR 100", "ISO_IR 101", "ISO_IR 126", "ISO_IR 144"):
        name = NAMES[key][1]
        assert [a.PatientID for a in find(name.upper(), ["ISO_IR 192"])] == [key]
        assert [a.PatientID for a in find(name.lower(), ["ISO_IR 192"])] == [key]
