package pipeline

import (
	"fmt"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	exampleSecret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:influx-AbCdEf"
	exampleSubnet = "subnet-0123456789abcdef0"
	exampleGroup  = "sg-0123456789abcdef0"
)

// inInflux changes a sound block.
func inInflux(change func(*InfluxDBSpec)) func(*Spec) {
	return func(s *Spec) {
		s.InfluxDB = &InfluxDBSpec{
			URL: ptr("https://influx.example.com:8086"), Organization: ptr("farm"), TokenSecretARN: ptr(exampleSecret),
		}
		change(s.InfluxDB)
	}
}

func inInfluxURL(text string) func(*Spec) { return inInflux(func(i *InfluxDBSpec) { i.URL = &text }) }

var influxDBMistakes = []mistake{
	{"no address", inInflux(func(i *InfluxDBSpec) { i.URL = nil }), "influxdb", []string{"Write either url"}},
	{"a host", inInfluxURL("influx.example.com"), "influxdb.url", []string{"https://host:port"}},
	{"another protocol", inInfluxURL("influx://h:8086"), "influxdb.url", []string{"https://host:port"}},
	{"a password", inInfluxURL("https://admin:hidden@h:8086"), "influxdb.url", []string{"token_secret_arn"}},
	{"a token", inInfluxURL("https://h:8086?token=hidden"), "influxdb.url", []string{"token_secret_arn"}},
	{"an invalid port", inInfluxURL("https://h:99999"), "influxdb.url", []string{`"99999"`, "1 to 65535"}},
	{"plain text across the internet", inInfluxURL("http://influx.example.com:8086"), "influxdb.url",
		[]string{"https", "influxdb.vpc"}},
	{"an unknown version", inInflux(func(i *InfluxDBSpec) { i.Version, i.Organization = ptr[int64](4), nil }),
		"influxdb.version", []string{"one of 1, 2, 3"}},
	{"version 2 without an organization", inInflux(func(i *InfluxDBSpec) { i.Organization = nil }),
		"influxdb.organization", []string{"InfluxDB 2 keeps buckets in organizations"}},
	{"an organization in version 1", inInflux(func(i *InfluxDBSpec) { i.Version = ptr[int64](1) }),
		"influxdb.organization", []string{"Only InfluxDB 2 has organizations"}},
	{"an empty organization", inInflux(func(i *InfluxDBSpec) { i.Organization = ptr("") }), "influxdb.organization",
		[]string{"1 to 64"}},
	{"a reserved bucket", inInflux(func(i *InfluxDBSpec) { i.Bucket = ptr("_tasks") }), "influxdb.bucket",
		[]string{"does not begin with _"}},
	{"two retention policies", inInflux(func(i *InfluxDBSpec) {
		i.Version, i.Organization, i.Bucket = ptr[int64](1), nil, ptr("a/b/c")
	}), "influxdb.bucket", []string{"one slash between them"}},
	{"a measurement with a comma", inInflux(func(i *InfluxDBSpec) { i.Measurement = ptr("a,b") }),
		"influxdb.measurement", []string{"begins with a letter"}},
	{"the name of a secret", inInflux(func(i *InfluxDBSpec) { i.TokenSecretARN = ptr("influx") }),
		"influxdb.token_secret_arn", []string{"the whole ARN"}},
	{"half of a secret's ARN", inInflux(func(i *InfluxDBSpec) { i.TokenSecretARN = ptr(strings.TrimSuffix(exampleSecret, "-AbCdEf")) }),
		"influxdb.token_secret_arn", []string{"six characters at the end"}},
	{"a secret of another region", inInflux(func(i *InfluxDBSpec) {
		i.TokenSecretARN = ptr(strings.Replace(exampleSecret, "eu-west-1", "us-east-1", 1))
	}), "influxdb.token_secret_arn", []string{`"us-east-1"`, "Replicate"}},
	{"an alias", inInflux(func(i *InfluxDBSpec) { i.KMSKeyID = ptr("alias/influx") }), "influxdb.kms_key_id",
		[]string{"alias"}},
	{"a key of no secret", inInflux(func(i *InfluxDBSpec) {
		i.KMSKeyID, i.TokenSecretARN = ptr("1b2c3d4e-0000-4000-8000-000000000001"), nil
	}), "influxdb.kms_key_id", []string{"there is none"}},
	{"no subnets", inInflux(func(i *InfluxDBSpec) { i.VPC = &VPCSpec{SecurityGroupIDs: []string{exampleGroup}} }),
		"influxdb.vpc.subnet_ids", []string{"1 to 16"}},
	{"no security groups", inInflux(func(i *InfluxDBSpec) { i.VPC = &VPCSpec{SubnetIDs: []string{exampleSubnet}} }),
		"influxdb.vpc.security_group_ids", []string{"1 to 5"}},
	{"a subnet's name", inInflux(func(i *InfluxDBSpec) {
		i.VPC = &VPCSpec{SubnetIDs: []string{"private-a"}, SecurityGroupIDs: []string{exampleGroup}}
	}), "influxdb.vpc.subnet_ids[0]", []string{`"subnet-0123456789abcdef0"`}},
}

