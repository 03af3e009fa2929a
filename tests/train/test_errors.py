import train.errors
from train.errors import TrainError


def test_the_drawn_tree_is_the_tree():
    drawn = train.errors.__doc__
    classes = [getattr(train.errors, name) for name in train.errors.__all__]
    for error in classes:
        assert issubclass(error, TrainError)
        assert error.__name__ in drawn, error
