#!/bin/sh
# Makes a gateway a core device of AWS IoT Greengrass V2 that runs iot-edge. Run it as root on the gateway, once.
#
#   install.sh -b bundle.json -c edge.json -a ROLE_ALIAS -e CREDENTIALS_ENDPOINT -r REGION [-n nucleus.zip]
#
# -b  the gateway's credentials bundle from the pipeline's credentials store
# -c  the configuration of iot-edge, with bundle.json and AmazonRootCA1.pem beside it
# -a  the attribute greengrass.role_alias of the pipeline
# -e  what "aws iot describe-endpoint --endpoint-type iot:CredentialProvider" prints
# -r  the pipeline's region
# -n  the zip of the nucleus; without it, the latest one is downloaded
set -eu

usage() {
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d' >&2
	exit 2
}

bundle='' config='' alias='' endpoint='' region='' nucleus=''
while getopts b:c:a:e:r:n: option; do
	case $option in
	b) bundle=$OPTARG ;;
	c) config=$OPTARG ;;
	a) alias=$OPTARG ;;
	e) endpoint=$OPTARG ;;
	r) region=$OPTARG ;;
	n) nucleus=$OPTARG ;;
	*) usage ;;
	esac
done
for wanted in "$bundle" "$config" "$alias" "$endpoint" "$region"; do
	[ -n "$wanted" ] || usage
done
for tool in java unzip curl; do
	command -v "$tool" >/dev/null || { echo "install.sh: $tool is missing: install it first" >&2; exit 1; }
done

# member NAME prints a text of the bundle. PEM needs no escapes but that of the line feed.
member() {
	value=$(tr -d '\n' <"$bundle" | sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"]*\)".*/\1/p')
	[ -n "$value" ] || { echo "install.sh: $bundle has no $1: fetch the bundle again" >&2; exit 1; }
	printf '%b' "$value"
}

# ROOT is empty but in tests.
root=${ROOT:-}
core=$root/greengrass/v2
own=$root/etc/iot-edge
thing=$(member thing)
data=$(member endpoint)

# The user that components run as. It reads what iot-edge needs, and not the nucleus's key.
id ggc_user >/dev/null 2>&1 || useradd --system --user-group --no-create-home --shell /usr/sbin/nologin ggc_user

umask 077
mkdir -p "$core" "$own"
member certificate_pem >"$core/device.pem.crt"
member private_key >"$core/private.pem.key"
[ -n "$nucleus" ] || {
	nucleus=$core/nucleus.zip
	curl -fsS https://d2s8p88vqu9w66.cloudfront.net/releases/greengrass-nucleus-latest.zip -o "$nucleus"
}
curl -fsS https://www.amazontrust.com/repository/AmazonRootCA1.pem -o "$core/AmazonRootCA1.pem"
if command -v jarsigner >/dev/null; then
	jarsigner -verify "$nucleus" | grep -q 'jar verified' || { echo "install.sh: $nucleus is not signed by AWS" >&2; exit 1; }
fi
cp "$bundle" "$own/bundle.json"
cp "$core/AmazonRootCA1.pem" "$own/AmazonRootCA1.pem"
cp "$config" "$own/edge.json"
chown root:ggc_user "$own" "$own/bundle.json" "$own/AmazonRootCA1.pem" "$own/edge.json"
chmod 750 "$own"
chmod 640 "$own/bundle.json" "$own/AmazonRootCA1.pem" "$own/edge.json"

installer=$(mktemp -d)
trap 'rm -rf "$installer"' EXIT
unzip -q "$nucleus" -d "$installer"
version=$(java -jar "$installer/lib/Greengrass.jar" --version | sed -n 's/.*v\([0-9][0-9.]*\).*/\1/p')
cat >"$installer/config.yaml" <<CONFIG
system:
  certificateFilePath: "$core/device.pem.crt"
  privateKeyPath: "$core/private.pem.key"
  rootCaPath: "$core/AmazonRootCA1.pem"
  rootpath: "$core"
  thingName: "$thing"
services:
  aws.greengrass.Nucleus:
    componentType: "NUCLEUS"
    version: "$version"
    configuration:
      awsRegion: "$region"
      iotRoleAlias: "$alias"
      iotDataEndpoint: "$data"
      iotCredEndpoint: "$endpoint"
CONFIG
java -Droot="$core" -Dlog.store=FILE -jar "$installer/lib/Greengrass.jar" --init-config "$installer/config.yaml" \
	--component-default-user ggc_user:ggc_user --setup-system-service true
echo "$thing is a core device of Greengrass. Its log is $core/logs/greengrass.log."
