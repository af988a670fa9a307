package pipeline

import (
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// InfluxDBVersions are the versions of InfluxDB's API. VictoriaMetrics has those of versions 1 and 2.
var InfluxDBVersions = Limit{Values: []int64{1, 2, 3}, Default: value(2), Source: "InfluxDB"}

// DefaultInfluxDBMeasurement is the measurement of all readings; the bucket is called as the pipeline.
const DefaultInfluxDBMeasurement = "telemetry"

// InfluxDBSpec is the InfluxDB that the processor writes readings to.
type InfluxDBSpec struct {
	URL            *string               `json:"url,omitzero"`
	Instance       *InfluxDBInstanceSpec `json:"instance,omitzero"` // in place of URL
	Version        *int64                `json:"version,omitzero"`
	Organization   *string               `json:"organization,omitzero"`
	Bucket         *string               `json:"bucket,omitzero"`
	Measurement    *string               `json:"measurement,omitzero"`
	TokenSecretARN *string               `json:"token_secret_arn,omitzero"`
	KMSKeyID       *string               `json:"kms_key_id,omitzero"` // of the secret
	VPC            *VPCSpec              `json:"vpc,omitzero"`
}

// VPCSpec is where the processor reaches private addresses from.
type VPCSpec struct {
	SubnetIDs        []string `json:"subnet_ids,omitzero"`
	SecurityGroupIDs []string `json:"security_group_ids,omitzero"`
}

// influxDB stores telemetry as time series in InfluxDB. It exists when its block is written.
func influxDB() capability {
	return capability{
		shapes: []shape{{arguments: []string{"influxdb", "influxdb.instance", "influxdb.token_secret_arn"}, parts: true,
			outputs: []string{"influxdb_url"}},
			{arguments: []string{"influxdb.url"}, outputs: []string{"influxdb_url"}}},
		defaults: func(s *Spec) {
			if s.InfluxDB == nil {
				return
			}
			i := block(s.InfluxDB)
			i.Version = InfluxDBVersions.Or(i.Version)
			i.Bucket = or(i.Bucket, s.Name)
			i.Measurement = or(i.Measurement, DefaultInfluxDBMeasurement)
			if i.Instance != nil {
				i.Organization = or(i.Organization, s.Name)
				i.Instance = i.Instance.defaults()
			}
			s.InfluxDB = i
		},
		check: func(c *checker, s Spec) { c.checkInfluxDB(s) },
		parts: func(b *builder) []assembly.Part {
			if !b.hasInfluxDBInstance() {
				return nil
			}
			return []assembly.Part{b.influxDBInstance()}
		},
		resources: func(b *builder) map[needs.Resource]string {
			i := b.config.InfluxDB
			if i == nil {
				return nil
			}
			r := map[needs.Resource]string{needs.InfluxDBSecret: deref(i.TokenSecretARN)}
			if i.VPC != nil {
				r[needs.Network] = "*"
			}
			return r
		},
		outputs: func(b *builder, recorded assembly.Upstream, out *Outputs) {
			if url := recorded[KeyInfluxDBInstance].Outputs[spec.InfluxDBURLOutput]; b.hasInfluxDBInstance() {
				if url != "" {
					out.InfluxDBURL = &url
				}
			} else if i := b.config.InfluxDB; i != nil {
				out.InfluxDBURL = i.URL
			}
		},
	}
}

// influxDBEnvironment is what the processor needs to know of InfluxDB; an empty value is left out.
func (b *builder) influxDBEnvironment() map[string]string {
	i := b.config.InfluxDB
	if i == nil {
		return nil
	}
	return map[string]string{
		contract.EnvInfluxDBURL:            deref(i.URL),
		contract.EnvInfluxDBVersion:        itoa(int(*i.Version)),
		contract.EnvInfluxDBOrganization:   deref(i.Organization),
		contract.EnvInfluxDBBucket:         *i.Bucket,
		contract.EnvInfluxDBMeasurement:    *i.Measurement,
		contract.EnvInfluxDBTokenSecretARN: deref(i.TokenSecretARN),
	}
}

// processorNetwork is the network that the processor runs in; nil: none of the user's own.
func (b *builder) processorNetwork() *spec.FunctionNetwork {
	i := b.config.InfluxDB
	if i == nil || i.VPC == nil {
		return nil
	}
	return &spec.FunctionNetwork{
		SubnetIDs:        slices.Sorted(slices.Values(i.VPC.SubnetIDs)),
		SecurityGroupIDs: slices.Sorted(slices.Values(i.VPC.SecurityGroupIDs)),
	}
}

// influxDBKeys lets the processor's role read the secret if a key of the user's own encrypts it.
func (b *builder) influxDBKeys() []statement {
	if b.config.InfluxDB == nil {
		return nil
	}
	return b.useKey("kms:Decrypt", b.config.InfluxDB.KMSKeyID)
}
