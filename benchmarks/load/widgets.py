"""Elements of a page, and what a browser says of the state of those that are widgets."""

from dataclasses import dataclass
from typing import Any

from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.Slider_pb2 import Slider
from streamlit.proto.WidgetStates_pb2 import WidgetState


@dataclass
class Node:
    """An element on the page, and where it came from.

    Attributes:
        kind: of the element, as its message names it; "" of a block.
        proto: what it shows.
        script: the hash of the script that drew it, which is the frame or the page.
        fragment: that drew it, "" if none did.
        run: the run that drew it last.
    """

    kind: str
    proto: Any
    script: str
    fragment: str
    run: str

    @property
    def id(self) -> str:
        """Of its widget; "" where it is none."""
        return str(getattr(self.proto, "id", ""))

    @property
    def can_be_used(self) -> bool:
        """Whether it is a widget that takes input at the moment."""
        return bool(self.id) and not getattr(self.proto, "disabled", False)


def state_of(node: Node, value: Any) -> WidgetState:
    """What a browser says of a widget that stands at a value: options by their text, those of sliders in a list."""
    state = WidgetState(id=node.id)
    match node.kind:
        case "slider" if node.proto.type == Slider.SELECT_SLIDER:
            state.string_array_value.data.extend(value)
        case "slider":
            state.double_array_value.data.extend(value)
        case "button_group" | "multiselect":
            state.string_array_value.SetInParent()
            state.string_array_value.data.extend(value)
        case "checkbox":
            state.bool_value = value
        case "pagination":
            state.int_value = value
        case "number_input" if value is not None:
            if node.proto.data_type == NumberInput.INT:
                state.int_value = int(value)
            else:
                state.double_value = value
        case "selectbox" | "radio" | "text_input" | "text_area" if value is not None:
            state.string_value = value
        case "file_uploader":
            state.file_uploader_state_value.SetInParent()
    return state


def first_state(node: Node) -> WidgetState | None:
    """What a browser says of a widget that was just drawn; None of one that says nothing before it is used."""
    proto, given = node.proto, getattr(node.proto, "set_value", False)
    match node.kind:
        case "slider" if proto.type == Slider.SELECT_SLIDER:
            at = [proto.options[round(place)] for place in proto.default]
            return state_of(node, list(proto.raw_value) if given else at)
        case "slider":
            return state_of(node, list(proto.value if given else proto.default))
        case "button_group":
            at = [proto.options[place].content for place in proto.default]
            return state_of(node, list(proto.raw_values) if given else at)
        case "multiselect":
            at = [proto.options[place] for place in proto.default]
            return state_of(node, list(proto.raw_values) if given else at)
        case "checkbox":
            return state_of(node, proto.value if given else proto.default)
        case "pagination":
            return state_of(node, proto.value if given else proto.default or 1)
        case "number_input" | "text_input" | "text_area":
            name = "value" if given else "default"
            return state_of(node, getattr(proto, name) if proto.HasField(name) else None)
        case "selectbox" | "radio":
            if given:
                return state_of(node, proto.raw_value if proto.HasField("raw_value") else None)
            return state_of(node, proto.options[proto.default] if proto.HasField("default") else None)
        case "file_uploader":
            return state_of(node, None)
    return None
