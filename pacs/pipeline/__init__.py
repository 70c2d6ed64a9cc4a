"""The work: stages over accepted objects and settled series, in worker processes.

`objects.Processor` takes entries through the object stages and gives a `Publication` or an `Ending` for each;
`worker.Worker` claims entries, has them judged and commits them in batches; `series` holds the stages that see a whole
series. A stage is a function from `Work` to an `Outcome`; `stages.OBJECT_STAGES` is their order. Stages of a profile's
options (filters, pixel cleaning) take their places there.
"""

from pacs.pipeline.objects import Processor
from pacs.pipeline.worker import Worker

__all__ = ["Processor", "Worker"]
