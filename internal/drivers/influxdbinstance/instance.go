// Package influxdbinstance is the driver of Timestream for InfluxDB instances. It must not know what is stored in one.
package influxdbinstance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb"
	"github.com/aws/aws-sdk-go-v2/service/timestreaminfluxdb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// changeLimit bounds the wait for one change. AWS names 20 minutes for a creation; more storage takes longer.
const changeLimit = time.Hour

// Driver reads and writes instances. AWS assigns Ref.ID; names are unique in an account and region.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{ServerID: true, Outputs: true} }

// Observe reads an instance with two calls, and with a third one while its ID is not recorded. An instance that is
// being deleted counts as absent.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.InfluxDBInstance], error) {
	out, err := d.find(ctx, ref)
	if err != nil || out == nil || out.Status == types.StatusDeleting {
		return nil, err
	}
	tags, err := d.c.TimestreamInfluxDB().
		ListTagsForResource(ctx, &timestreaminfluxdb.ListTagsForResourceInput{ResourceArn: out.Arn})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.InfluxDBInstance]{Identity: identity(out), Spec: specOf(out)}
	o.Owner, o.Spec.Tags = ownertag.Split(tags.Tags, d.c.IgnoresTag)
	return o, nil
}

// find returns the instance of the recorded ID, or else of the name; nil for none.
func (d *Driver) find(ctx context.Context, ref assembly.Ref) (*timestreaminfluxdb.GetDbInstanceOutput, error) {
	if ref.ID != "" {
		return d.get(ctx, ref.ID)
	}
	pages := timestreaminfluxdb.NewListDbInstancesPaginator(d.c.TimestreamInfluxDB().ListDbInstances,
		&timestreaminfluxdb.ListDbInstancesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			if aws.ToString(i.Name) == ref.Name && i.Status != types.StatusDeleted {
				return d.get(ctx, aws.ToString(i.Id))
			}
		}
	}
	return nil, nil
}

func (d *Driver) get(ctx context.Context, id string) (*timestreaminfluxdb.GetDbInstanceOutput, error) {
	out, err := d.c.TimestreamInfluxDB().GetDbInstance(ctx, &timestreaminfluxdb.GetDbInstanceInput{Identifier: &id})
	if awsapi.IsNotFound(err) || err == nil && out.Status == types.StatusDeleted {
		return nil, nil
	}
	return out, err
}

