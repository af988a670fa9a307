#!/bin/sh
# Makes a release of this commit for this machine's platform, twice, from two clones in different directories, signed by
# a key that lasts as long as this script. It fails unless both have the same bytes, the signature holds, the names are
# those that Terraform's registry reads, and Terraform installs the provider from the archive.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
cli=$(sh "$root/tools/find-cli.sh")
os=$(go env GOOS)
arch=$(go env GOARCH)
command -v gpg >/dev/null || { echo "install GnuPG: a release is signed with gpg" >&2; exit 1; }
tmp=$(mktemp -d)
GNUPGHOME=$tmp/gnupg
export GNUPGHOME
trap 'gpgconf --kill all; chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM
mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key 'release check' ed25519 sign never
GPG_FINGERPRINT=$(gpg --list-keys --with-colons | sed -n 's/^fpr:*\([0-9A-F]*\):*$/\1/p' | head -n 1)
PATH=$root/.cache/bin:$PATH
export GPG_FINGERPRINT PATH
unset GOFLAGS

goreleaser check "$root/.goreleaser.yml"
for clone in "$tmp/first" "$tmp/a/second"; do
	git clone --quiet "$root" "$clone"
	# Only this platform: the lists of the configuration have one line each.
	sed "s/^\( *goos:\).*/\1 [$os]/; s/^\( *goarch:\).*/\1 [$arch]/" "$root/.goreleaser.yml" >"$tmp/one.yml"
	(cd "$clone" && goreleaser release --snapshot --clean --config "$tmp/one.yml")
done

sums=$(cd "$tmp/first/dist" && ls ./*_SHA256SUMS)
version=${sums#./terraform-provider-iot_}
version=${version%_SHA256SUMS}
for name in "terraform-provider-iot_${version}_${os}_$arch.zip" "terraform-provider-iot_${version}_manifest.json" \
	"iot-tools_${version}_${os}_$arch.zip"; do
	grep -q "  $name\$" "$tmp/first/dist/$sums" || { echo "SHA256SUMS has no $name" >&2; exit 1; }
done
grep '\.zip$' "$tmp/first/dist/$sums" >"$tmp/zips.first"
grep '\.zip$' "$tmp/a/second/dist/$sums" >"$tmp/zips.second"
diff "$tmp/zips.first" "$tmp/zips.second" || { echo "two builds of one commit differ" >&2; exit 1; }
gpg --quiet --verify "$tmp/first/dist/$sums.sig" "$tmp/first/dist/$sums"
(cd "$tmp/first/dist" && ls ./*.cdx.json)

mirror=$tmp/mirror/registry.terraform.io/iot-pipeline/iot
mkdir -p "$mirror" "$tmp/configuration"
cp "$tmp/first/dist/terraform-provider-iot_${version}_${os}_$arch.zip" "$mirror/"
cat >"$tmp/cli.tfrc" <<EOF
provider_installation {
  filesystem_mirror { path = "$tmp/mirror" }
}
EOF
cat >"$tmp/configuration/main.tf" <<EOF
terraform {
  required_providers {
    iot = {
      source  = "registry.terraform.io/iot-pipeline/iot"
      version = "$version"
    }
  }
}
EOF
TF_CLI_CONFIG_FILE=$tmp/cli.tfrc "$cli" -chdir="$tmp/configuration" init -input=false -no-color
TF_CLI_CONFIG_FILE=$tmp/cli.tfrc "$cli" -chdir="$tmp/configuration" providers schema -json | grep -q '"iot_pipeline"'
echo "The release of $version is whole and reproducible."
