package terraform

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/faultproxy"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

// describeWhole describes a pipeline with every kind of part; the version changes something in each.
func (d *workdir) describeWhole(version int) {
	d.describe(fmt.Sprintf(`
  name          = "sweep"
  force_destroy = true
  devices = {
    changed  = { attributes = { v = "%[1]d" } }
    disabled = { enabled = %[2]t }
    in%[1]d  = {}
  }
  credentials  = { certificate_version = %[1]d }
  timestream   = { memory_retention_hours = %[3]d }
  recent       = { hours = %[5]d }
  metrics      = { window_seconds = %[4]d }
  archive      = { expire_after_days = %[4]d, measures = ["m%[1]d"], scan_limit_gb = %[1]d, buffer_seconds = %[4]d }
  stream       = { retention_hours = %[5]d }
  device_state = { point_in_time_recovery = %[2]t }
  processor    = { batch_size = %[6]d }
  alerts = {
    emails = ["ops%[1]d@example.com"]
    rules  = { dry = { when = "data.humidity < %[4]d" } }
  }
  routes = {
    r%[1]d = { sql = "SELECT * FROM 'sweep/+/telemetry'", republish = { topic = "copy/$${topic(2)}" } }
  }
  api = {
    auth     = "jwt"
    jwt      = { issuer = "https://login.example.com", audiences = ["app%[1]d"], write_scopes = ["write%[1]d"] }
    throttle = { burst = %[6]d }
  }
  provisioning = {
    claim = { thing_name_prefix = "p%[1]d-", attributes = ["model%[1]d"], certificate_version = %[1]d }
    jitp  = { ca_certificate_pem = file("factory%[1]d.pem") }
  }
  tags = { version = "%[1]d" }
`, version, version == 1, 6*version, 30*version, 24*version, 100*version))
	d.Write(fmt.Sprintf("factory%d.pem", version), factories[version]())
}

// factories are the certificates of the authorities that certify devices in the factory, one for each version.
var factories = map[int]func() string{1: sync.OnceValue(newAuthority), 2: sync.OnceValue(newAuthority)}

