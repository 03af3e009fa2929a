"""Versions of models switched, and switched back."""

import pytest

from dicom_node.errors import NotPossible
from dicom_node.models import Activations
from dicom_node.values import Model

ONE, TWO, THREE = (Model("tiny", f"{n}.0", f"sha256:{n}") for n in (1, 2, 3))
OTHER = Model("other", "1.0", "sha256:9")


@pytest.fixture
def do(database, now):
    def done(step, *words):
        with database.transaction() as session:
            return step(Activations(session), *words, "anna@host", now)

    return done


@pytest.fixture
def used(database):
    def read(name: str = "tiny") -> str | None:
        with database.reading() as session:
            found = Activations(session).current().get(name)
        return None if found is None else found.model.version

    return read


def activate(do, model, found=ONE):
    do(Activations.activate, model, found)


def rollback(do, name="tiny"):
    return do(Activations.rollback, name).model.version


def test_before_anybody_chose_nothing_is_said(used):
    assert used() is None


def test_the_last_choice_counts_for_its_name_alone(do, used):
    activate(do, TWO)
    activate(do, THREE)
    assert (used(), used("other")) == ("3.0", None)


def test_the_way_back_goes_through_all_that_was_used_and_ends_where_it_began(do, used):
    activate(do, TWO)
    activate(do, THREE)
    assert [rollback(do), rollback(do), used()] == ["2.0", "1.0", "1.0"]
    with pytest.raises(NotPossible, match="no version of tiny was used before"):
        rollback(do)
    assert used() == "1.0"


def test_after_a_way_back_another_choice_goes_back_to_where_it_stood(do):
    activate(do, TWO)
    rollback(do)
    activate(do, THREE)
    assert rollback(do) == "1.0"


def test_models_go_back_each_on_their_own(do, used):
    activate(do, TWO)
    activate(do, Model("other", "2.0", "sha256:8"), OTHER)
    assert rollback(do, "other") == "1.0"
    assert used() == "2.0"


def test_what_is_used_already_is_not_activated_again(do):
    with pytest.raises(NotPossible, match=r"tiny@1\.0 is what is used already"):
        activate(do, ONE)
    activate(do, TWO)
    with pytest.raises(NotPossible, match=r"tiny@2\.0 is what is used already"):
        activate(do, TWO)


def test_what_was_never_chosen_cannot_go_back(do):
    with pytest.raises(NotPossible, match="activate another"):
        rollback(do)


def test_a_switch_that_is_not_committed_has_not_happened(database, used, now):
    class Off(Exception):
        pass

    with pytest.raises(Off), database.transaction() as session:  # noqa: PT012
        Activations(session).activate(TWO, ONE, "anna@host", now)
        raise Off
    assert used() is None
