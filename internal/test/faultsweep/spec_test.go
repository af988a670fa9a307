package faultsweep

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// queued is the version that has a queue in place of the stream, and little else.
const queued = 3

// sweepSpec is the pipeline that the sweep leads through its life: every kind of part is in it, and version 2 changes
// something in each that version 1 has. A new kind of part belongs here, with an argument that differs between the
// versions, and its listing into leftovers_test.go.
func sweepSpec(version int) pipeline.Spec {
	if version == queued {
		return modeSpec(pipeline.StreamQueue, false)
	}
	s := pipeline.Spec{
		Name: "sweep",
		Devices: map[string]pipeline.DeviceSpec{
			"changed":                     {Attributes: map[string]string{"v": fmt.Sprint(version)}},
			"gw":                          {Gateway: &pipeline.GatewaySpec{}},
			"gw:changed":                  {Attributes: map[string]string{"v": fmt.Sprint(version)}},
			fmt.Sprintf("gw:%d", version): {},
			"disabled":                    {Enabled: aws.Bool(version == 1)},
			fmt.Sprintf("in%d", version):  {Gateway: &pipeline.GatewaySpec{}},
		},
		Credentials: &pipeline.CredentialsSpec{
			Store:             aws.String(contract.CredentialsInBucket),
			AllowedPrincipals: []string{fmt.Sprintf("arn:aws:iam::*:role/deploy%d", version)},
			// Version 2 rotates the certificates of the devices of version 1.
			CertificateVersion: aws.Int64(int64(version)),
		},
		Stream:     &pipeline.StreamSpec{RetentionHours: aws.Int64(int64(24 * version))},
		Timestream: &pipeline.TimestreamSpec{MemoryRetentionHours: aws.Int64(int64(6 * version))},
		InfluxDB: &pipeline.InfluxDBSpec{
			Instance: &pipeline.InfluxDBInstanceSpec{
				StorageGB: aws.Int64(int64(20 * version)),
				SubnetIDs: []string{"subnet-0123456789abcdef0"}, SecurityGroupIDs: []string{"sg-0123456789abcdef0"},
			},
			VPC: &pipeline.VPCSpec{
				SubnetIDs: []string{"subnet-0123456789abcdef0"}, SecurityGroupIDs: []string{"sg-0123456789abcdef0"},
			},
		},
		DeviceState: &pipeline.DeviceStateSpec{PointInTimeRecovery: aws.Bool(version == 1)},
		Recent:      &pipeline.RecentSpec{Hours: aws.Int64(int64(24 * version))},
		Metrics:     &pipeline.MetricsSpec{WindowSeconds: aws.Int64(int64(60 * version))},
		Archive: &pipeline.ArchiveSpec{
			ExpireAfterDays: aws.Int64(int64(30 * version)),
			Format:          aws.String([]string{"", pipeline.FormatParquet, pipeline.FormatJSON}[version]),
			BufferSeconds:   aws.Int64(int64(60 * version)),
			Measures:        []string{fmt.Sprintf("humidity%d", version)},
			ScanLimitGB:     aws.Int64(int64(version)),
		},
		Processor: &pipeline.ProcessorSpec{
			BatchSize: aws.Int64(int64(100 * version)),
			MemoryMB:  aws.Int64(int64(256 * version)),
		},
		Alerts: &pipeline.AlertsSpec{
			Evaluate: aws.String([]string{"", pipeline.EvaluateByRule, pipeline.EvaluateInStream}[version]),
			Emails:   []string{fmt.Sprintf("ops%d@example.com", version)},
			Rules:    map[string]pipeline.AlertRuleSpec{"dry": {When: fmt.Sprintf("data.humidity < %d", 30+version)}},
		},
		Monitoring: &pipeline.MonitoringSpec{
			SilenceMinutes: aws.Int64(int64(10 * version)), Alarms: sweepAlarms(version),
		},
		API: &pipeline.APISpec{
			Auth: aws.String(pipeline.AuthJWT),
			JWT: &pipeline.JWTSpec{Issuer: aws.String("https://login.example.com"),
				Audiences: []string{fmt.Sprintf("app%d", version)}},
			CORSOrigins:            []string{fmt.Sprintf("https://app%d.example.com", version)},
			Throttle:               &pipeline.ThrottleSpec{Rate: aws.Int64(int64(10 * version))},
			AccessLogRetentionDays: aws.Int64([]int64{0, 30, 60}[version]),
		},
		Edge: &pipeline.EdgeSpec{Unmatched: &pipeline.EdgeUnmatched.Values[version-1], Greengrass: &pipeline.GreengrassSpec{
			Artifacts: map[string]string{"arm64": fmt.Sprintf("iot-edge-%d.zip", version)},
			Rollback:  aws.Bool(version == 1),
		}},
		Routes: map[string]pipeline.RouteSpec{
			fmt.Sprintf("r%d", version): {
				SQL:       "SELECT * FROM 'sweep/+/telemetry'",
				Republish: &pipeline.RepublishRoute{Topic: "copy/${topic(2)}"},
			},
		},
		Provisioning: &pipeline.ProvisioningSpec{
			Claim: &pipeline.ClaimSpec{
				ThingNamePrefix:    aws.String(fmt.Sprintf("p%d-", version)),
				Attributes:         []string{fmt.Sprintf("model%d", version)},
				CertificateVersion: aws.Int64(int64(version)),
			},
			JITP: &pipeline.JITPSpec{CACertificatePEM: factories[version]()},
		},
		ForceDestroy: aws.Bool(true),
		Tags:         map[string]string{"version": fmt.Sprint(version)},
	}
	return s
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

// sweepAlarms leaves a few of the alarms on, which are all made alike: one that changes, and one for each rule.
func sweepAlarms(version int) *pipeline.AlarmsSpec {
	off := &pipeline.AlarmSpec{Enabled: aws.Bool(false)}
	return &pipeline.AlarmsSpec{
		DeadLetters:     &pipeline.AlarmSpec{Threshold: aws.Int64(int64(version))},
		ProcessorErrors: off, ProcessorThrottles: off, RecordsHandedBack: off, IteratorAge: off, DeadLetterAge: off,
		StreamThrottles: off, TableThrottles: off, ArchiveDelay: off, ArchiveFailures: off, AlertErrors: off, WatchErrors: off,
		FailedBatches:     &pipeline.AlarmSpec{Enabled: aws.Bool(version == 2)},
		CertificateExpiry: off,
		APIErrors:         off,
	}
}