// Create makes the instance with a password that nobody sees, which AWS keeps in a secret, and waits until both exist:
// what needs them gets their names from its outputs.
func (d *Driver) Create(
	ctx context.Context,
	ref assembly.Ref,
	want spec.InfluxDBInstance,
) (assembly.Identity, error) {
	out, err := d.c.TimestreamInfluxDB().CreateDbInstance(ctx, &timestreaminfluxdb.CreateDbInstanceInput{
		Name:                &ref.Name,
		Username:            &want.Username,
		Password:            aws.String(rand.Text() + rand.Text()), // 52 letters and digits
		Organization:        &want.Organization,
		Bucket:              &want.Bucket,
		DbInstanceType:      types.DbInstanceType(want.Type),
		AllocatedStorage:    &want.StorageGB,
		DbStorageType:       types.DbStorageType(want.StorageType),
		DeploymentType:      types.DeploymentType(want.Deployment),
		Port:                &want.Port,
		VpcSubnetIds:        want.SubnetIDs,
		VpcSecurityGroupIds: want.SecurityGroupIDs,
		PubliclyAccessible:  &want.PubliclyAccessible,
		Tags:                ownertag.Tags(ref.Owner, want.Tags),
	})
	if awsapi.Is(err, "ConflictException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	id := assembly.Identity{ID: aws.ToString(out.Id), ARN: aws.ToString(out.Arn)}
	ready, err := d.available(ctx, id.ID)
	if err != nil {
		return id, err
	}
	return identity(ready), nil
}

// Update waits for an instance that is being made, and makes the changes that AWS takes in place with one write,
// besides the tags. What it does not take needs a replacement, which loses the data: the error says so.
func (d *Driver) Update(
	ctx context.Context,
	_ assembly.Ref,
	have *assembly.Observed[spec.InfluxDBInstance],
	want spec.InfluxDBInstance,
	changes []assembly.Change,
) (assembly.Identity, error) {
	id := have.Identity
	in := &timestreaminfluxdb.UpdateDbInstanceInput{Identifier: &id.ID}
	write, retag := false, false
	for _, c := range changes {
		switch c.Field {
		case "status":
		case "tags":
			retag = true
		case "subnet_ids", "security_group_ids", "publicly_accessible", "storage_gb_less":
			return id, fixed(c.Field)
		default:
			write = true
			set(in, c.Field, want)
		}
	}
	now, err := d.available(ctx, id.ID)
	if err != nil {
		return id, err
	}
	if write {
		if _, err := d.c.TimestreamInfluxDB().UpdateDbInstance(ctx, in); err != nil {
			return id, err
		}
		if now, err = d.available(ctx, id.ID); err != nil {
			return id, err
		}
	}
	if retag {
		err = d.retag(ctx, id.ARN, have.Spec.Tags, want.Tags)
	}
	return identity(now), err
}

func fixed(field string) error {
	what := "AWS cannot change " + field + " of an instance"
	if field == "storage_gb_less" {
		what = "AWS cannot make the storage of an instance smaller"
	}
	return errors.New(what + ", and a replacement would lose its data. Nothing was changed. Take the change back; or " +
		"set force_destroy, with which the instance is replaced and its data is lost")
}

// set puts the wanted value of a field into an update.
func set(in *timestreaminfluxdb.UpdateDbInstanceInput, field string, want spec.InfluxDBInstance) {
	switch field {
	case "type":
		in.DbInstanceType = types.DbInstanceType(want.Type)
	case "storage_gb":
		in.AllocatedStorage = &want.StorageGB
	case "storage_type":
		in.DbStorageType = types.DbStorageType(want.StorageType)
	case "deployment":
		in.DeploymentType = types.DeploymentType(want.Deployment)
	case "port":
		in.Port = &want.Port
	}
}

func (d *Driver) retag(ctx context.Context, arn string, have, want map[string]string) error {
	return ownertag.Retag(have, want, func(add map[string]string) error {
		_, err := d.c.TimestreamInfluxDB().
			TagResource(ctx, &timestreaminfluxdb.TagResourceInput{ResourceArn: &arn, Tags: add})
		return err
	}, func(drop []string) error {
		_, err := d.c.TimestreamInfluxDB().
			UntagResource(ctx, &timestreaminfluxdb.UntagResourceInput{ResourceArn: &arn, TagKeys: drop})
		return err
	})
}

// available waits until the instance takes requests and has its endpoint and its secret.
func (d *Driver) available(ctx context.Context, id string) (out *timestreaminfluxdb.GetDbInstanceOutput, err error) {
	const what = "waiting until the InfluxDB instance is available, which takes about 20 minutes when it is new"
	err = d.c.Poll(ctx, what, changeLimit, func(ctx context.Context) (bool, error) {
		out, err = d.get(ctx, id)
		switch {
		case err != nil:
			return false, err
		case out == nil:
			return false, fmt.Errorf("the instance %q is gone: somebody deleted it", id)
		case out.Status == types.StatusFailed:
			return false, fmt.Errorf("AWS could not make the instance %q: its status is FAILED. The console of "+
				"Timestream shows why; the next apply replaces it", id)
		}
		return out.Status == types.StatusAvailable && !pending(out), nil
	})
	return out, err
}

// Delete removes the instance and waits until it is gone. AWS refuses while another change is under way.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	found, err := d.find(ctx, ref)
	if err != nil || found == nil {
		return err
	}
	id := aws.ToString(found.Id)
	if found.Status != types.StatusDeleting {
		const what = "waiting until the InfluxDB instance can be deleted"
		err = d.c.Retry(ctx, what, changeLimit, func(err error) bool { return awsapi.Is(err, "ConflictException") },
			func(ctx context.Context) error {
				_, err := d.c.TimestreamInfluxDB().
					DeleteDbInstance(ctx, &timestreaminfluxdb.DeleteDbInstanceInput{Identifier: &id})
				return err
			})
		if err != nil && !awsapi.IsNotFound(err) {
			return err
		}
	}
	return d.c.Poll(ctx, "waiting until the InfluxDB instance is gone", changeLimit,
		func(ctx context.Context) (bool, error) {
			out, err := d.get(ctx, id)
			return err == nil && out == nil, err
		})
}

