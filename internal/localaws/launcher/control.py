"""What a test can ask of the server besides AWS calls: the request log, injected failures, and what arrived where.

Everything lives below /mototest/ and is spoken to by the Go package only.
"""

import json
import threading
from urllib.parse import parse_qs

import models
import snapshot
from moto.core.base_backend import BackendDict
from moto.core.exceptions import ServiceException
from moto.core.model_instances import reset_model_data
from moto.core.responses import BaseResponse
from moto.core.utils import camelcase_to_underscores
from moto.iotdata.models import iotdata_backends
from moto.s3.exceptions import S3ClientError
from moto.s3.responses import S3Response
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.timestreamwrite.models import timestreamwrite_backends

ACCOUNT = "123456789012"


class Planned(ServiceException):
    """A failure that a test asked for. Defined here, not in moto: moto derives the service from the module's name."""


lock = threading.Lock()
# AWS's operations are atomic; moto's are not: two conditional writes at once can both succeed, and a call beside a reset
# finds half-made backends. One request at a time costs nothing, since the interpreter lock allows no more anyway.
turn = threading.Lock()
observed = False  # whether requests are kept and checked
served = 0  # requests to AWS so far
requests = []
faults = []
snapshots = {}  # by name: the request log, and what the backends held


def record(service, operation):
    """Notes the call and returns the failure planned for it, if any."""
    with lock:
        if observed:
            requests.append({"service": service, "operation": operation})
        for fault in faults:
            if fault["service"] == service and fault["operation"] == operation:
                fault["times"] -= 1
                if fault["times"] <= 0:
                    faults.remove(fault)
                return fault
    return None


def install():
    """Wraps the two places through which every service call goes: one for S3, one for all other services."""
    call_action = BaseResponse.call_action

    def recorded(self):
        operation = self._get_action() or ""
        fault = record(self.service_name, operation)
        if fault is None:
            return call_action(self)
        name = camelcase_to_underscores(operation)
        method = getattr(self, name)

        def failing():
            # "after" is an answer lost on the way: the call took effect anyway.
            if fault["after"]:
                method()
            raise Planned(fault["code"], fault["message"])

        setattr(self, name, failing)
        return call_action(self)

    BaseResponse.call_action = recorded

    authorize = S3Response._authenticate_and_authorize_s3_action

    def recorded_s3(self, *args, **kwargs):
        fault = record("s3", self.data.get("Action", ""))
        if fault is not None:
            raise S3ClientError(fault["code"], fault["message"])
        return authorize(self, *args, **kwargs)

    S3Response._authenticate_and_authorize_s3_action = recorded_s3


def reset():
    with lock:
        requests.clear()
        faults.clear()
        snapshots.clear()
    models.forget()
    BackendDict.reset()
    reset_model_data()


def take_snapshot(name):
    snapshots[name] = list(requests), snapshot.take()


def restore_snapshot(name):
    log, taken = snapshots[name]
    with lock:
        requests[:] = log
        faults.clear()
    snapshot.restore(taken)


def timestream_records(query):
    database = timestreamwrite_backends[ACCOUNT][query["region"]].describe_database(query["database"])
    return database.describe_table(query["table"]).records


def notifications(query):
    topic = sns_backends[ACCOUNT][query["region"]].topics.get(query["topic"])
    if topic is None:
        return []
    # (message id, message, subject, message attributes, group)
    return [{"message": n[1], "subject": n[2] or ""} for n in topic.sent_notifications]


def published(query):
    backend = iotdata_backends[ACCOUNT][query["region"]]
    return [
        {"topic": topic, "payload": payload.decode("utf-8", "replace") if isinstance(payload, bytes) else payload}
        for topic, payload in backend.published_payloads
    ]


def reveal(query):
    """Ends the time for which messages of a queue are hidden."""
    queue = sqs_backends[ACCOUNT][query["region"]].queues[query["queue"]]
    queue.pending_messages.clear()
    for message in queue._messages:
        message.visible_at = 0


READS = {
    "/mototest/timestream": timestream_records,
    "/mototest/notifications": notifications,
    "/mototest/published": published,
    "/mototest/requests": lambda _: list(requests),
    "/mototest/violations": lambda _: models.listed(),
    "/mototest/unchecked": lambda query: models.unchecked(query["service"]),
}


class Application:
    """The moto application with the control paths in front."""

    def __init__(self, inner):
        self.inner = inner

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if not path.startswith("/mototest/"):
            if observed and not path.startswith("/moto-api"):
                models.check(environ)
            if "HTTP_X_MOTOTEST_CHECK" in environ:  # another server answers it
                start_response("204 No Content", [])
                return [b""]
            if environ.get("HTTP_X_AMZ_TARGET") == "AmazonSQS.ReceiveMessage":  # may wait for messages that others send
                return self.inner(environ, start_response)
            with turn:
                global served
                served += 1
                return self.inner(environ, start_response)
        with turn:
            status, answer = self.control(path, environ)
        body = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def control(self, path, environ):
        query = {k: v[0] for k, v in parse_qs(environ.get("QUERY_STRING", "")).items()}
        query.setdefault("region", "us-east-1")
        if environ["REQUEST_METHOD"] == "POST":
            if path == "/mototest/reset":
                reset()
                return "200 OK", {}
            if path == "/mototest/snapshot":
                take_snapshot(query["name"])
                return "200 OK", {}
            if path == "/mototest/restore" and query.get("name") in snapshots:
                restore_snapshot(query["name"])
                return "200 OK", {}
            if path == "/mototest/reveal":
                reveal(query)
                return "200 OK", {}
            if path == "/mototest/faults":
                with lock:
                    faults.append(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
                return "200 OK", {}
        elif path in READS:
            try:
                with lock:
                    return "200 OK", READS[path](query)
            except Exception as error:  # moto's own "not found" among them: the Go side shows the text
                return "404 Not Found", {"error": str(getattr(error, "message", error))}
        return "404 Not Found", {"error": f"no control path {path}"}
