"""``/``: what the caller may see, by collection, and where the services are."""

from flask import Blueprint, Response, current_app, g, render_template_string

from pacs.auth import scope_of

blueprint = Blueprint("portal", __name__)
_DICOMWEB = "/dicom-web"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>TrialPACS</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; color: #1c2733 }
  table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .4rem .8rem .4rem 0;
  border-bottom: 1px solid #d8dee4 } code { background: #f2f4f6; padding: .1rem .3rem } footer { color: #5a6672 }
</style>
<h1>TrialPACS</h1>
<p>A research imaging archive: images are de-identified at its door.</p>
<h2>Collections</h2>
{% if collections %}
<table>
<tr><th>Name<th>Title<th>Access<th>Rules<th>Studies</tr>
{% for each in collections %}
<tr><td>{{ each.name }}<td>{{ each.title }}<td>{{ each.access.value }}
<td><a href="/knowledge-base/{{ each.profile|urlencode }}">{{ each.profile }}</a>
<td><a href="{{ path }}/studies?collection={{ each.name|urlencode }}&amp;limit=100">studies</a></tr>
{% endfor %}
</table>
{% else %}<p>There is nothing here that you may see.</p>{% endif %}
<h2>Services</h2>
<p>DICOMweb at <code>{{ path }}</code> · <a href="/healthz">health</a> · <a href="/readyz">readiness</a> ·
<a href="/metrics">metrics</a></p>
<footer>You are {{ name }}.</footer>
</html>
"""


@blueprint.get("/")
def portal() -> Response:
    """The collections that the caller sees something of."""
    door = current_app.extensions["pacs"]
    principal, snapshot = g.identify(), door.archive.registry.snapshot()
    scope = scope_of(principal, snapshot.collections)
    visible = [snapshot.collections[each] for each in snapshot.order if each in scope.everything | scope.released]
    page = render_template_string(_PAGE, collections=visible, path=_DICOMWEB, name=principal.name)
    response = Response(page, mimetype="text/html")
    response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response
