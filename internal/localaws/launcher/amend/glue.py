"""Glue: a database's tags go with it."""

import amend
from moto.glue.models import GlueBackend
from moto.utilities.utils import get_partition


def forgets_tags(delete):
    # moto keeps the tags by ARN, so that the next database of the name has them.
    def method(self, database_name):
        delete(self, database_name)
        partition = get_partition(self.region_name)
        arn = f"arn:{partition}:glue:{self.region_name}:{self.account_id}:database/{database_name}"
        self.tagger.delete_all_tags_for_resource(arn)

    return method


def apply():
    amend.after(GlueBackend, "delete_database", forgets_tags)
