"""Which rows of the global batch each replica and micro-batch works on."""

import dataclasses
import math

from lm_zoo.errors import UserError


@dataclasses.dataclass(frozen=True)
class RowLayout:
    """The global batch spread in order: replica r has the rows from `r * rows_per_replica` on.

    Where the batch does not divide, the last replicas have rows beyond its end. They are filled
    with weight 0, which adds nothing to sums and counts, so nothing depends on the division.

    Attributes:
        batch_size: Rows of the global batch.
        num_replicas: Over all processes.
        num_workers: Processes, each with as many replicas.
        worker: This process' index.
        micro_batches: Parts that each replica works through.
    """

    batch_size: int
    num_replicas: int = 1
    num_workers: int = 1
    worker: int = 0
    micro_batches: int = 1

    def __post_init__(self):
        if self.num_replicas > self.batch_size:
            raise UserError(
                f"data.batch_size: expected at least one row for each of the {self.num_replicas} "
                f"replicas, received {self.batch_size}; use a larger batch or fewer devices."
            )

    @property
    def rows_per_part(self):
        return math.ceil(self.batch_size / (self.num_replicas * self.micro_batches))

    @property
    def rows_per_replica(self):
        return self.rows_per_part * self.micro_batches

    @property
    def local_replicas(self):
        """Indices, among all, of this process' replicas."""
        each = self.num_replicas // self.num_workers
        return range(self.worker * each, (self.worker + 1) * each)

    @property
    def local_rows(self):
        """This process' rows as a slice of the global batch; empty beyond its end."""
        replicas = self.local_replicas
        start, stop = (i * self.rows_per_replica for i in (replicas.start, replicas.stop))
        return slice(min(start, self.batch_size), min(stop, self.batch_size))
