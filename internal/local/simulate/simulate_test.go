package simulate

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

var midnight = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

func TestClimateHasADay(t *testing.T) {
	c := newClimate(1, midnight)
	var night, noon, wettest, driest reading
	driest.SoilMoisture = 100
	for minute := range 24 * 60 * 3 {
		r := c.at(midnight.Add(time.Duration(minute) * time.Minute))
		switch minute {
		case 2 * 60:
			night = r
		case 14 * 60:
			noon = r
		}
		if r.SoilMoisture > wettest.SoilMoisture {
			wettest = r
		}
		if r.SoilMoisture < driest.SoilMoisture {
			driest = r
		}
		if r.Humidity < 5 || r.Humidity > 100 || r.Battery < 0 || r.Battery > 100 || r.Temperature < 5 ||
			r.Temperature > 45 {
			t.Fatalf("minute %d: impossible reading %+v", minute, r)
		}
	}
	if noon.Temperature-night.Temperature < 8 || noon.Humidity >= night.Humidity {
		t.Errorf("night %+v, noon %+v: want a warmer and drier noon", night, noon)
	}
	if wettest.SoilMoisture < 70 || driest.SoilMoisture > 30 {
		t.Errorf(
			"moisture between %v and %v: want soil that dries and is watered",
			driest.SoilMoisture,
			wettest.SoilMoisture,
		)
	}
}

func TestSameDeviceSameClimate(t *testing.T) {
	a, b, other := newClimate(7, midnight), newClimate(7, midnight), newClimate(8, midnight)
	now := midnight.Add(time.Hour)
	first := a.at(now)
	if diff := cmp.Diff(first, b.at(now)); diff != "" {
		t.Error(diff)
	}
	if first == other.at(now) {
		t.Error("two devices see the same")
	}
}

func TestFaults(t *testing.T) {
	c := newClimate(1, midnight)
	broken, jumps, missing := 0, 0, 0
	for i := range 300 {
		var m struct {
			DeviceID  string
			Timestamp int64
			Data      map[string]float64
		}
		text, err := c.message(Encoding{}, "soil-001", midnight.Add(time.Duration(i)*time.Second), 1)
		if err != nil {
			t.Fatal(err)
		}
		if json.Unmarshal(text, &m) != nil {
			broken++
			continue
		}
		if m.Data["temperature"] == faultTemperature {
			jumps++
		}
		if _, ok := m.Data["humidity"]; !ok {
			missing++
		}
	}
	if broken+jumps+missing != 300 || min(broken, jumps, missing) < 50 {
		t.Errorf("got %d broken, %d jumps, %d missing", broken, jumps, missing)
	}
	text, err := c.message(Encoding{}, "soil-001", midnight, 0)
	if err != nil || !strings.Contains(string(text), `"deviceId":"soil-001"`) || !json.Valid(text) {
		t.Errorf("without faults: %s, %v", text, err)
	}
}

func TestObey(t *testing.T) {
	d := &device{climate: newClimate(1, midnight)}
	d.climate.moisture = 30
	for _, c := range []struct {
		order    string
		interval time.Duration
		safe     bool
	}{
		{`{"action":"update_interval","interval_seconds":60}`, time.Minute, false},
		{`{"action":"update_interval","interval":0.5}`, 500 * time.Millisecond, false},
		{`{"action":"update_interval","interval_seconds":0.00001}`, minInterval, false},
		{`{"action":"update_interval"}`, 5 * time.Second, false},
		{`{"action":"enter_safe_mode"}`, 5 * time.Second, true},
		{`{"action":"irrigate"}`, 5 * time.Second, false},
		{`{"action":"dance"}`, 5 * time.Second, false},
	} {
		var order command
		if err := json.Unmarshal([]byte(c.order), &order); err != nil {
			t.Fatal(err)
		}
		if interval, safe, _, _ := d.obey(order, 5*time.Second, false); interval != c.interval || safe != c.safe {
			t.Errorf("%s: got %v, %v; want %v, %v", c.order, interval, safe, c.interval, c.safe)
		}
	}
	if d.climate.moisture != wateredTo {
		t.Error("irrigate did not water the soil")
	}
}

