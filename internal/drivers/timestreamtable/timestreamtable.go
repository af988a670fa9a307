// Package timestreamtable is the driver of Timestream LiveAnalytics tables. It
// must not know what the records in a table mean.
//
// Whether a table holds data cannot be known here: DescribeTable gives no count,
// and reading rows takes the query API, other permissions and money. Who guards
// a destroy must take every table for one that holds data.
package timestreamtable

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite"
	"github.com/aws/aws-sdk-go-v2/service/timestreamwrite/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/owned"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/timestreamdb"
	"github.com/iot-pipeline/terraform-provider-iot/internal/object"
)

const deletionLimit = 5 * time.Minute

// Driver reads and writes tables. Ref.Name and Ref.ID are "database|table".
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a table with two calls. A table on its way out counts as absent.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Object[object.TimestreamTable], error) {
	t, err := d.describe(ctx, ref.Name)
	if err != nil || t == nil || t.TableStatus == types.TableStatusDeleting {
		return nil, err
	}
	all, err := timestreamdb.Tags(ctx, d.c, aws.ToString(t.Arn))
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o := &assembly.Object[object.TimestreamTable]{Identity: identity(t), Spec: spec(t)}
	o.Owner, o.Spec.Tags = owned.Split(ctx, all)
	return o, nil
}

// describe gives nil for a table that does not exist.
func (d *Driver) describe(ctx context.Context, name string) (*types.Table, error) {
	names, err := object.SplitName(name, 2)
	if err != nil {
		return nil, err
	}
	out, err := d.c.TimestreamWrite().DescribeTable(ctx, &timestreamwrite.DescribeTableInput{DatabaseName: &names[0], TableName: &names[1]})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Table, nil
}

func spec(t *types.Table) object.TimestreamTable {
	s := object.TimestreamTable{Database: aws.ToString(t.DatabaseName)}
	if r := t.RetentionProperties; r != nil {
		s.MemoryRetentionHours = aws.ToInt64(r.MemoryStoreRetentionPeriodInHours)
		s.MagneticRetentionDays = aws.ToInt64(r.MagneticStoreRetentionPeriodInDays)
	}
	if m := t.MagneticStoreWriteProperties; m != nil && aws.ToBool(m.EnableMagneticStoreWrites) {
		s.MagneticWrites = true
		if l := m.MagneticStoreRejectedDataLocation; l != nil && l.S3Configuration != nil {
			s.RejectedBucket = aws.ToString(l.S3Configuration.BucketName)
			s.RejectedPrefix = aws.ToString(l.S3Configuration.ObjectKeyPrefix)
		}
	}
	return s
}

// Create makes the table with its tags in one call.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want object.TimestreamTable) (assembly.Identity, error) {
	names, err := object.SplitName(ref.Name, 2)
	if err != nil {
		return assembly.Identity{}, err
	}
	out, err := d.c.TimestreamWrite().CreateTable(ctx, &timestreamwrite.CreateTableInput{
		DatabaseName: &names[0], TableName: &names[1],
		RetentionProperties:          retention(want),
		MagneticStoreWriteProperties: magnetic(want),
		Tags:                         timestreamdb.NewTags(owned.Tags(ref.Owner, want.Tags)),
	})
	if awsapi.Is(err, "ConflictException") {
		return owned.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return identity(out.Table), nil
}

// Update changes retention and magnetic writes with one call, and the tags.
func (d *Driver) Update(ctx context.Context, _ assembly.Ref, have *assembly.Object[object.TimestreamTable], want object.TimestreamTable, changes []assembly.Change) (assembly.Identity, error) {
	settings := false
	for _, c := range changes {
		switch c.Field {
		case "tags":
			if err := timestreamdb.Retag(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags); err != nil {
				return have.Identity, err
			}
		case "memory_retention_hours", "magnetic_retention_days", "magnetic_writes", "rejected_records":
			settings = true
		default:
			return have.Identity, owned.Unknown(c)
		}
	}
	if !settings {
		return have.Identity, nil
	}
	names, err := object.SplitName(have.ID, 2)
	if err != nil {
		return have.Identity, err
	}
	// Both groups always go together, so that no emulator or service can take a missing one for its default.
	_, err = d.c.TimestreamWrite().UpdateTable(ctx, &timestreamwrite.UpdateTableInput{
		DatabaseName: &names[0], TableName: &names[1],
		RetentionProperties: retention(want), MagneticStoreWriteProperties: magnetic(want),
	})
	return have.Identity, err
}

// Delete removes the table with its data and returns when it is gone: its database cannot be deleted before.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	names, err := object.SplitName(ref.Name, 2)
	if err != nil {
		return err
	}
	_, err = d.c.TimestreamWrite().DeleteTable(ctx, &timestreamwrite.DeleteTableInput{DatabaseName: &names[0], TableName: &names[1]})
	if awsapi.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return awsapi.Poll(ctx, "waiting for the table to be gone", deletionLimit, func(ctx context.Context) (bool, error) {
		t, err := d.describe(ctx, ref.Name)
		return err == nil && t == nil, err
	})
}

// Diff compares; where rejected records go counts only with magnetic writes.
func (d *Driver) Diff(have, want object.TimestreamTable) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs, replace bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field, Replace: replace})
		}
	}
	add("database", have.Database != want.Database, true)
	add("memory_retention_hours", have.MemoryRetentionHours != want.MemoryRetentionHours, false)
	add("magnetic_retention_days", have.MagneticRetentionDays != want.MagneticRetentionDays, false)
	add("magnetic_writes", have.MagneticWrites != want.MagneticWrites, false)
	add("rejected_records", have.MagneticWrites && want.MagneticWrites &&
		(have.RejectedBucket != want.RejectedBucket || have.RejectedPrefix != want.RejectedPrefix), false)
	add("tags", owned.TagsDiffer(have.Tags, want.Tags), false)
	return changes
}

func identity(t *types.Table) assembly.Identity {
	return assembly.Identity{ID: object.NameIn(aws.ToString(t.DatabaseName), aws.ToString(t.TableName)), ARN: aws.ToString(t.Arn)}
}

func retention(want object.TimestreamTable) *types.RetentionProperties {
	return &types.RetentionProperties{
		MemoryStoreRetentionPeriodInHours:  &want.MemoryRetentionHours,
		MagneticStoreRetentionPeriodInDays: &want.MagneticRetentionDays,
	}
}

func magnetic(want object.TimestreamTable) *types.MagneticStoreWriteProperties {
	m := &types.MagneticStoreWriteProperties{EnableMagneticStoreWrites: &want.MagneticWrites}
	if want.MagneticWrites && want.RejectedBucket != "" {
		s3 := &types.S3Configuration{BucketName: &want.RejectedBucket, EncryptionOption: types.S3EncryptionOptionSseS3}
		if want.RejectedPrefix != "" {
			s3.ObjectKeyPrefix = &want.RejectedPrefix
		}
		m.MagneticStoreRejectedDataLocation = &types.MagneticStoreRejectedDataLocation{S3Configuration: s3}
	}
	return m
}
