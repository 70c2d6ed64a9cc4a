"""Runs one public de-identification tool over a folder, as it is out of the box: TOOL IN OUT. Prints JSON.

It runs in the peers' own environment, so it imports nothing of ours. Outputs keep the names of their inputs; a file
that a tool fails on has no output.
"""

import json
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

Work = Callable[[Path, Path], None]


def dicom_anonymizer() -> Work:
    """Its command line does this for each file of a folder."""
    from dicomanonymizer.simpledicomanonymizer import anonymize_dicom_file  # noqa: PLC0415 - one tool a run

    return lambda source, target: anonymize_dicom_file(str(source), str(target))


def dicognito() -> Work:
    """Its command line makes one anonymizer for all files."""
    import pydicom  # noqa: PLC0415 - one tool a run
    from dicognito.anonymizer import Anonymizer  # noqa: PLC0415 - one tool a run

    anonymizer = Anonymizer()

    def work(source: Path, target: Path) -> None:
        ds = pydicom.dcmread(source, force=True)
        anonymizer.anonymize(ds)
        ds.save_as(target)

    return work


def deid() -> Work:
    """Its documented two steps, with its default recipe."""
    from deid.dicom import get_identifiers, replace_identifiers  # noqa: PLC0415 - one tool a run

    def work(source: Path, target: Path) -> None:
        identifiers = get_identifiers([str(source)])
        cleaned = replace_identifiers([str(source)], ids=identifiers, save=False)
        cleaned[0].save_as(target)

    return work


TOOLS = {"dicom-anonymizer": dicom_anonymizer, "dicognito": dicognito, "deid": deid}


def run(work: Work, files: Iterable[Path], out: Path) -> dict[str, float]:
    """CPU seconds for all files, without imports; how many were written, how many failed."""
    written = failed = 0
    started = time.process_time()
    for source in files:
        target = out / source.name
        try:
            work(source, target)
            written += 1
        except Exception:  # noqa: BLE001 - whatever it fails with, there is no output
            target.unlink(missing_ok=True)
            failed += 1
    return {"cpu_s": time.process_time() - started, "written": written, "failed": failed}


def main() -> None:
    """Run it."""
    warnings.simplefilter("ignore")
    tool, source, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    print(json.dumps(run(TOOLS[tool](), sorted(source.iterdir()), out)))


if __name__ == "__main__":
    main()