func TestBundles(t *testing.T) {
	c := awsapi.NewLocal(mototest.Start(t).Config(t))
	text := func(thing, key string) string {
		return fmt.Sprintf(
			`{"thing":%q,"certificate_pem":"PEM","private_key":%q,"endpoint":"e","topics":{"telemetry":"gh/%s/telemetry"}}`,
			thing,
			key,
			thing,
		)
	}
	if _, err := c.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("bundles")}); err != nil {
		t.Fatal(err)
	}
	for _, thing := range []string{"b", "a"} {
		if _, err := c.S3().PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bundles"),
			Key: aws.String("p/devices/" + thing), Body: strings.NewReader(text(thing, "secret"))}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.SSM().PutParameter(t.Context(),
			&ssm.PutParameterInput{Name: aws.String("/p/devices/" + thing), Type: "SecureString",
				Value: aws.String(text(thing, "secret"))}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.SecretsManager().CreateSecret(t.Context(),
			&secretsmanager.CreateSecretInput{Name: aws.String("/p/devices/" + thing),
				SecretString: aws.String(text(thing, "secret"))}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.SSM().PutParameter(t.Context(),
		&ssm.PutParameterInput{Name: aws.String("/p/devices/csr"), Type: "SecureString",
			Value: aws.String(text("csr", ""))}); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*local.Manifest{{CredentialsPath: "/p/devices"},
		{CredentialsPath: "/p/devices", CredentialsStore: contract.SecretsManager},
		{CredentialsPath: "/p/devices", CredentialsStore: contract.CredentialsInBucket,
			Parts: map[string]string{contract.KeyCredentialsBucket: "bundles"}}} {
		bundles, keyless, err := Bundles(t.Context(), c, m)
		if err != nil {
			t.Fatal(err)
		}
		if len(bundles) != 2 || bundles[0].Thing != "a" || bundles[1].Topics.Telemetry != "gh/b/telemetry" {
			t.Errorf("got %v", bundles)
		}
		if m.CredentialsStore == "" && len(keyless) != 1 {
			t.Errorf("keyless devices: got %v, want csr", keyless)
		}
		if printed := fmt.Sprintf("%v %+v", bundles, bundles[0]); strings.Contains(printed, "secret") {
			t.Error("a private key was printed")
		}
	}
}

func TestReadClaim(t *testing.T) {
	c := awsapi.NewLocal(mototest.Start(t).Config(t))
	const text = `{"certificate_pem":"PEM","private_key":"secret","certificate_id":"i","certificate_arn":"a","endpoint":"e","template":"gh"}`
	if _, err := c.SSM().PutParameter(t.Context(),
		&ssm.PutParameterInput{Name: aws.String("/p/devices-claim"), Type: "SecureString",
			Value: aws.String(text)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SecretsManager().CreateSecret(t.Context(),
		&secretsmanager.CreateSecretInput{Name: aws.String("/p/devices-claim"),
			SecretString: aws.String(text)}); err != nil {
		t.Fatal(err)
	}
	part := map[string]string{"provisioning/claim": "/p/devices-claim"}
	for _, m := range []*local.Manifest{{Parts: part}, {Parts: part, CredentialsStore: contract.SecretsManager},
		{Parts: part, CredentialsStore: contract.CredentialsInBucket},
		{CredentialsPath: "/p/devices"}} {
		claim, err := ReadClaim(t.Context(), c, m)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Claim{CertificatePEM: "PEM", PrivateKey: "secret", Endpoint: "e", Template: "gh"}); claim != want {
			t.Error("the bundle was read otherwise")
		}
		if printed := fmt.Sprintf("%v %+v %#v", claim, claim, claim); strings.Contains(printed, "secret") {
			t.Error("a private key was printed")
		}
	}
	for _, store := range []string{contract.ParameterStore, contract.SecretsManager} {
		if _, err := ReadClaim(t.Context(), c, &local.Manifest{CredentialsPath: "/q/devices",
			CredentialsStore: store}); err == nil ||
			!strings.Contains(err.Error(), `"/q/devices-claim": there is none`) {
			t.Errorf("got error %v", err)
		}
	}
}

// By Basic Ingest, a device publishes below the topic that its policy allows.
func TestBasicIngest(t *testing.T) {
	d := device{bundle: contract.Bundle{Topics: contract.Topics{Telemetry: "farm/soil-001/telemetry"}}}
	for rule, want := range map[string]string{"": "farm/soil-001/telemetry",
		"farm_telemetry": "$aws/rules/farm_telemetry/farm/soil-001/telemetry"} {
		d.options.Rule = rule
		if got := d.telemetryTopic(); got != want {
			t.Errorf("rule %q: %s, want %s", rule, got, want)
		}
	}
}
