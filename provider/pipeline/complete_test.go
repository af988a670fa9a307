package pipeline_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
)

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// request is a certificate signing request of a new key.
func request(t *testing.T, name string) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

// certificate is a self-signed certificate of a new key.
func certificate(t *testing.T, name string) string {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour * 24 * 365),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// authority is a certificate that signs itself and may sign others.
func authority(t *testing.T) string {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "device CA"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter: time.Now().
			Add(time.Hour * 24 * 365),
		BasicConstraintsValid: true,
		IsCA:                  true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// complete sets everything that a pipeline has, but for KMS keys and a package of the user's own.
func complete(t *testing.T) string {
	return fmt.Sprintf(`
  name         = "complete"
  region       = "us-east-1"
  topic_prefix = "acme/farm"

  devices = {
    "made-by-aws" = { attributes = { bay = "1", model = "SH-2" } }
    "own-key"     = { csr_pem = %q, enabled = false }
    "own-cert"    = { certificate_pem = %q, attributes = {} }
    "gw-1"        = { gateway = {} }
    "gw-1:press"  = { attributes = { bay = "2" } }
  }
  edge = {}

  provisioning = {
    claim = { thing_name_prefix = "probe-", attributes = ["site", "model"], certificate_version = 3 }
    jitp  = { ca_certificate_pem = %q, thing_name_prefix = "own-" }
  }

  credentials = { store = "secretsmanager", path = "farm/devices" }
  stream      = { mode = "provisioned", shards = 2, retention_hours = 48 }
  processor = {
    batch_size             = 200
    batch_window_seconds   = 5
    parallelization_factor = 2
    memory_mb              = 512
    timeout_seconds        = 90
    max_retries            = 3
    max_record_age_seconds = 3600
  }
  telemetry    = { data_field = "values", time_field = "ts" }
  timestream   = { database = "farm", table = "soil", memory_retention_hours = 12, magnetic_retention_days = 30, layout = "single" }
  device_state = { ttl_days = 30, refresh_seconds = 30, point_in_time_recovery = false }
  recent       = { hours = 24 }
  metrics      = { window_seconds = 300, measures = ["temperature", "humidity"], keep_days = 90, export = true }
  archive      = { enabled = true, prefix = "raw/", measures = ["temperature", "Soil.Moisture"], buffer_seconds = 60, intelligent_tiering_after_days = 30, expire_after_days = 365 }

  alerts = {
    thresholds = { max_temperature = 50.5 }
    emails     = ["ops@example.com", "boss@example.com"]
    subscriptions = [
      { protocol = "sms", endpoint = "+4915112345678", severities = ["critical"] },
    ]
    rules = {
      dry = { when = "values.humidity < 35", severity = "warning", message = "Humidity $${values.humidity} on $${thing}", cooldown_seconds = 600, notify_resolved = true }
      hot = { when = "values.temperature > threshold.max_temperature", severity = "critical", command = jsonencode({ action = "enter_safe_mode" }) }
    }
  }

  monitoring = { silence_minutes = 15, notify_return = false, dashboard = true }
  api = {
    auth         = "jwt"
    jwt          = { issuer = "https://login.example.com", audiences = ["app"], read_scopes = ["read"], write_scopes = ["write"] }
    cors_origins = ["https://app.example.com"]
    throttle     = { rate = 20, burst = 40 }
    access_log_retention_days = 90
    memory_mb                 = 1024
  }

  routes = {
    copy = {
      sql         = "SELECT * FROM 'acme/farm/+/telemetry'"
      description = "Copies for the analysts"
      republish   = { topic = "analysts/$${topic(3)}", qos = 1 }
      sqs         = { queue_url = "https://sqs.us-east-1.amazonaws.com/123456789012/analysts", use_base64 = true }
    }
    quiet = {
      sql     = "SELECT temperature FROM 'acme/farm/+/telemetry' WHERE temperature > 90"
      enabled = false
      cloudwatch_metric = {
        metric_namespace = "farm", metric_name = "hot", metric_value = "1", metric_unit = "Count"
      }
    }
  }

  functions     = { architecture = "x86_64", log_retention_days = 7, log_level = "DEBUG", tracing = true }
  tags          = { cost-center = "4711" }
  force_destroy = true
  deep_check    = false
  timeouts      = { create = "20m", delete = "20m" }
`, request(t, "own-key"), certificate(t, "own-cert"), authority(t))
}

func TestEverythingSet(t *testing.T) {
	w := newLocalAWS(t)
	config := w.config(pipeline(complete(t)))
	w.run(
		resource.TestStep{
			Config: config,
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(address, at("timestream_table_arn"), knownvalue.NotNull()),
				statecheck.ExpectKnownValue(address, at("rule_arns"), knownvalue.MapSizeExact(8)),
				statecheck.ExpectKnownValue(address, at("function_arns"), knownvalue.MapSizeExact(7)),
				statecheck.ExpectKnownValue(address, at("registration", "claim_credentials"),
					knownvalue.StringExact("farm/devices-claim")),
				statecheck.ExpectKnownValue(address, at("registered_devices_count"), knownvalue.Int64Exact(0)),
				statecheck.ExpectKnownValue(address, at("identities", "own-key", "credentials"), knownvalue.NotNull()),
				statecheck.ExpectKnownValue(address, at("identities", "gw-1", "certificate_id"), knownvalue.NotNull()),
				statecheck.ExpectKnownValue(address, at("identities", "gw-1:press", "certificate_id"), knownvalue.Null()),
				statecheck.ExpectKnownValue(address, at("identities", "gw-1:press", "credentials"), knownvalue.Null()),
				statecheck.ExpectKnownValue(address, at("tags_all"),
					knownvalue.MapExact(map[string]knownvalue.Check{"cost-center": knownvalue.StringExact("4711")})),
			},
		},
		resource.TestStep{ // applying the same again writes nothing
			PreConfig:        w.mark,
			Config:           config,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
			Check:            w.wrote(),
		},
		resource.TestStep{
			Config:            config,
			ResourceName:      address,
			ImportState:       true,
			ImportStateId:     "complete@us-east-1",
			ImportStateVerify: true,
		},
	)
}
