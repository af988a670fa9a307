"""Starts moto as the local AWS of this project's tests and tools.

moto is a real implementation, but a loose one. The modules in amend/ make it refuse what AWS refuses and keep what AWS
keeps, as far as this project needs it; each change names the fact it rests on.

The process writes one JSON line with its address to stdout when it listens, and lives only as long as its stdin is
open: a parent that dies, however it dies, takes it along.
"""

import argparse
import json
import logging
import os
import shutil
import sys
import threading

os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")  # for browsers only

from moto.core.config import default_user_config  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    create_backend_app,
)

import amend  # noqa: E402
import cbor  # noqa: E402
import control  # noqa: E402
import fast  # noqa: E402
import keep  # noqa: E402
import serve  # noqa: E402


def exit_with_parent(keeper, scratch):
    # Blocks until the parent closes the pipe or dies.
    sys.stdin.buffer.read()
    try:
        if keeper:
            keeper.save()
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)
    finally:
        os._exit(0)


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", help="file that keeps the account")
    parser.add_argument("--scratch", help="directory to remove at the end")
    parser.add_argument("--observed", action="store_true", help="keep and check each request")
    return parser.parse_args()


def main():
    chosen = options()
    control.observed = chosen.observed
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    # [AWS 1.3] certificate IDs are the SHA-256 of the DER, which moto computes only when told to.
    default_user_config["iot"]["use_valid_cert"] = True
    amend.apply()
    fast.apply()
    control.install()
    application = control.Application(
        cbor.Application(DomainDispatcherApplication(fast.undebugged(create_backend_app)))
    )
    keeper = keep.Keeper(chosen.data) if chosen.data else None
    if keeper:
        keeper.load()
    server = serve.listen(application, chosen.port)
    threading.Thread(target=exit_with_parent, args=[keeper, chosen.scratch], daemon=True).start()
    if keeper:
        threading.Thread(target=keeper.run, daemon=True).start()
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
