"""What a tab shows: the elements on its page and the states of its widgets, changed by messages as in a browser."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.load.widgets import Node, first_state


@dataclass
class Document:
    """Elements by their place, and states of widgets by their id.

    Attributes:
        problem: is called with every error that the page shows.
        fetch: is called with the URL of every image that is drawn.
        main_script: the hash of the script that draws the frame around the pages.
    """

    problem: Callable[[str], None]
    fetch: Callable[[str], None]
    nodes: dict[tuple[int, ...], Node] = field(default_factory=dict)
    states: dict[str, WidgetState] = field(default_factory=dict)
    main_script: str = ""

    def clear(self) -> None:
        """Show nothing."""
        self.nodes.clear()
        self.states.clear()
        self.main_script = ""

    def all(self, kind: str) -> Iterator[Node]:
        """The elements of a kind on the page, from top to bottom."""
        return (self.nodes[path] for path in sorted(self.nodes) if self.nodes[path].kind == kind)

    def widget(self, key: str) -> Node | None:
        """The widget with a key, if it is on the page and takes input."""
        return next((node for node in self.nodes.values() if node.can_be_used and node.id.endswith(f"-{key}")), None)

    def shows(self, url: str) -> bool:
        """Whether an image is on the page."""
        return any(image.url == url for node in self.all("imgs") for image in node.proto.imgs)

    def draw(self, message: ForwardMsg, run: str) -> None:
        """Draw an element or a block where a message of a run says."""
        path, delta = tuple(message.metadata.delta_path), message.delta
        change = delta.WhichOneof("type")
        if change == "new_transient":  # a spinner, beside what is there
            return
        kind = delta.new_element.WhichOneof("type") or "" if change == "new_element" else ""
        if kind:
            for other in [other for other in self.nodes if len(other) > len(path) and other[: len(path)] == path]:
                del self.nodes[other]
        proto = getattr(delta.new_element, kind) if kind else delta.add_block
        node = self.nodes[path] = Node(kind, proto, message.metadata.active_script_hash, delta.fragment_id, run)
        if kind == "exception":
            self.problem(f"{proto.type}: {proto.message}")
        elif kind == "alert" and proto.format == Alert.ERROR:
            self.problem(f"The page shows: {proto.body}")
        elif kind == "imgs":
            for image in proto.imgs:
                self.fetch(image.url)
        if node.id and kind:
            known = None if getattr(proto, "set_value", False) else self.states.get(node.id)
            state = known or first_state(node)
            if state is not None:
                self.states[node.id] = state

    def end_run(self, run: str, fragments: Iterable[str]) -> None:
        """Remove what a run, or a run of fragments alone, has not drawn again."""
        stale = set(fragments)
        self._remove(lambda node: node.run != run and (not stale or node.fragment in stale))

    def turn_page(self) -> None:
        """Remove everything but the frame."""
        self._remove(lambda node: node.script != self.main_script)

    def forget_page(self) -> None:
        """Forget the states of the widgets of the page, which stay until another one is drawn."""
        self._keep_states({node.id for node in self.nodes.values() if node.script == self.main_script})

    def _remove(self, goes: Callable[[Node], bool]) -> None:
        self.nodes = {path: node for path, node in self.nodes.items() if not goes(node)}
        self._keep_states({node.id for node in self.nodes.values()})

    def _keep_states(self, ids: set[str]) -> None:
        self.states = {name: state for name, state in self.states.items() if name in ids}


@dataclass
class _Message:
    message: ForwardMsg
    fragment: str
    used: int


@dataclass
class MessageCache:
    """Messages that the server need not send again: it sends their hash alone.

    Attributes:
        max_age: runs in which nobody needs a message after which it is forgotten.
    """

    max_age: int = 0
    _runs: int = 0
    _messages: dict[str, _Message] = field(default_factory=dict)

    @property
    def hashes(self) -> list[str]:
        """The hashes of the messages that are here."""
        return list(self._messages)

    def clear(self) -> None:
        """Forget all messages."""
        self._messages.clear()

    def keep(self, message: ForwardMsg) -> None:
        """Keep a message, if the server says that it may be."""
        if message.metadata.cacheable:
            self._messages[message.hash] = _Message(message, message.delta.fragment_id, self._runs)

    def whole(self, reference: ForwardMsg) -> ForwardMsg | None:
        """The message that a reference stands for, at the reference's place; None where it isn't here."""
        cached = self._messages.get(reference.ref_hash)
        if cached is None:
            return None
        cached.used = self._runs
        message = ForwardMsg()
        message.CopyFrom(cached.message)
        message.metadata.CopyFrom(reference.metadata)
        return message

    def end_run(self, fragments: Iterable[str]) -> None:
        """Count a run, and forget what is too old."""
        drawn = set(fragments)
        self._runs += 1
        self._messages = {
            name: cached
            for name, cached in self._messages.items()
            if (drawn and cached.fragment not in drawn) or self._runs - cached.used <= self.max_age
        }
