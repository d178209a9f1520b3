"""What was assumed of the data and of the extractor of an experiment, and at which side it has a user's images."""

from core.catalog.choices import usual_side
from core.catalog.lookup import data_info, extractor_info
from core.data.registry import DataInfo, is_user_supplied
from core.spec.experiment import ExperimentSpec


def remarks_of(spec: ExperimentSpec) -> tuple[str, ...]:
    """The notes of the records of an experiment's data and extractor, a sentence each; empty for registered ones.

    Raises:
        PoisonLabError: the data or the extractor is not here.
    """
    data, extractor = data_info(spec.data), extractor_info(spec.extractor)
    if data.width:
        return data.notes
    sides = [side_remark(data, spec.input_size or extractor.input_sizes[0], spec.side)]
    return (*data.notes, *filter(None, sides), *extractor.notes)


def side_remark(data: DataInfo, input_size: int, side: int | None) -> str:
    """A sentence on the side of a user's images, and on why it is this one; "" for other data.

    Args:
        data: the record of the data.
        input_size: of the extractor.
        side: that was chosen; None for the usual one.
    """
    if not is_user_supplied(data.name):
        return ""
    usual = usual_side(data, input_size)
    side = usual if side is None else side
    reason = f"the extractor sees {input_size}"
    if side == data.own_side:
        reason = f"half of them are no larger; {reason}"
    elif side > data.own_side:
        reason = f"half of them have {data.own_side} or fewer, and are enlarged; {reason}"
    return f"Images are used at {side} × {side} pixels: {reason}."
