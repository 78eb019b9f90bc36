"""What system tests share: an installation in a folder of its own, run by the real programs on free ports of 127.0.0.1."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import desk  # noqa: E402


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """DNS zone and signing keys of the outside world, shared by the tests of one file."""
    return desk.World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def office(tmp_path_factory, world):
    """A running installation with two queues, two agents, a security officer and an administrator."""
    office = desk.Office(tmp_path_factory.mktemp("office") / "data", world)
    office.start()
    yield office
    office.stop()


@pytest.fixture
def own_office(tmp_path_factory, world):
    """The same for one test alone, which may do to it what it likes."""
    office = desk.Office(tmp_path_factory.mktemp("own") / "data", world)
    office.start()
    yield office
    office.stop()
