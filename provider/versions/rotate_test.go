package versions

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/deployed"
	"github.com/iot-pipeline/terraform-provider-iot/internal/permissions"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// In each store: the examples rotate all devices whose keys the provider has made, a plan shows nothing after either
// step, and the policy for those who rotate names every request.
func TestRotateCertificates(t *testing.T) {
	for _, store := range []string{"ssm", "secretsmanager", "s3"} {
		t.Run(store, func(t *testing.T) {
			server, env := account(t)
			csr, _ := pemtest.Request(t, "b")
			p := tftest.On(t, tftest.Current, env...)
			p.Write("main.tf", providerBlock+`
resource "iot_pipeline" "greenhouse" {
  name        = "greenhouse"
  credentials = { store = "`+store+`" }
  devices     = { a = {}, b = { csr_pem = <<-EOT
`+csr+`EOT
  } }
  archive     = { expire_after_days = 1 }
}
`+readExample(t, "actions/iot_rotate_certificates/action.tf"))
			p.Apply()
			before := bundle(t, server)
			from := len(server.Requests(t))
			invoke := "-invoke=action.iot_rotate_certificates."
			requireSays(t, p.Try("apply", "-auto-approve", invoke+"issue"), "left out 1 devices whose keys are their own: b",
				"device a has the new certificate", "1 of 1 devices changed")
			requirePermitted(t, server, from)
			after := bundle(t, server)
			if after.CertificateID == before.CertificateID || after.Endpoint != before.Endpoint ||
				after.Topics != before.Topics {
				t.Errorf("the bundle has changed from %s to %s", before.CertificateID, after.CertificateID)
			}
			if _, err := tls.X509KeyPair([]byte(after.CertificatePEM), []byte(after.PrivateKey)); err != nil {
				t.Error(err)
			}
			requireCertificates(t, server, 3)
			if result := p.Try("plan", "-detailed-exitcode"); result.Code != 0 {
				t.Errorf("the plan after issue:\n%s", result.Output)
			}
			p.Apply() // which keeps the second certificate
			requireCertificates(t, server, 3)
			from = len(server.Requests(t))
			requireSays(t, p.Try("apply", "-auto-approve", invoke+"retire"), "device a keeps the certificate",
				"1 of 1 devices changed")
			requirePermitted(t, server, from)
			requireCertificates(t, server, 2)
			if result := p.Try("plan", "-detailed-exitcode"); result.Code != 0 {
				t.Errorf("the plan after retire:\n%s", result.Output)
			}
			requireSays(t, refused(p, "b"), `has a certificate from a request of its own (csr_pem)`, "Nothing was changed")
			requireSays(t, refused(p, "z"), `has no device "z"`, "Nothing was changed")
			p.Destroy()
			requireCertificates(t, server, 0)
		})
	}
}

// refused names a device in the action.
func refused(p *tftest.Project, device string) tftest.Result {
	p.Write("refused.tf", `
action "iot_rotate_certificates" "refused" {
  config {
    pipeline = "greenhouse"
    step     = "issue"
    devices  = ["`+device+`"]
  }
}
`)
	return p.Try("apply", "-auto-approve", "-invoke=action.iot_rotate_certificates.refused")
}

func bundle(t *testing.T, server *mototest.Server) contract.Bundle {
	t.Helper()
	clients := awsapi.New(server.Config(t), awsapi.Options{S3UsePathStyle: true}).WithAccount(mototest.AccountID)
	p, err := deployed.Find(t.Context(), clients, "greenhouse")
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Credentials(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func requireCertificates(t *testing.T, server *mototest.Server, want int) {
	t.Helper()
	var found []string
	for _, object := range awstest.New(t, server.Config(t)).Objects(t) {
		if strings.HasPrefix(object, "certificate ") {
			found = append(found, object)
		}
	}
	if len(found) != want {
		t.Errorf("there are %d certificates, want %d: %v", len(found), want, found)
	}
}

// requirePermitted checks the writes, and the reads of credentials, that have been sent since from. What the provider
// itself asks for before it acts is a read.
func requirePermitted(t *testing.T, server *mototest.Server, from int) {
	t.Helper()
	permitted := map[string]bool{}
	for _, s := range permissions.Rotators(permissions.Place{}) {
		for _, action := range s.Action {
			permitted[action] = true
		}
	}
	for _, r := range server.Requests(t)[from:] {
		action := permissions.Action(r.Service, r.Operation)
		if !permitted[action] && !strings.HasPrefix(action, "sts:") {
			t.Errorf("the policy does not permit %s", action)
		}
	}
}
