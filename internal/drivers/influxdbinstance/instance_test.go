package influxdbinstance

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb"
	"github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/drivertest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

const name = "greenhouse"

func wanted() spec.InfluxDBInstance {
	return spec.InfluxDBInstance{
		Type: "db.influx.medium", StorageGB: 20, StorageType: "InfluxIOIncludedT1", Deployment: "SINGLE_AZ", Port: 8086,
		SubnetIDs:        []string{"subnet-0123456789abcdef0", "subnet-0123456789abcdef1"},
		SecurityGroupIDs: []string{"sg-0123456789abcdef0"},
		Organization:     "farm", Bucket: "telemetry", Username: "admin",
		Tags: map[string]string{"team": "bay"},
	}
}

func TestLife(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	db := c.TimestreamInfluxDB()
	d := New(c)
	byHand := func(change func(context.Context, *assembly.Observed[spec.InfluxDBInstance]) error) func(context.Context) error {
		return func(ctx context.Context) error {
			o, err := d.Observe(ctx, assembly.Ref{Name: name})
			if err != nil {
				return err
			}
			return change(ctx, o)
		}
	}
	drivertest.Life[spec.InfluxDBInstance]{
		Clients: c, Driver: d, Name: name, Reads: 2, Full: wanted(),
		Steps: []drivertest.Step[spec.InfluxDBInstance]{
			{Why: "changed by hand: one write repairs it all", Fields: []string{"type", "deployment", "port"},
				Writes: []string{"UpdateDbInstance"},
				Drift: byHand(func(ctx context.Context, o *assembly.Observed[spec.InfluxDBInstance]) error {
					_, err := db.UpdateDbInstance(ctx, &timestreaminfluxdb.UpdateDbInstanceInput{Identifier: &o.ID,
						DbInstanceType: types.DbInstanceTypeDbInfluxLarge, Port: aws.Int32(8087),
						DeploymentType: types.DeploymentTypeWithMultiazStandby})
					return err
				})},
			{Why: "more and faster storage wanted", Fields: []string{"storage_gb", "storage_type"},
				Writes: []string{"UpdateDbInstance"},
				Want: drivertest.Changing(func(s *spec.InfluxDBInstance) {
					s.StorageGB, s.StorageType = 400, "InfluxIOIncludedT2"
				})},
			{Why: "a tag added by hand", Fields: []string{"tags"}, Writes: []string{"UntagResource"},
				Drift: byHand(func(ctx context.Context, o *assembly.Observed[spec.InfluxDBInstance]) error {
					_, err := db.TagResource(ctx, &timestreaminfluxdb.TagResourceInput{ResourceArn: &o.ARN,
						Tags: map[string]string{"extra": "y"}})
					return err
				})},
			{Why: "another tag wanted", Fields: []string{"tags"}, Writes: []string{"TagResource"},
				Want: drivertest.Changing(func(s *spec.InfluxDBInstance) { s.Tags = map[string]string{"team": "x"} })},
		},
		Foreign: func(ctx context.Context) error {
			out, err := db.CreateDbInstance(ctx, &timestreaminfluxdb.CreateDbInstanceInput{
				Name: aws.String(name), Password: aws.String("somebodys"), AllocatedStorage: aws.Int32(20),
				Organization: aws.String("o"), Bucket: aws.String("bucket"),
				DbInstanceType: types.DbInstanceTypeDbInfluxMedium, VpcSubnetIds: wanted().SubnetIDs,
				VpcSecurityGroupIds: wanted().SecurityGroupIDs})
			if err != nil {
				return err
			}
			_, err = d.available(ctx, *out.Id)
			return err
		},
	}.Run(t)
}

