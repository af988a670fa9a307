"""Lambda: what AWS keeps of a function's configuration, and the conflicts it answers."""

import amend
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda.policy import Policy
from moto.sqs.models import sqs_backends


class Conflict(LambdaClientError):
    code = 409

    def __init__(self, message):
        super().__init__("ResourceConflictException", message)


def keeps_settings(init):
    # [moto.md: Lambda LoggingConfig, DeadLetterConfig accepted, never read back]
    def method(self, account_id, spec, region, version=1):
        init(self, account_id, spec, region, version)
        self.logging_config = dict(spec.get("LoggingConfig") or {})
        self.dead_letter_config = spec.get("DeadLetterConfig")
        self.kms_key_arn = spec.get("KMSKeyArn")

    return method


def shows_settings(describe):
    def method(self, on_create=False):
        answer = describe(self, on_create)
        # AWS fills in text format and the function's own log group.
        answer["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.function_name}"} | self.logging_config
        if answer["LoggingConfig"]["LogFormat"] == "JSON":
            answer["LoggingConfig"] = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"} | answer["LoggingConfig"]
        if self.dead_letter_config:
            answer["DeadLetterConfig"] = self.dead_letter_config
        if self.kms_key_arn:
            answer["KMSKeyArn"] = self.kms_key_arn
        return answer

    return method


def updates_settings(update):
    def method(self, updates):
        updates = dict(updates)
        if "Environment" in updates:
            # [moto.md: UpdateFunctionConfiguration with an empty Environment is HTTP 500]
            updates["Environment"] = {"Variables": (updates["Environment"] or {}).get("Variables") or {}}
        self.logging_config = dict(updates.get("LoggingConfig") or self.logging_config)
        self.dead_letter_config = updates.get("DeadLetterConfig", self.dead_letter_config)
        self.kms_key_arn = updates.get("KMSKeyArn", self.kms_key_arn)
        self.tracing_config = updates.get("TracingConfig") or self.tracing_config
        if updates.get("EphemeralStorage"):
            self.ephemeral_storage = updates["EphemeralStorage"]["Size"]
        return update(self, updates)

    return method


def updates_architecture(update):
    # [moto.md: UpdateFunctionCode ignores Architectures]
    def method(self, spec):
        if spec.get("Architectures") and not spec.get("DryRun"):
            self.architectures = spec["Architectures"]
        return update(self, spec)

    return method


def refuses_same_statement(add):
    # [AWS 2.2 AddPermission]: a statement id that exists is a ResourceConflictException.
    def method(self, raw, qualifier=None):
        known = {s.get("Sid") for s in self.statements}
        statement, revision = add(self, raw, qualifier)
        if statement.get("Sid") in known:
            self.statements.remove(statement)
            raise Conflict(
                f"The statement id ({statement['Sid']}) provided already exists. "
                "Please provide a new statement id, or remove the existing statement."
            )
        return statement, revision

    return method


def refuses_same_mapping(create):
    # [moto.md: a second identical event source mapping is accepted; AWS: ResourceConflictException]
    def method(self, spec):
        function = self.get_function(spec.get("FunctionName", ""))
        for known in self._event_source_mappings.values():
            if known.event_source_arn == spec.get("EventSourceArn") and known.function_arn == function.function_arn:
                raise Conflict(
                    f"The event source arn (\" {known.event_source_arn} \") and function (\" {function.function_name} \") "
                    f"provided mapping already exists. Please update or delete the existing mapping with UUID {known.uuid}"
                )
        return create(self, spec)

    return method


def replaces_invoke_config(put):
    # PutFunctionEventInvokeConfig overwrites what is set; moto keeps every one and shows the first.
    def method(self, function_name, config):
        self.get_function(function_name).event_invoke_config.clear()
        return put(self, function_name, config)

    return method


def left_to_others(send):
    # moto invokes functions behind a stream in Docker, of which there is none here; internal/local hosts them instead.
    def method(self, *args, **kwargs):
        return None

    return method


def leaves_the_queue(create):
    # moto would receive each message as it is sent and run the function in Docker. internal/local polls the queue
    # instead, as Lambda does.
    def method(self, spec):
        mapping = create(self, spec)
        for queue in sqs_backends[self.account_id][self.region_name].queues.values():
            queue.lambda_event_source_mappings.clear()
        return mapping

    return method


def apply():
    amend.after(LambdaFunction, "__init__", keeps_settings)
    amend.after(LambdaFunction, "get_configuration", shows_settings)
    amend.after(LambdaFunction, "update_configuration", updates_settings)
    amend.after(LambdaFunction, "update_function_code", updates_architecture)
    amend.after(Policy, "add_statement", refuses_same_statement)
    amend.after(LambdaBackend, "create_event_source_mapping", leaves_the_queue)
    amend.after(LambdaBackend, "create_event_source_mapping", refuses_same_mapping)
    amend.after(LambdaBackend, "put_function_event_invoke_config", replaces_invoke_config)
    amend.after(LambdaBackend, "send_kinesis_message", left_to_others)
