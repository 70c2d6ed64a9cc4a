"""Who signs in."""

from pacs.app import App
from pacs.model import Role
from tests.installation import inbox_id


def user(app: App, name: str, role: Role = Role.SUBMITTER) -> dict[str, str]:
    """Headers of a user with a role in the inbox; one who is known gets the role too."""
    app.users.add(name, role, inbox_id(app))
    return {"Authorization": f"Bearer {app.users.create_token(name)}"}