// TestOutputs: what others get to know, and that the password is in AWS's secret and nowhere else.
func TestOutputs(t *testing.T) {
	c := drivertest.Clients(t, mototest.Start(t))
	id, err := New(c).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner}, wanted())
	if err != nil {
		t.Fatal(err)
	}
	address, arn := id.Outputs[spec.InfluxDBURLOutput], id.Outputs[spec.InfluxDBSecretOutput]
	if !strings.HasPrefix(address, "https://") || !strings.HasSuffix(address, ".on.aws:8086") || len(id.Outputs) != 2 {
		t.Errorf("outputs %v", id.Outputs)
	}
	secret, err := c.SecretsManager().GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if err != nil {
		t.Fatal(err)
	}
	var got struct{ Username, Password, Organization, Bucket string }
	if err := json.Unmarshal([]byte(*secret.SecretString), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Password) != 52 || got.Username != "admin" || got.Organization != "farm" || got.Bucket != "telemetry" {
		t.Errorf("user %q, organization %q, bucket %q, a password of %d characters", got.Username, got.Organization,
			got.Bucket, len(got.Password))
	}
}

// statuses plays an instance that passes through statuses, one for each read. An available one has its endpoint.
func statuses(t *testing.T, calls *[]string, list ...string) *Driver {
	return New(drivertest.Stub(t, func(operation string, input map[string]any) string {
		*calls = append(*calls, operation)
		status := list[0]
		if operation == "GetDbInstance" && len(list) > 1 {
			list = list[1:]
		}
		switch {
		case operation == "ListTagsForResource":
			return fmt.Sprintf(`{"tags":{%q:%q}}`, spec.OwnerTag, drivertest.Owner)
		case operation == "DeleteDbInstance" && status == "MODIFYING":
			return `{"__type":"ConflictException","message":"busy","resourceId":"abc0123456","resourceType":"db-instance"}`
		case status == "gone":
			return `{"__type":"ResourceNotFoundException","message":"no","resourceId":"abc0123456","resourceType":"db-instance"}`
		}
		more := ""
		if status == "AVAILABLE" || status == "MODIFYING" {
			more = `,"endpoint":"h.on.aws","port":8086,"influxAuthParametersSecretArn":"arn:secret"`
		}
		return fmt.Sprintf(`{"id":"abc0123456","name":%q,"arn":"arn:aws:timestream-influxdb:us-east-1:123456789012:`+
			`db-instance/abc0123456","vpcSubnetIds":["subnet-0123456789abcdef0","subnet-0123456789abcdef1"],`+
			`"vpcSecurityGroupIds":["sg-0123456789abcdef0"],"dbInstanceType":"db.influx.medium","allocatedStorage":20,`+
			`"dbStorageType":"InfluxIOIncludedT1","deploymentType":"SINGLE_AZ","status":%q%s}`, name, status, more)
	}))
}

var outputs = map[string]string{"url": "https://h.on.aws:8086", "secret_arn": "arn:secret"}

func TestCreateWaits(t *testing.T) {
	for _, c := range []struct {
		why   string
		list  []string
		fails string
	}{
		{"twenty minutes", []string{"CREATING", "CREATING", "CREATING", "AVAILABLE"}, ""},
		{"AWS cannot make it", []string{"CREATING", "FAILED"}, "its status is FAILED"},
		{"somebody deletes it", []string{"CREATING", "gone"}, "is gone"},
		{"it takes forever", []string{"CREATING"}, "not there after 1h0m0s"},
	} {
		var calls []string
		id, err := statuses(t, &calls, c.list...).Create(t.Context(), assembly.Ref{Name: name, Owner: drivertest.Owner},
			wanted())
		if id.ID != "abc0123456" {
			t.Errorf("%s: the ID is %q: what exists would be in no record", c.why, id.ID)
		}
		if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: error %v, want %q", c.why, err, c.fails)
		}
		if err == nil && !cmp.Equal(id.Outputs, outputs) {
			t.Errorf("%s: outputs %v", c.why, id.Outputs)
		}
	}
}

