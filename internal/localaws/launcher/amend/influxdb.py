"""Timestream for InfluxDB: instances become available, have a secret and can be changed."""

import json

from moto.secretsmanager.models import secretsmanager_backends
from moto.timestreaminfluxdb import models, responses

import amend

CHANGES = {
    "dbInstanceType": "db_instance_type",
    "allocatedStorage": "allocated_storage",
    "dbStorageType": "db_storage_type",
    "deploymentType": "deployment_type",
    "port": "port",
}


def created(original):
    """[GetDbInstance influxAuthParametersSecretArn]: AWS keeps user, password, organization and bucket in a secret."""

    def create_db_instance(self, *args, **kwargs):
        instance = original(self, *args, **kwargs)
        secret = secretsmanager_backends[self.account_id][self.region_name].create_managed_secret(
            service_name="READONLY-InfluxDB-auth-parameters",
            secret_id=f"READONLY-InfluxDB-auth-parameters-{instance.id}",
            secret_string=json.dumps(
                {
                    "organization": instance.organization,
                    "bucket": instance.bucket,
                    "username": instance.username,
                    "password": instance.password,
                }
            ),
        )
        instance.secret_arn = secret.arn
        return instance

    return create_db_instance


def read(original):
    """An instance that was created or changed is available at the next read."""

    def get_db_instance(self, id):
        instance = original(self, id)
        shown = instance.to_dict()
        instance.status = models.InstanceStatus.AVAILABLE
        return Shown(shown)

    return get_db_instance


class Shown:
    """What a read returns, as it was before the read changed the status."""

    def __init__(self, members):
        self.members = members

    def to_dict(self):
        return self.members


def described(original):
    """The endpoint and the secret exist when the instance does [GetDbInstance]."""

    def to_dict(self):
        members = original(self)
        if self.status != models.InstanceStatus.CREATING:
            members["influxAuthParametersSecretArn"] = getattr(self, "secret_arn", "")
        else:
            del members["endpoint"]
            del members["influxAuthParametersSecretArn"]
        return members

    return to_dict


def deleted(original):
    """The secret goes with the instance here, so that tests can say that nothing is left."""

    def delete_db_instance(self, id):
        instance = original(self, id)
        store = secretsmanager_backends[self.account_id][self.region_name].secrets
        name = f"READONLY-InfluxDB-auth-parameters-{instance.id}"
        if name in store:
            store.pop(name)
        return instance

    return delete_db_instance


def update_db_instance(self):
    """[UpdateDbInstance]: changes in place, during which the status is MODIFYING."""
    params = json.loads(self.body)
    backend = self.timestreaminfluxdb_backend
    backend.get_db_instance(params["identifier"])
    instance = backend.db_instances[params["identifier"]]
    for member, attribute in CHANGES.items():
        if member in params:
            setattr(instance, attribute, params[member])
    instance.status = models.InstanceStatus.MODIFYING
    return json.dumps(instance.to_dict())


def apply():
    amend.after(models.TimestreamInfluxDBBackend, "create_db_instance", created)
    amend.after(models.TimestreamInfluxDBBackend, "get_db_instance", read)
    amend.after(models.TimestreamInfluxDBBackend, "delete_db_instance", deleted)
    amend.after(models.DBInstance, "to_dict", described)
    responses.TimestreamInfluxDBResponse.update_db_instance = update_db_instance
