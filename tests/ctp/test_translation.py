"""A configuration of CTP becomes collections and their settings; what has no counterpart is named with its line."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from pacs.cli.main import pacs
from pacs.ctp.configuration import read_configuration
from pacs.ctp.translation import translated
from pacs.errors import BadRequest

CONFIG = """<Configuration>
<Server maxThreads="20" port="1080" ssl="yes"/>
<Plugin class="org.rsna.ctp.stdplugins.AuditLog" id="AuditLog" root="roots/AuditLog"/>
<Plugin class="edu.example.Own" id="own"/>
<Pipeline name="Lung Trial" root="roots/lung">
<HttpImportService class="org.rsna.ctp.stdstages.HttpImportService" name="In" port="1443" zip="yes" root="a"
  quarantine="q"><accept ip="192.0.2.7"/></HttpImportService>
<Only class="org.rsna.ctp.stdstages.DicomFilter" script="ct.script" quarantineTimeDepth="5"/>
<Anon class="org.rsna.ctp.stdstages.DicomAnonymizer" script="scripts/lung.script" lookupTable="lut.properties"
  dicomScript="some.script"/>
<Palette class="org.rsna.ctp.stdstages.DicomPaletteImageConverter" root="b"/>
<Pixels class="org.rsna.ctp.stdstages.DicomPixelAnonymizer" script="px.script" test="yes"/>
<Out class="org.rsna.ctp.stdstages.HttpExportService" name="Hub" url="https://hub.example/ctp/LUNG" username="site"
  password="secret&amp;1" sendDigestHeader="yes" dicomScript="ct.script" throttle="5"/>
<Send class="org.rsna.ctp.stdstages.DicomExportService" url="dicom://STORE:ME@pacs.example:104"/>
<Off class="org.rsna.ctp.stdstages.HttpExportService" url="http://other.example/" enableExport="no"/>
<Ftp class="org.rsna.ctp.stdstages.FtpExportService" url="ftp://x/"/>
</Pipeline>
<Pipeline name="Old" enabled="no"/>
</Configuration>"""


def plan_of(text: str):
    return translated(read_configuration(text.encode()), Path("/ctp"))


def test_pipeline_becomes_a_collection_with_its_settings():
    assert [each.words for each in plan_of(CONFIG).steps] == [
        ("profile", "add", "/ctp/scripts/lung.script"),
        ("collection", "create", "Lung-Trial", "--title", "Lung Trial", "--profile", "lung", "--release", "automatic"),
        ("collection", "set", "Lung-Trial", "--filter", "/ctp/ct.script"),
        ("collection", "lookup", "Lung-Trial", "/ctp/lut.properties"),
        ("profile", "import-pixel-script", "/ctp/px.script"),
        ("remote", "add", "Hub", "https://hub.example/ctp/LUNG", "--user", "site", "--digest"),
        ("forward", "add", "Lung-Trial", "Hub", "--filter", "/ctp/ct.script"),
        ("peer", "add", "STORE", "pacs.example", "104", "--allow", "echo", "--collection", "Lung-Trial"),
        ("forward", "add", "Lung-Trial", "STORE"),
    ]


def test_watched_folder_is_told_as_a_line_of_the_settings():
    stage = '<F class="org.rsna.ctp.stdstages.DirectoryImportService" root="roots/in" {}/>'
    for attribute, folder in (('import="drop &quot;x"', '/ctp/drop \\"x'), ("", "/ctp/roots/in/import")):
        plan = plan_of(f'<Configuration><Pipeline name="L">{stage.format(attribute)}</Pipeline></Configuration>')
        line = next(each.text for each in plan.remarks if "[intake.folders]" in each.text).partition(": ")[2]
        assert line == f'"{folder}" = "L"'
        assert tomllib.loads(line)


def test_what_has_no_counterpart_is_named_with_its_line():
    lost = [(each.line, each.where, each.text.partition(":")[0]) for each in plan_of(CONFIG).remarks if each.lost]
    assert lost == [
        (4, "Own", "no counterpart"),
        (7, "HttpImportService", "<accept>"),
        (8, "DicomFilter", "attribute quarantineTimeDepth"),
        (9, "DicomAnonymizer", "attribute dicomScript"),
        (11, "DicomPaletteImageConverter", "no counterpart"),
        (12, "DicomPixelAnonymizer", "attribute test"),
        (13, "HttpExportService", "attribute throttle"),
        (17, "FtpExportService", "no counterpart"),
    ]


def test_script_is_quoted_and_has_no_password():
    told = plan_of(CONFIG.replace("Lung Trial", "A;rm -rf $HOME")).script()
    assert "pacs collection create A-rm--rf-HOME --title 'A;rm -rf $HOME' --profile lung" in told
    assert "secret" not in told
    assert "# line 6, HttpImportService: senders send to /ctp/A-rm--rf-HOME" in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('<!DOCTYPE a [<!ENTITY x "y">]>\n<Configuration/>', "line 1: a configuration declares no document type"),
        ("<Other/>", "root"),
        ("<Configuration>\n<a></Configuration>", "line 2"),
        ("<Configuration>" + "<a>" * 40 + "</a>" * 40 + "</Configuration>", "too deep"),
        ("<Configuration>" + "<a/>" * 20_001 + "</Configuration>", "too many"),
        ('<?xml version="1.0" encoding="none"?><Configuration/>', "read|well-formed"),
        ("", "well-formed"),
    ],
)
def test_hostile_file_is_refused(text, told):
    with pytest.raises(BadRequest, match=told):
        read_configuration(text.encode())


def test_configuration_is_applied(tmp_path):
    (tmp_path / "lung.script").write_text(
        '<script><e en="T" t="00100020" n="PatientID">@lookup(this,ptid)</e>'
        '<e en="T" t="00100010" n="PatientName">@empty()</e></script>'
    )
    (tmp_path / "lut.properties").write_text("ptid/PID-0042=SUBJ-1\n")
    (tmp_path / "ct.script").write_text('Modality.equals("CT")')
    (tmp_path / "px.script").write_text("{ true. } (1,2,3,4)")
    file = tmp_path / "config.xml"
    file.write_text(CONFIG.replace("scripts/", ""))
    data = ["--data", str(tmp_path / "data")]
    done = CliRunner().invoke(pacs, ["ctp", "import-config", str(file), "--apply", *data], catch_exceptions=False)
    assert done.exit_code == 0
    assert "line 4, Own: no counterpart" in done.output
    assert "secret" not in done.output
    shown = CliRunner().invoke(pacs, ["collection", "lookup", "Lung-Trial", "--json", *data]).output
    assert '"ptid": 1' in shown
    rules = CliRunner().invoke(pacs, ["forward", "list", "--json", *data]).output
    assert "Hub" in rules
    assert "Modality.equals" in rules
