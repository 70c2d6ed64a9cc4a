"""A client of a fresh installation."""

import pytest
from flask.testing import FlaskClient

from pacs.app import App
from pacs.model import Role
from pacs.wsgi import create_app
from tests.web.people import user


@pytest.fixture
def client(app: App) -> FlaskClient:
    """Who calls from this machine, without credentials."""
    return create_app(app).test_client()


@pytest.fixture
def curator(app: App) -> dict[str, str]:
    """Headers of the inbox's curator, who is called cora."""
    return user(app, "cora", Role.CURATOR)
