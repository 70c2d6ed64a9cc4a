"""The knowledge base: every rule of a profile, readable by everybody."""

import html

from pacs.deid import load_profile


def test_page_shows_every_rule_with_reason_and_source(client):
    page = html.unescape(client.get("/knowledge-base/tcia").get_data(as_text=True))
    profile = load_profile("tcia")
    assert profile.version in page
    for rule in profile.rules():
        assert rule.reason in page
        assert rule.source in page
    assert "(0010,0010)" in page
    assert "113105" in page
    assert "113109" not in page  # device identity is not claimed
    assert " ".join(profile.prose.split())[:60] in page


def test_unknown_profile_is_not_found(client):
    for name in ("nosuch", "../../etc/passwd", "tcia+nonsense", "/etc/x.toml"):
        assert client.get(f"/knowledge-base/{name}").status_code == 404


def test_options_can_be_named(client):
    assert "113110" in client.get("/knowledge-base/basic+retain_uids").get_data(as_text=True)


def test_added_options_qualify_the_words_of_the_profile(client):
    page = client.get("/knowledge-base/tcia+retain_device_identity").get_data(as_text=True)
    assert "Added to it: retain device identity" in page
    assert "kept, cleaned of known values" in page  # such as DeviceDescription
    assert "Added to it" not in client.get("/knowledge-base/tcia").get_data(as_text=True)


def test_page_runs_no_foreign_script(client):
    policy = client.get("/knowledge-base/basic").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]


def test_portal_leads_to_the_rules_of_each_collection(client):
    assert 'href="/knowledge-base/tcia"' in client.get("/").get_data(as_text=True)


def test_site_profile_and_private_tags_are_shown(app, client):
    folder = app.folders.profiles
    folder.mkdir()
    (folder / "site.toml").write_text('title = "<Ours>"\nbase = "tcia"\n')
    (folder / "private-tags.csv").write_text(
        'element_sig_pattern,tag_name,vr,private_disposition\n"(0019,""MAKER X"",01)",Name,LO,k\n'
    )
    page = client.get("/knowledge-base/site").get_data(as_text=True)
    assert "&lt;Ours&gt;" in page
    assert "MAKER X" in page
