"""What an experiment can be made of here: plug-ins, what ships, data sets and weights."""

from core.cli.checks.check import Check
from core.system import paths, settings
from core.system.errors import DataError, PluginError


def plugins() -> list[Check]:
    """The attacks and defences from outside; each file of them is loaded if it was not yet."""
    from core.catalog.plugins import load_plugins, loaded

    broken = []
    for path in settings.plugins():
        try:
            load_plugins([path])
        except PluginError as error:
            remedy = (
                "Correct it, or remove it from POISON_LAB_PLUGINS; until then every other command refuses to start."
            )
            broken.append(Check("Plug-ins", "fault", str(error), remedy))
    texts = [
        f"{path} ({', '.join(plugin.names) or 'a copy'}; {plugin.digest[:12]})" for path, plugin in loaded().items()
    ]
    if texts or not broken:
        return [Check("Plug-ins", "ok", ", ".join(texts) or "none"), *broken]
    return broken


def assets() -> Check:
    """What ships, compared with its checksums."""
    from core.storage.assets import check

    shipped = check(paths.ASSETS)
    if not shipped.wrong:
        return Check("Assets", "ok", f"{shipped.count:,} files and runs in {paths.ASSETS}, as they ship")
    names = [f"{name} {fault}" for name, fault in shipped.wrong[:3]]
    more = len(shipped.wrong) - len(names)
    text = f"in {paths.ASSETS}: {', '.join(names)}{f', and {more:,} more' if more else ''}"
    remedy = "Install Poison Lab again." if paths.is_installed() else "Restore it: git checkout assets."
    return Check("Assets", "fault", text, remedy)


def data() -> list[Check]:
    """The data sets that are here, and whether those that ship can be read."""
    from core.data.registry import DATA

    here = data_here()
    faults = [name for name, there in here.items() if DATA[name].embedded and not there]
    remedy = "Restore assets/data."
    return [
        Check("Data sets", "ok", _listed(here)),
        *(Check("Data sets", "fault", f"Data set {name} can't be read", remedy) for name in faults),
    ]


def extractors() -> list[Check]:
    """The extractors whose weights are here, and whether all that ship are."""
    from core.extractors.registry import EXTRACTORS

    here = extractors_here()
    faults = [name for name, there in here.items() if EXTRACTORS[name].library == "own" and not there]
    remedy = "Restore assets/extractors."
    return [
        Check("Extractors", "ok", _listed(here)),
        *(Check("Extractors", "fault", f"The weights of {name} are missing", remedy) for name in faults),
    ]


def data_here() -> dict[str, bool]:
    """Whether each data set is here, and can be read where it ships."""
    from core.data.registry import DATA

    return {name: _readable(name) for name in DATA}


def extractors_here() -> dict[str, bool]:
    """Whether the weights of each extractor are here."""
    from core.extractors.registry import EXTRACTORS, present

    return {name: present(record) for name, record in EXTRACTORS.items()}


def missing() -> list[str]:
    """How to get each extractor and each data set that is not here."""
    from core.data.registry import DATA
    from core.extractors.registry import EXTRACTORS

    try:
        from core.data.torchvision_sets import availability
    except ImportError:  # without NumPy, there are worse problems
        return []
    weights = [name for name, there in extractors_here().items() if not there]
    sets = [name for name, there in data_here().items() if not there]
    return [
        *(
            f"Weights of {name} are not here: put {EXTRACTORS[name].weights} into {paths.weights()}, or let the "
            "first run fetch them."
            for name in weights
        ),
        *(
            f"Data set {name} can't be read: restore assets/data."
            if DATA[name].embedded
            else f"Data set {name} is {availability(DATA[name])}."
            for name in sets
        ),
    ]


def _listed(here: dict[str, bool]) -> str:
    present = ", ".join(name for name, there in here.items() if there) or "none"
    missing = ", ".join(name for name, there in here.items() if not there)
    return (
        f"{present}; fetched by the first run that needs them, or by hand (--json): {missing}" if missing else present
    )


def _readable(name: str) -> bool:
    from core.data.registry import DATA

    record = DATA[name]
    try:
        from core.data import torchvision_sets
        from core.data.readers import read

        if not record.embedded:  # up to gigabytes: whether its files are here has to do
            return torchvision_sets.present(record)
        read(record, "test", record.domains[0] if record.domains else None)
    except (DataError, ImportError):  # without NumPy, no data set can be read
        return False
    return True