// ownInflux changes a sound block with an instance of the pipeline's own.
func ownInflux(change func(*InfluxDBSpec)) func(*Spec) {
	return func(s *Spec) {
		s.InfluxDB = &InfluxDBSpec{
			Instance: &InfluxDBInstanceSpec{SubnetIDs: []string{exampleSubnet}, SecurityGroupIDs: []string{exampleGroup}},
			VPC:      &VPCSpec{SubnetIDs: []string{exampleSubnet}, SecurityGroupIDs: []string{exampleGroup}},
		}
		change(s.InfluxDB)
	}
}

var influxDBInstanceMistakes = []mistake{
	{"an address as well", ownInflux(func(i *InfluxDBSpec) { i.URL = ptr("https://h:8086") }), "influxdb",
		[]string{"either url"}},
	{"an instance with another version", ownInflux(func(i *InfluxDBSpec) { i.Version = ptr[int64](3) }),
		"influxdb.version", []string{"InfluxDB 2"}},
	{"an unknown type", ownInflux(func(i *InfluxDBSpec) { i.Instance.Type = ptr("db.influx.tiny") }),
		"influxdb.instance.type", []string{`"db.influx.medium"`}},
	{"little storage", ownInflux(func(i *InfluxDBSpec) { i.Instance.StorageGB = ptr[int64](10) }),
		"influxdb.instance.storage_gb", []string{"between 20 and 15360"}},
	{"fast storage that is small", ownInflux(func(i *InfluxDBSpec) { i.Instance.StorageType = ptr("InfluxIOIncludedT2") }),
		"influxdb.instance.storage_gb", []string{"at least 400 GB"}},
	{"a standby in the same subnet", ownInflux(func(i *InfluxDBSpec) {
		i.Instance.DeploymentType = ptr("WITH_MULTIAZ_STANDBY")
	}), "influxdb.instance.subnet_ids", []string{"two subnets"}},
	{"an instance without subnets", ownInflux(func(i *InfluxDBSpec) { i.Instance.SubnetIDs = nil }),
		"influxdb.instance.subnet_ids", []string{"1 to 16"}},
	{"an instance out of reach", ownInflux(func(i *InfluxDBSpec) { i.VPC = nil }), "influxdb.vpc",
		[]string{"publicly_accessible"}},
	{"a low port", ownInflux(func(i *InfluxDBSpec) { i.Instance.Port = ptr[int64](80) }), "influxdb.instance.port",
		[]string{"between 1024 and 65535"}},
	{"a name that no instance can have", func(s *Spec) {
		ownInflux(func(*InfluxDBSpec) {})(s)
		s.Name = "green--house"
	}, "name", []string{"two of them side by side"}},
}

