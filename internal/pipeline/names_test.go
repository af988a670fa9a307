package pipeline

import (
	"regexp"
	"strings"
	"testing"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// What AWS allows the objects to be called [AWS 1.3, 6.1; IAM, Lambda, SQS, S3, DynamoDB and SNS references].
var legalNames = map[string]*regexp.Regexp{
	spec.KindParameter:          regexp.MustCompile(`^/[a-zA-Z0-9_./-]{1,1000}$`),
	spec.KindThingGroup:         regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`),
	spec.KindThingType:          regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`),
	spec.KindIoTPolicy:          regexp.MustCompile(`^[\w+=,.@-]{1,128}$`),
	spec.KindTopicRule:          regexp.MustCompile(`^[a-zA-Z0-9_]{1,128}$`),
	spec.KindStream:             regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,128}$`),
	spec.KindTimestreamDatabase: regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,256}$`),
	spec.KindInfluxDBInstance:   regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$`), // 3 to 40 characters
	spec.KindTable:              regexp.MustCompile(`^[a-zA-Z0-9_.-]{3,255}$`),
	spec.KindBucket:             regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`),
	spec.KindTopic:              regexp.MustCompile(`^[a-zA-Z0-9_-]{1,256}$`),
	spec.KindQueue:              regexp.MustCompile(`^[a-zA-Z0-9_-]{1,80}$`),
	spec.KindRole:               regexp.MustCompile(`^[\w+=,.@-]{1,64}$`),
	spec.KindLogGroup:           regexp.MustCompile(`^[a-zA-Z0-9_./#-]{1,512}$`),
	spec.KindFunction:           regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`),
	spec.KindTemplate:           regexp.MustCompile(`^[0-9A-Za-z_-]{1,36}$`),
	spec.KindCACertificate:      regexp.MustCompile(`^[0-9a-f]{64}$`),
	spec.KindLogStream:          regexp.MustCompile(`^[a-zA-Z0-9_./#-]{1,512}\|[^:*]{1,512}$`),
	spec.KindDeliveryStream:     regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`),
	spec.KindGlueDatabase:       regexp.MustCompile(`^[a-z0-9_]{1,252}$`),
	spec.KindGlueTable:          regexp.MustCompile(`^[a-z0-9_]{1,252}\|[a-z0-9_]{1,255}$`),
	spec.KindWorkgroup:          regexp.MustCompile(`^[a-zA-Z0-9._-]{1,128}$`),
	spec.KindNamedQuery:         regexp.MustCompile(`^[a-zA-Z0-9._-]{1,128}\|[^|]{1,128}$`),
	spec.KindClaimCertificate:   regexp.MustCompile(`^/[a-zA-Z0-9_./-]{1,1000}$`),
	spec.KindMetricAlarm:        regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,255}$`),
	spec.KindDashboard:          regexp.MustCompile(`^[0-9a-zA-Z_-]{1,255}$`),
	spec.KindHTTPAPI:            regexp.MustCompile(`^.{1,128}$`),
	spec.KindHTTPAPIStage:       regexp.MustCompile(`^.{1,128}\|(\$default|[a-zA-Z0-9_-]{1,128})$`),
	spec.KindScheduleGroup:      regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,64}$`),
	spec.KindRoleAlias:          regexp.MustCompile(`^[\w=,@-]{1,128}$`),
	spec.KindGroupMembers:       regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`),
	spec.KindComponent:          regexp.MustCompile(`^[a-zA-Z0-9-_.]{1,128}$`),
	spec.KindDeployment:         regexp.MustCompile(`^[a-zA-Z0-9:_-]{1,128}$`),
	spec.KindSchedule:           regexp.MustCompile(`^[0-9a-zA-Z_.-]{1,64}\|[0-9a-zA-Z_.-]{1,64}$`),
}

func TestNamesAreLegal(t *testing.T) {
	routes := map[string]RouteSpec{
		"r" + strings.Repeat("x", MaxRouteKey-1): {SQL: "SELECT * FROM 'a'"},
		"r" + strings.Repeat("x", MaxRouteKey-2): {SQL: "SELECT * FROM 'a'"},
	}
	for _, name := range []string{"abc", "a-b", "a" + strings.Repeat("-b", 15) + "c"} {
		for _, region := range []string{"us-east-1", "ap-northeast-1", "us-gov-west-1"} {
			env := testEnv()
			env.Region = region
			parts, err := Build(
				Spec{
					Name:         name,
					Timestream:   &TimestreamSpec{},
					Recent:       &RecentSpec{},
					Metrics:      &MetricsSpec{},
					InfluxDB:     &InfluxDBSpec{Instance: &InfluxDBInstanceSpec{}},
					Alerts:       &AlertsSpec{Rules: rulesOf("a > 1")},
					Monitoring:   &MonitoringSpec{},
					API:          &APISpec{},
					Routes:       routes,
					Edge:         &EdgeSpec{Greengrass: &GreengrassSpec{}},
					Archive:      &ArchiveSpec{Measures: []string{"temperature"}},
					Provisioning: &ProvisioningSpec{Claim: &ClaimSpec{}, JITP: &JITPSpec{}},
				},
				env,
			)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[string]string{}
			for _, p := range parts {
				if legal := legalNames[p.Kind]; legal != nil && !legal.MatchString(p.Name) {
					t.Errorf("%s in %s: %s is called %s, which AWS refuses", name, region, p.Key, p.Name)
				}
				if other, twice := seen[p.Kind+p.Name]; twice {
					t.Errorf("%s in %s: %s and %s are both called %s", name, region, other, p.Key, p.Name)
				}
				seen[p.Kind+p.Name] = p.Key
			}
		}
	}
}

func TestShorten(t *testing.T) {
	long := strings.Repeat("a", 70)
	for _, tc := range []struct{ why, in, want string }{
		{"what fits stays", "short", "short"},
		{"just fits", long[:64], long[:64]},
		{"the rest becomes a hash", long, long[:55] + "-" + shortHash(long)},
	} {
		if got := shorten(tc.in, 64); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.why, got, tc.want)
		}
	}
}

// TestWild: a pattern covers whatever a template may become, and nothing less.
func TestWild(t *testing.T) {
	for _, tc := range []struct{ why, in, want string }{
		{"no template", "stream", "stream"},
		{"one", "by/${topic(2)}.json", "by/*.json"},
		{"two", "${a}-${b}", "*-*"},
		{"braces in an object literal", "${get({'a': 1}, 'a')}/x", "*/x"},
		{"a brace in a string", `${replace(a, "}", '{')}/x`, "*/x"},
		{"never closed", "a${topic(", "a*"},
	} {
		if got := wild(tc.in); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.why, got, tc.want)
		}
	}
}

func TestQueueARN(t *testing.T) {
	b := newBuilder(Spec{Name: "min"}, testEnv())
	for _, tc := range []struct{ why, url, want string }{
		{"of AWS", "https://sqs.us-east-1.amazonaws.com/210987654321/q", "arn:aws:sqs:us-east-1:210987654321:q"},
		{"of an emulator", "http://127.0.0.1:5000/123456789012/q", "arn:aws:sqs:eu-west-1:123456789012:q"},
		{"with a template", "https://sqs.eu-west-1.amazonaws.com/123456789012/${topic(2)}",
			"arn:aws:sqs:eu-west-1:123456789012:*"},
		{"nothing known", "${queue}", "arn:aws:sqs:eu-west-1:123456789012:*"},
	} {
		if got := b.arn.queueAt(tc.url); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.why, got, tc.want)
		}
	}
}
