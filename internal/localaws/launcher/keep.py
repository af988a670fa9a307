"""The account in a file, so that it outlives the process.

The file is a pickle as in snapshot.py, with names in place of numbers: a dictionary of backends is named by the module
that holds it, and a function without a name is kept with its code. Such code is only good for the Python and the moto
that wrote it, so the file says which those are, and others refuse it. It is as trustworthy as the directory it is in.
"""

import io
import marshal
import os
import pickle
import sys
import threading
import types

import control
import snapshot
from amend import iam
from moto import __version__ as moto_version
from moto.core.base_backend import BackendDict
from moto.iam.models import AWSManagedPolicy, iam_backends

WRITER = {"format": 1, "moto": moto_version, "python": list(sys.version_info[:3])}
INTERVAL = 5  # seconds between two looks at whether something has changed


def holders():
    """The modules' names of all dictionaries of backends."""
    return {
        id(value): (name, attribute)
        for name, module in list(sys.modules.items())
        if name.startswith("moto.")
        for attribute, value in list(vars(module).items())
        if isinstance(value, BackendDict)
    }


class Pickler(snapshot.Pickler):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.holders = holders()

    def persistent_id(self, thing):
        if isinstance(thing, BackendDict):
            return ("backends", *self.holders[id(thing)])
        if isinstance(thing, types.FunctionType) and "<" in thing.__qualname__:
            cells = [cell.cell_contents for cell in thing.__closure__ or ()]
            return "function", thing.__module__, marshal.dumps(thing.__code__), thing.__defaults__, cells
        if isinstance(thing, AWSManagedPolicy):
            name = iam.unchanged(thing)
            return name and ("policy", *name)
        return None


class Unpickler(snapshot.Unpickler):
    def persistent_load(self, what):
        kind, *name = what
        if kind == "backends":
            module, attribute = name
            __import__(module)
            return getattr(sys.modules[module], attribute)
        if kind == "function":
            module, code, defaults, cells = name
            __import__(module)
            closure = tuple(types.CellType(content) for content in cells) or None
            return types.FunctionType(marshal.loads(code), vars(sys.modules[module]), None, defaults, closure)
        account, partition, _ = name
        iam_backends[account][partition]  # reads the policies
        return self.policy(tuple(name))


class Keeper:
    """Reads the file at the start, writes it after changes and at the end."""

    def __init__(self, path):
        self.path = path
        self.saved = None
        self.writing = threading.Lock()
        self.ended = threading.Event()

    def load(self):
        if not os.path.exists(self.path):
            return
        with open(self.path, "rb") as file:
            writer = pickle.load(file)
            if writer != WRITER:
                sys.exit(
                    f"{self.path} was written by {writer} and cannot be read by {WRITER}: use the same versions, or "
                    "another directory"
                )
            snapshot.restore(file.read(), Unpickler)

    def save(self):
        with self.writing:  # else the process would end while its other thread still writes what counts as saved
            self.save_changes()

    def save_changes(self):
        with control.turn:
            changed = control.served
            if changed == self.saved:
                return
            held = snapshot.take(Pickler)
            self.saved = changed
        temporary = self.path + ".new"
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            pickle.dump(WRITER, file)
            file.write(held)
        os.replace(temporary, self.path)

    def run(self):
        while not self.ended.wait(INTERVAL):
            self.save()