// TestInfluxDBInstanceReachesTheProcessor: address and secret come from the record of the instance, and the role may
// read this secret only.
func TestInfluxDBInstanceReachesTheProcessor(t *testing.T) {
	own := edit(ownInflux(func(*InfluxDBSpec) {}))
	if problems := Validate(own, nil); len(problems) > 0 {
		t.Fatal(encode(problems))
	}
	parts := build(t, own)
	wants := resolve(t, parts)
	f, ok := wants["function/processor"].(spec.Function)
	if !ok || f.Environment["IOT_INFLUXDB_URL"] != instanceURL || f.Network == nil ||
		f.Environment["IOT_INFLUXDB_TOKEN_SECRET_ARN"] != exampleSecret ||
		f.Environment["IOT_INFLUXDB_ORGANIZATION"] != "greenhouse" {
		t.Errorf("processor %+v", f)
	}
	role, ok := wants["role/processor"].(spec.Role)
	if !ok || !strings.Contains(role.Inline[inlinePolicy],
		`{"Effect":"Allow","Action":["secretsmanager:GetSecretValue"],"Resource":["`+exampleSecret+`"]}`) {
		t.Errorf("role %+v", role)
	}
	named := resolve(t, build(t, edit(ownInflux(func(i *InfluxDBSpec) {
		i.TokenSecretARN = ptr(strings.Replace(exampleSecret, "influx", "token", 1))
	}))))
	if text := fmt.Sprintf("%+v", []any{named["function/processor"], named["role/processor"]}); strings.Contains(text,
		exampleSecret) {
		t.Errorf("the secret of the instance is used in place of the named one: %s", text)
	}
	out := OutputsOf(own, testEnv(), records(parts))
	if out.InfluxDBURL == nil || *out.InfluxDBURL != instanceURL {
		t.Errorf("influxdb_url is %v", out.InfluxDBURL)
	}
}

// TestInfluxDBErrorsHideCredentials: what somebody wrote into the address by mistake is not repeated.
func TestInfluxDBErrorsHideCredentials(t *testing.T) {
	for _, m := range influxDBMistakes {
		if text := encode(Validate(edit(m.change), nil)); strings.Contains(text, "hidden") {
			t.Errorf("%s: %s", m.why, text)
		}
	}
}

func TestInfluxDBAddresses(t *testing.T) {
	private := &VPCSpec{SubnetIDs: []string{exampleSubnet}, SecurityGroupIDs: []string{exampleGroup}}
	for _, c := range []struct {
		why, url string
		vpc      *VPCSpec
	}{
		{"below a path", "https://proxy.example.com/influx/", nil},
		{"this machine", "http://127.0.0.1:8428", nil},
		{"this machine by name", "http://localhost:8428", nil},
		{"this machine with IPv6", "http://[::1]:8428", nil},
		{"a private server", "http://10.0.0.1:8086", private},
	} {
		change := inInflux(func(i *InfluxDBSpec) { i.URL, i.VPC = &c.url, c.vpc })
		if problems := Validate(edit(change), nil); len(problems) > 0 {
			t.Errorf("%s: %s", c.why, encode(problems))
		}
	}
}

// TestInfluxDBReachesTheProcessor: environment, network and rights, and nothing of it without the block.
func TestInfluxDBReachesTheProcessor(t *testing.T) {
	processor := func(s Spec) spec.Function {
		f, ok := resolve(t, build(t, s))["function/processor"].(spec.Function)
		if !ok {
			t.Fatal("there is no processor")
		}
		return f
	}
	without := processor(Spec{Name: "greenhouse"})
	for name := range without.Environment {
		if strings.HasPrefix(name, "IOT_INFLUXDB") {
			t.Errorf("without InfluxDB, the processor has %s", name)
		}
	}
	if without.Network != nil {
		t.Errorf("without InfluxDB, the processor is in %v", without.Network)
	}
	with := processor(edit(inInflux(func(i *InfluxDBSpec) { i.Version, i.Organization = ptr[int64](1), nil })))
	for name, want := range map[string]string{
		"IOT_INFLUXDB_URL": "https://influx.example.com:8086", "IOT_INFLUXDB_VERSION": "1",
		"IOT_INFLUXDB_BUCKET": "greenhouse", "IOT_INFLUXDB_MEASUREMENT": "telemetry",
		"IOT_INFLUXDB_TOKEN_SECRET_ARN": exampleSecret, "IOT_INFLUXDB_ORGANIZATION": "",
	} {
		if got := with.Environment[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
