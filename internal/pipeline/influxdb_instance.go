package pipeline

import (
	"errors"
	"regexp"
	"slices"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Arguments of a Timestream for InfluxDB instance [CreateDbInstance].
var (
	InfluxDBInstanceTypes = Choice{Values: []string{"db.influx.medium", "db.influx.large", "db.influx.xlarge",
		"db.influx.2xlarge", "db.influx.4xlarge", "db.influx.8xlarge", "db.influx.12xlarge", "db.influx.16xlarge",
		"db.influx.24xlarge"}, Default: "db.influx.medium"}
	InfluxDBStorageTypes = Choice{Values: []string{"InfluxIOIncludedT1", "InfluxIOIncludedT2", "InfluxIOIncludedT3"},
		Default: "InfluxIOIncludedT1"}
	InfluxDBDeploymentTypes = Choice{Values: []string{"SINGLE_AZ", "WITH_MULTIAZ_STANDBY"}, Default: "SINGLE_AZ"}
	InfluxDBStorageGB       = Limit{Min: 20, Max: 15_360, Default: value(20), Source: "Timestream for InfluxDB"}
	InfluxDBPort            = Limit{Min: 1024, Max: 65_535, Default: value(8086), Source: "Timestream for InfluxDB"}
)

const (
	influxDBUser = "admin"
	// minFastStorage is the smallest storage of the types with more than 3,000 operations per second.
	minFastStorage = 400
)

// instanceName is the form of an instance's name; the length of a pipeline's is within its bounds.
var instanceName = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// InfluxDBInstanceSpec is a Timestream for InfluxDB instance that belongs to the pipeline.
type InfluxDBInstanceSpec struct {
	Type               *string  `json:"type,omitzero"`
	StorageGB          *int64   `json:"storage_gb,omitzero"`
	StorageType        *string  `json:"storage_type,omitzero"`
	DeploymentType     *string  `json:"deployment_type,omitzero"`
	Port               *int64   `json:"port,omitzero"`
	SubnetIDs          []string `json:"subnet_ids,omitzero"`
	SecurityGroupIDs   []string `json:"security_group_ids,omitzero"`
	PubliclyAccessible *bool    `json:"publicly_accessible,omitzero"`
}

func (s *InfluxDBInstanceSpec) defaults() *InfluxDBInstanceSpec {
	i := block(s)
	i.Type = InfluxDBInstanceTypes.Or(i.Type)
	i.StorageGB = InfluxDBStorageGB.Or(i.StorageGB)
	i.StorageType = InfluxDBStorageTypes.Or(i.StorageType)
	i.DeploymentType = InfluxDBDeploymentTypes.Or(i.DeploymentType)
	i.Port = InfluxDBPort.Or(i.Port)
	i.PubliclyAccessible = or(i.PubliclyAccessible, false)
	return i
}

func (b *builder) hasInfluxDBInstance() bool {
	return b.config.InfluxDB != nil && b.config.InfluxDB.Instance != nil
}

func (b *builder) influxDBInstance() assembly.Part {
	influx := b.config.InfluxDB
	i := influx.Instance
	return b.part(KeyInfluxDBInstance, spec.KindInfluxDBInstance, b.names.pipeline, "", nil, spec.InfluxDBInstance{
		Type:               *i.Type,
		StorageGB:          int32(*i.StorageGB),
		StorageType:        *i.StorageType,
		Deployment:         *i.DeploymentType,
		Port:               int32(*i.Port),
		SubnetIDs:          slices.Sorted(slices.Values(i.SubnetIDs)),
		SecurityGroupIDs:   slices.Sorted(slices.Values(i.SecurityGroupIDs)),
		PubliclyAccessible: *i.PubliclyAccessible,
		Organization:       *influx.Organization,
		Bucket:             *influx.Bucket,
		Username:           influxDBUser,
		ForceDestroy:       *b.config.ForceDestroy,
		Tags:               b.env.Tags,
	})
}

// influxDBLate gives the processor the address of the instance, and AWS's secret if no other is named.
func (b *builder) influxDBLate() *lateSettings {
	if !b.hasInfluxDBInstance() {
		return nil
	}
	own := b.config.InfluxDB.TokenSecretARN == nil
	return &lateSettings{
		part: KeyInfluxDBInstance,
		environment: func(outputs map[string]string) (map[string]string, error) {
			e := map[string]string{contract.EnvInfluxDBURL: outputs[spec.InfluxDBURLOutput]}
			if own {
				e[contract.EnvInfluxDBTokenSecretARN] = outputs[spec.InfluxDBSecretOutput]
			}
			for _, value := range e {
				if value == "" {
					return nil, errors.New("the record of the InfluxDB instance holds no address or no secret")
				}
			}
			return e, nil
		},
		grants: func(outputs map[string]string) []statement {
			if secret := outputs[spec.InfluxDBSecretOutput]; own && secret != "" {
				return []statement{allow([]string{"secretsmanager:GetSecretValue"}, secret)}
			}
			return nil
		},
	}
}

func (c *checker) checkInfluxDBInstance(pipeline string, s *InfluxDBSpec) {
	const at = "influxdb.instance"
	i := s.Instance
	c.choice(at+".type", i.Type, InfluxDBInstanceTypes)
	c.choice(at+".storage_type", i.StorageType, InfluxDBStorageTypes)
	c.choice(at+".deployment_type", i.DeploymentType, InfluxDBDeploymentTypes)
	c.number(at+".storage_gb", i.StorageGB, InfluxDBStorageGB)
	c.number(at+".port", i.Port, InfluxDBPort)
	c.checkIDs(at+".subnet_ids", i.SubnetIDs, subnetPattern, "subnet-0123456789abcdef0", maxSubnets)
	c.checkIDs(at+".security_group_ids", i.SecurityGroupIDs, securityGroupPattern, "sg-0123456789abcdef0",
		maxSecurityGroups)
	if c.versionOf(s) != 2 && c.known("influxdb.version") {
		c.fail("influxdb.version", "version does not fit the instance", "The pipeline's own instance has InfluxDB 2. "+
			"Leave version out, or name another server in url.")
	}
	if c.known("name") && !instanceName.MatchString(pipeline) {
		c.fail("name", "name does not fit the InfluxDB instance", "The instance is called like the pipeline, and AWS "+
			"takes no name for it that ends in a hyphen or has two of them side by side. Choose another name.")
	}
	kind, size := *InfluxDBStorageTypes.Or(i.StorageType), *InfluxDBStorageGB.Or(i.StorageGB)
	fast := slices.Contains(InfluxDBStorageTypes.Values[1:], kind)
	if fast && size < minFastStorage && InfluxDBStorageGB.allows(size) && c.known(at+".storage_type") &&
		c.known(at+".storage_gb") {
		c.fail(at+".storage_gb", "storage_gb is too small for the storage type", "%s has at least %d GB.", kind,
			minFastStorage)
	}
	if *InfluxDBDeploymentTypes.Or(i.DeploymentType) == "WITH_MULTIAZ_STANDBY" && len(i.SubnetIDs) == 1 &&
		c.known(at+".subnet_ids") && c.known(at+".deployment_type") {
		c.fail(at+".subnet_ids", "a standby needs a second subnet", "WITH_MULTIAZ_STANDBY puts the standby into "+
			"another availability zone. Name two subnets or more, in different zones.")
	}
	if !deref(i.PubliclyAccessible) && c.known(at+".publicly_accessible") && s.VPC == nil && c.known("influxdb.vpc") {
		c.fail("influxdb.vpc", "the processor cannot reach the instance", "The instance has a private address only. "+
			"Write vpc with subnets from which it can be reached, or set publicly_accessible.")
	}
}