// Data implements [assembly.DataHolder].
func (d *Driver) Data(ctx context.Context, ref assembly.Ref) (string, error) {
	found, err := d.find(ctx, ref)
	if err != nil || found == nil || found.Status == types.StatusFailed {
		return "", err
	}
	return "may hold time series; AWS does not report how much", nil
}

// pending reports whether the endpoint or the secret does not exist yet.
func pending(out *timestreaminfluxdb.GetDbInstanceOutput) bool {
	return aws.ToString(out.Endpoint) == "" || aws.ToString(out.InfluxAuthParametersSecretArn) == ""
}

func identity(out *timestreaminfluxdb.GetDbInstanceOutput) assembly.Identity {
	id := assembly.Identity{ID: aws.ToString(out.Id), ARN: aws.ToString(out.Arn)}
	if !pending(out) {
		port := strconv.Itoa(int(aws.ToInt32(out.Port)))
		id.Outputs = map[string]string{
			spec.InfluxDBURLOutput:    "https://" + net.JoinHostPort(aws.ToString(out.Endpoint), port),
			spec.InfluxDBSecretOutput: aws.ToString(out.InfluxAuthParametersSecretArn),
		}
	}
	return id
}

func specOf(out *timestreaminfluxdb.GetDbInstanceOutput) spec.InfluxDBInstance {
	return spec.InfluxDBInstance{
		Type:               string(out.DbInstanceType),
		StorageGB:          aws.ToInt32(out.AllocatedStorage),
		StorageType:        string(out.DbStorageType),
		Deployment:         string(out.DeploymentType),
		Port:               aws.ToInt32(out.Port),
		SubnetIDs:          slices.Sorted(slices.Values(out.VpcSubnetIds)),
		SecurityGroupIDs:   slices.Sorted(slices.Values(out.VpcSecurityGroupIds)),
		PubliclyAccessible: aws.ToBool(out.PubliclyAccessible),
		Pending:            pending(out) && out.Status != types.StatusFailed,
		Failed:             out.Status == types.StatusFailed,
	}
}

// Diff names status (it is not available yet, or could not be made), type, storage_gb, storage_gb_less, storage_type,
// deployment, port, subnet_ids, security_group_ids, publicly_accessible and tags. AWS reports neither the organization
// nor the bucket nor the user: they are those of the creation.
func (d *Driver) Diff(have, want spec.InfluxDBInstance) []assembly.Change {
	var changes []assembly.Change
	add := func(differs bool, field string, replace bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field, Replace: replace})
		}
	}
	add(have.Pending || have.Failed, "status", have.Failed)
	add(have.Type != want.Type, "type", false)
	add(have.StorageGB < want.StorageGB, "storage_gb", false)
	add(have.StorageGB > want.StorageGB, "storage_gb_less", want.ForceDestroy)
	add(have.StorageType != want.StorageType, "storage_type", false)
	add(have.Deployment != want.Deployment, "deployment", false)
	add(have.Port != want.Port, "port", false)
	add(!slices.Equal(have.SubnetIDs, want.SubnetIDs), "subnet_ids", want.ForceDestroy)
	add(!slices.Equal(have.SecurityGroupIDs, want.SecurityGroupIDs), "security_group_ids", want.ForceDestroy)
	add(have.PubliclyAccessible != want.PubliclyAccessible, "publicly_accessible", want.ForceDestroy)
	add(ownertag.TagsDiffer(have.Tags, want.Tags), "tags", false)
	return changes
}
