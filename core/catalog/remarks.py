"""What was assumed of the data and of the extractor of an experiment, from their records."""

from core.catalog.lookup import data_info, extractor_info
from core.spec.experiment import ExperimentSpec


def remarks_of(spec: ExperimentSpec) -> tuple[str, ...]:
    """The notes of the records of an experiment's data and extractor, a sentence each; empty for registered ones.

    Raises:
        PoisonLabError: the data or the extractor is not here.
    """
    return (*data_info(spec.data).notes, *extractor_info(spec.extractor).notes)