func newAuthority() string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // no randomness in the system
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "factory"},
		NotBefore: time.Now().
			Add(-time.Hour),
		NotAfter: time.Now().AddDate(1, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// seed chooses what a run tries: another sample each day, unless IOT_FAULT_SEED says which.
func seed(t *testing.T) *mathrand.Rand {
	t.Helper()
	text := os.Getenv("IOT_FAULT_SEED")
	if text == "" {
		text = time.Now().UTC().Format("20060102")
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("IOT_FAULT_SEED: %v", err)
	}
	t.Logf("to try the same again: IOT_FAULT_SEED=%d", n)
	return mathrand.New(mathrand.NewPCG(n, uint64(len(t.Name()))))
}

// lives is how many pipelines a test leads through create, update and delete.
func lives() int {
	if os.Getenv("IOT_FAULTS") == "full" {
		return 12
	}
	return 1
}

// stage is one command of a life. Requests is how many requests it sends, about; a fault is chosen among them.
type stage struct {
	name     string
	requests int
	prepare  func(*workdir)
	run      func(*workdir) tftest.Result
}

var stages = []stage{
	{"create", 167, func(d *workdir) { d.describeWhole(1) }, (*workdir).apply},
	{"update", 298, func(d *workdir) { d.describeWhole(2) }, (*workdir).apply},
	{"delete", 257, func(*workdir) {}, (*workdir).destroy},
}

// live leads a pipeline from create to delete. Each command meets the fault that inject plans, is followed by one of
// the recoveries that the guide names, and must then be complete.
func (d *workdir) live(random *mathrand.Rand, inject func(s stage) (what string)) {
	d.T.Helper()
	for _, s := range stages {
		s.prepare(d)
		d.proxy.Clear()
		what := s.name + ", " + inject(s)
		r := s.run(d)
		n := len(d.proxy.Requests())
		d.proxy.Clear()
		if strings.Contains(r.Output, "unknown value") || strings.Contains(r.Output, "bug in the provider") {
			d.T.Errorf("%s:\n%s", what, r.Output)
		}
		recovery := "none"
		if r.Code != 0 {
			if s.name == "create" {
				d.claim(what, r)
			}
			way := recoveries[s.name][random.IntN(len(recoveries[s.name]))]
			recovery = way.name
			way.do(d, what+": "+way.name, s)
		}
		d.T.Logf("%s: exit code %d after %d requests and %s, recovery: %s", what, r.Code, n,
			r.Took.Round(100*time.Millisecond), recovery)
		if s.name == "delete" {
			d.empty(what)
			continue
		}
		d.unchanged(what)
	}
}

// claim brings a pipeline whose create failed back into the state, if it is not there.
func (d *workdir) claim(what string, failed tftest.Result) {
	d.T.Helper()
	if failed.Says("terraform untaint") {
		return
	}
	again := d.apply()
	if again.Code == 0 {
		return
	}
	if !again.Says("terraform import 'iot_pipeline.<LABEL>' 'sweep@us-east-1'") {
		d.T.Fatalf("%s: doing it again fails and does not say how to go on:\n%s", what, again.Output)
	}
	d.must(what+": import", d.terraform("import", "iot_pipeline.test", "sweep@us-east-1"))
}

// recovery is a way on after a command that failed. It ends with what the command should have led to.
type recovery struct {
	name string
	do   func(d *workdir, what string, s stage)
}

// recoveries are what templates/guides/failures-and-recovery.md and the messages offer.
var recoveries = map[string][]recovery{
	"create": {
		{"going on in place", func(d *workdir, what string, s stage) {
			d.terraform("untaint", "iot_pipeline.test") // an imported one is not tainted
			d.must(what, s.run(d))
		}},
		{"starting again", func(d *workdir, what string, s stage) { d.must(what, s.run(d)) }},
		{"giving up", (*workdir).giveUp},
	},
	"update": {
		{"going on", func(d *workdir, what string, s stage) { d.must(what, s.run(d)) }},
		{"taking it back", func(d *workdir, what string, s stage) {
			d.describeWhole(1)
			d.must(what, s.run(d))
			d.unchanged(what)
			s.prepare(d)
			d.must(what+", and doing it after all", s.run(d))
		}},
		{"giving up", (*workdir).giveUp},
	},
	"delete": {{"going on", func(d *workdir, what string, s stage) { d.must(what, s.run(d)) }}},
}

// giveUp destroys what there is, and creates the pipeline again once nothing is left.
func (d *workdir) giveUp(what string, s stage) {
	d.T.Helper()
	d.must(what, d.destroy())
	d.empty(what)
	d.must(what+", and making it again", s.run(d))
}

// The provider process is killed while a request is under way.
func TestKilledProvider(t *testing.T) {
	w := newAWS(t)
	random := seed(t)
	for range lives() {
		d := newWorkdir(t, w)
		d.live(random, func(s stage) string {
			k, kind := 1+random.IntN(
				s.requests,
			), []faultproxy.Kind{faultproxy.DropBefore, faultproxy.DropAfter}[random.IntN(2)]
			d.proxy.Inject(faultproxy.Fault{Kind: kind, Match: func(r faultproxy.Request) bool {
				if r.N == k {
					d.killProviders()
				}
				return r.N >= k
			}})
			return fmt.Sprintf("provider killed at request %d, %s", k, kind)
		})
	}
}

// Any request fails in any way, with the provider's own retries off.
func TestFaults(t *testing.T) {
	w := newAWS(t)
	random := seed(t)
	kinds := []faultproxy.Kind{
		faultproxy.Throttle,
		faultproxy.Unavailable,
		faultproxy.Broken,
		faultproxy.AccessDenied,
		faultproxy.Expired,
		faultproxy.DropBefore,
		faultproxy.DropAfter,
	}
	for range lives() {
		d := newWorkdir(t, w)
		d.live(random, func(s stage) string {
			k, kind := 1+random.IntN(s.requests), kinds[random.IntN(len(kinds))]
			d.proxy.Inject(faultproxy.Fault{Kind: kind, Match: faultproxy.Nth(k), Times: 1})
			return fmt.Sprintf("%s at request %d", kind, k)
		})
	}
}
