package failures

import (
	"crypto/sha1" //nolint:gosec // the SDK names the files of SSO sessions by it
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/provider"
)

// connecting are failures of the provider block and its credentials, before anything else.
var connecting = []struct {
	name, why string
	// block is the provider block: STS stands for the address of a local AWS.
	block string
	fault mototest.Fault
	given func(t *testing.T, home string)
}{
	{
		name: "region-missing", why: "nothing sets a region by default",
		block: `access_key = "mototest", secret_key = "mototest"`,
	},
	{
		name: "region-unknown", why: "regions are typed by hand",
		block: `region = "us-esat-1", access_key = "mototest", secret_key = "mototest"`,
	},
	{name: "credentials-none", why: "nobody has signed in", block: `region = "us-east-1"`},
	{name: "credentials-sso", why: "a session of SSO lasts a working day",
		block: `region = "us-east-1", profile = "farm", shared_config_files = ["HOME/.aws/config"]`,
		given: expiredSession},
	{name: "profile-missing", why: "a profile has another name on another machine",
		block: `region = "us-east-1", profile = "fram", shared_config_files = ["HOME/.aws/config"]`,
		given: expiredSession},
	{
		name: "credentials-unknown", why: "the region is not enabled, or the key was deleted",
		block: `region = "eu-south-1", access_key = "mototest", secret_key = "mototest", endpoints = [{ sts = "STS" }]`,
		fault: mototest.Fault{Service: "sts", Operation: "GetCallerIdentity", Code: "InvalidClientTokenId",
			Message: "The security token included in the request is invalid."},
	},
	{
		name: "credentials-expired", why: "temporary credentials are in the environment",
		block: `region = "us-east-1", access_key = "mototest", secret_key = "mototest", endpoints = [{ sts = "STS" }]`,
		fault: mototest.Fault{Service: "sts", Operation: "GetCallerIdentity", Code: "ExpiredToken",
			Message: "The security token included in the request is expired"},
	},
	{
		name: "role-refused", why: "a trust policy does not name who assumes the role",
		block: `region = "us-east-1", access_key = "mototest", secret_key = "mototest", endpoints = [{ sts = "STS" }], ` +
			`assume_role = [{ role_arn = "arn:aws:iam::123456789012:role/deploy" }]`,
		fault: mototest.Fault{Service: "sts", Operation: "AssumeRole", Code: "AccessDenied",
			Message: "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sts:AssumeRole on " +
				"resource: arn:aws:iam::123456789012:role/deploy"},
	},
	{
		name: "account-refused", why: "the shell has the credentials of another account",
		block: `region = "us-east-1", access_key = "mototest", secret_key = "mototest", endpoints = [{ sts = "STS" }], ` +
			`allowed_account_ids = ["210987654321"]`,
	},
	{
		name: "endpoint-refused", why: "the local AWS is not running",
		block: `region = "us-east-1", access_key = "mototest", secret_key = "mototest", ` +
			`endpoints = [{ sts = "http://127.0.0.1:1" }]`,
	},
	{
		name: "proxy-refused", why: "a proxy is set that this network does not have",
		block: `region = "us-east-1", access_key = "mototest", secret_key = "mototest", ` +
			`https_proxy = "http://127.0.0.1:1"`,
	},
	{
		name: "untrusted", why: "a company's proxy has a certificate of its own",
		block: `region = "us-east-1", access_key = "mototest", secret_key = "mototest", endpoints = [{ sts = "TLS" }]`,
	},
}

// TestConnecting compares the diagnostics of providers that cannot connect.
func TestConnecting(t *testing.T) {
	for _, c := range connecting {
		t.Run(c.name, func(t *testing.T) {
			home := isolate(t)
			if c.given != nil {
				c.given(t, home)
			}
			server := mototest.Start(t)
			if c.fault.Code != "" {
				c.fault.Times = always
				server.Fail(t, c.fault)
			}
			tls := httptest.NewTLSServer(http.NotFoundHandler())
			defer tls.Close()
			block := strings.NewReplacer("STS", server.URL, "TLS", tls.URL, "HOME", home, ", ", "\n").Replace(c.block)
			found := newTerraform(t, provider.New("test")()).configure(block + "\nmax_retries = 1")
			golden(t, c.name, scrubbed(found, server.URL, tls.URL))
		})
	}
}

// isolate hides the credentials and proxies of the machine, and returns an empty home directory.
func isolate(t *testing.T) string {
	t.Helper()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			t.Setenv(name, "")
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	return home
}

// expiredSession writes a profile whose session is over.
func expiredSession(t *testing.T, home string) {
	t.Helper()
	const start = "https://farm.awsapps.com/start"
	sum := sha1.Sum([]byte(start)) //nolint:gosec // see above
	for name, text := range map[string]string{
		"config": "[profile farm]\nsso_start_url = " + start + "\nsso_region = us-east-1\n" +
			"sso_account_id = 123456789012\nsso_role_name = Operator\n",
		"sso/cache/" + hex.EncodeToString(sum[:]) + ".json": fmt.Sprintf(
			`{"startUrl": %q, "region": "us-east-1", "accessToken": "t", "expiresAt": "2026-01-01T00:00:00Z"}`, start),
	} {
		file := filepath.Join(home, ".aws", name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
