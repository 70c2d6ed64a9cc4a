"""Our engine over a folder, as its peers are measured: IN OUT PROFILE [safe|strict]. It prints figures as JSON.

The stages are those of `pacs deid` and of the server but for the look at pixels, which no peer has: parsing, the
elements, the new header in front of the old pixel bytes, and the second reader.
"""

import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from pacs.model import Keep
from pacs.pipeline.batch import Batch, work_on
from pacs.pipeline.pixels import clean_pixels_stage
from pacs.pipeline.stages import OBJECT_STAGES, fold
from pacs.pipeline.warming import warm_up

STAGES = tuple(stage for stage in OBJECT_STAGES if stage is not clean_pixels_stage)


def main() -> None:
    """Run it."""
    source, out, profile = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    ctp = sys.argv[4] if len(sys.argv) > 4 else "safe"
    out.mkdir(parents=True, exist_ok=True)
    warm_up()
    written = failed = 0
    with TemporaryDirectory() as scratch:
        batch = Batch(out, Path(scratch), profile, None, b"k" * 32, ctp=ctp)
        started = time.process_time()
        for file in sorted(source.iterdir()):
            work = work_on(file, batch)
            if not isinstance(fold(work, STAGES), Keep):
                failed += 1
                continue
            with (out / file.name).open("wb") as sink:
                sink.writelines(work.pieces)
            written += 1
        spent = time.process_time() - started
    print(json.dumps({"cpu_s": spent, "written": written, "failed": failed}))


if __name__ == "__main__":
    main()
