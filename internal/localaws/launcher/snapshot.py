"""Copies of everything that a server holds, to come back to.

What a server holds is what moto's own reset empties: the backends of all services, by account and region. A copy is a
pickle of them, all in one, so that objects which point at each other still do. What is part of the program, not of its
state, is in it by name or by number and stays the same object.
"""

import collections
import functools
import io
import pickle
import threading
import types
import weakref

from amend import iam
from moto.core.base_backend import AccountSpecificBackend, BackendDict
from moto.core.model_instances import reset_model_data
from moto.iam.models import AWSManagedPolicy

# Functions without a name that can be looked up, such as the lambda of a defaultdict; and the dictionaries of backends,
# which modules hold by name. Both live as long as the process.
permanent = []
numbers = {}


def number(thing):
    if id(thing) not in numbers:
        numbers[id(thing)] = len(permanent)
        permanent.append(thing)
    return numbers[id(thing)]


def refilled(items):
    return weakref.WeakValueDictionary(items)


def uninitialised(cls, factory):
    made = cls.__new__(cls)
    collections.defaultdict.__init__(made, factory)
    return made


class Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        if isinstance(thing, BackendDict) or isinstance(thing, types.FunctionType) and "<" in thing.__qualname__:
            return number(thing)
        if isinstance(thing, AWSManagedPolicy):
            return iam.unchanged(thing)  # there are 1,400, and hardly one is ever attached
        return None

    def reducer_override(self, thing):
        if isinstance(thing, type(threading.RLock())):
            return threading.RLock, ()
        if isinstance(thing, type(threading.Lock())):
            return threading.Lock, ()
        if isinstance(thing, weakref.WeakValueDictionary):
            return refilled, (dict(thing),)
        if isinstance(thing, collections.defaultdict) and type(thing) is not collections.defaultdict:
            return uninitialised, (type(thing), thing.default_factory), vars(thing), None, iter(thing.items())
        return NotImplemented


class Unpickler(pickle.Unpickler):
    def __init__(self, *args):
        super().__init__(*args)
        self.policy = functools.cache(iam.fresh)  # each policy is one object, however often it is referred to

    def persistent_load(self, what):
        return permanent[what] if isinstance(what, int) else self.policy(what)


# What a dictionary of backends is made of; the rest of its attributes is state (S3 keeps there whose each bucket is).
MADE_OF = set(vars(BackendDict(None, "")))


def state(backends):
    return {name: value for name, value in vars(backends).items() if name not in MADE_OF}


def take(pickler=Pickler):
    held = [(backends, state(backends), dict(backends.items())) for backends in BackendDict._instances]
    out = io.BytesIO()
    pickler(out, protocol=pickle.HIGHEST_PROTOCOL).dump(held)
    return out.getvalue()


def restore(taken, unpickler=Unpickler):
    BackendDict.reset()
    reset_model_data()
    for backends, attributes, accounts in unpickler(io.BytesIO(taken)).load():
        vars(backends).update(attributes)
        for account, backend in accounts.items():
            backends[account] = backend
        BackendDict._instances.append(backends)