// TestAnInterruptedCreateGoesOn: the next apply waits where the first one stopped, and then knows the outputs.
func TestAnInterruptedCreateGoesOn(t *testing.T) {
	var calls []string
	d := statuses(t, &calls, "CREATING", "CREATING", "AVAILABLE")
	ref := assembly.Ref{Name: name, ID: "abc0123456", Owner: drivertest.Owner}
	have, err := d.Observe(t.Context(), ref)
	if err != nil || have == nil || have.Outputs != nil {
		t.Fatalf("%+v, %v", have, err)
	}
	want := wanted()
	want.Tags, want.Port = map[string]string{}, 0
	changes := d.Diff(have.Spec, want)
	if diff := cmp.Diff([]assembly.Change{{Field: "status"}}, changes); diff != "" {
		t.Fatal(diff)
	}
	id, err := d.Update(t.Context(), ref, have, want, changes)
	if err != nil || !cmp.Equal(id.Outputs, outputs) {
		t.Errorf("%+v, %v", id, err)
	}
	for _, call := range calls {
		if call != "GetDbInstance" && call != "ListTagsForResource" {
			t.Errorf("sent %s", call)
		}
	}
}

func TestDeleteWaits(t *testing.T) {
	var calls []string
	d := statuses(t, &calls, "AVAILABLE", "MODIFYING", "DELETING", "DELETING", "gone")
	// The stub's status moves on with each read; the deletion finds MODIFYING first.
	if err := d.Delete(t.Context(), assembly.Ref{Name: name, ID: "abc0123456"}); err == nil ||
		!strings.Contains(err.Error(), "waiting until the InfluxDB instance can be deleted") {
		t.Errorf("an instance that stays busy: %v", err)
	}
	d = statuses(t, &calls, "AVAILABLE", "DELETING", "DELETING", "gone")
	if err := d.Delete(t.Context(), assembly.Ref{Name: name, ID: "abc0123456"}); err != nil {
		t.Error(err)
	}
}

// TestDataIsNotLostSilently: what AWS cannot change in place is refused, unless force_destroy is set.
func TestDataIsNotLostSilently(t *testing.T) {
	for _, c := range []struct {
		field, says string
		change      func(*spec.InfluxDBInstance)
	}{
		{"subnet_ids", "AWS cannot change subnet_ids",
			func(s *spec.InfluxDBInstance) { s.SubnetIDs = s.SubnetIDs[:1] }},
		{"security_group_ids", "force_destroy",
			func(s *spec.InfluxDBInstance) { s.SecurityGroupIDs = []string{"sg-1"} }},
		{"publicly_accessible", "Nothing was changed", func(s *spec.InfluxDBInstance) { s.PubliclyAccessible = true }},
		{"storage_gb_less", "smaller", func(s *spec.InfluxDBInstance) { s.StorageGB = 10 }},
	} {
		var calls []string
		d := statuses(t, &calls, "AVAILABLE")
		want := wanted()
		c.change(&want)
		changes := d.Diff(wanted(), want)
		if diff := cmp.Diff([]assembly.Change{{Field: c.field}}, changes); diff != "" {
			t.Errorf("%s: %s", c.field, diff)
		}
		have := &assembly.Observed[spec.InfluxDBInstance]{Spec: wanted()}
		if _, err := d.Update(t.Context(), assembly.Ref{}, have, want, changes); err == nil ||
			!strings.Contains(err.Error(), c.says) || len(calls) != 0 {
			t.Errorf("%s: %v after %v", c.field, err, calls)
		}
		want.ForceDestroy = true
		if changes := d.Diff(wanted(), want); len(changes) != 1 || !changes[0].Replace {
			t.Errorf("%s: with force_destroy %+v", c.field, changes)
		}
	}
	if changes := New(nil).Diff(spec.InfluxDBInstance{Failed: true}, spec.InfluxDBInstance{}); len(changes) != 1 ||
		!changes[0].Replace {
		t.Errorf("a failed instance: %+v", changes)
	}
}
