"""Who calls, and what they may do. Permission is data: a `Scope` that the query engine puts into its SQL.

Principals: anonymous (HTTP without credentials), local (a caller on this machine while the server is bound to
loopback), peer (an AE title of the registry), user (a token).
"""

from pacs.auth.scope import is_curator_of, may_serve, may_store, scope_of
from pacs.auth.users import Users

__all__ = ["Users", "is_curator_of", "may_serve", "may_store", "scope_of"]
