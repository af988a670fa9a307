#!/bin/sh
# Regenerates docs/index.md and the reference below docs/ from the provider's schema,
# templates/ and examples/. Needs the Go module proxy only: the schema comes from the
# provider as built here, through a development override, and from the current
# Terraform, since older ones do not know all of it.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cli=$(sh "$root/tools/find-terraform.sh")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$root"
go build -o "$work/terraform-provider-iot" .
cat >"$work/cli.tfrc" <<RC
provider_installation {
  dev_overrides {
    "iot-pipeline/iot" = "$work"
  }
  direct {}
}
RC
mkdir "$work/module"
cat >"$work/module/main.tf" <<TF
terraform {
  required_providers {
    iot = { source = "iot-pipeline/iot" }
  }
}
TF
(cd "$work/module" && TF_CLI_CONFIG_FILE="$work/cli.tfrc" CHECKPOINT_DISABLE=1 "$cli" providers schema -json) |
	sed -e 's#registry\.[a-z]*\.[a-z]*/iot-pipeline/iot#registry.terraform.io/hashicorp/iot#' >"$work/schema.json"

go build -C tools -o "$root/.cache/bin/tfplugindocs" github.com/hashicorp/terraform-plugin-docs/cmd/tfplugindocs
.cache/bin/tfplugindocs generate --provider-dir "$root" --provider-name iot --rendered-provider-name IoT --providers-schema "$work/schema.json"
"$cli" fmt -recursive examples >/dev/null
# tfplugindocs empties docs/guides; these pages are generated from the SQL functions and from the price table.
go generate ./internal/iotsql/... ./internal/costs/...
# The API's document comes from its Go types, the client from the document.
go test ./lambda/api -run '^TestDocument$' -update
go generate ./client
# What the registry would refuse: pages that are missing, misplaced, too large, or without their front matter.
.cache/bin/tfplugindocs validate --provider-dir "$root" --provider-name iot --providers-schema "$work/schema.json" >"$work/validation" 2>&1 ||
	{ grep -v 'DEBUG\|^running' "$work/validation"; exit 1; }
