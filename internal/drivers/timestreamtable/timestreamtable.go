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
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/timestreamdb"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const deletionLimit = 5 * time.Minute

// Driver reads and writes tables. Ref.Name and Ref.ID are "database|table".
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a table; its tags only before it is recorded and for full reads. A table on its way out counts as
// absent.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.TimestreamTable], error) {
	t, err := d.describe(ctx, ref.Name)
	if err != nil || t == nil || t.TableStatus == types.TableStatusDeleting {
		return nil, err
	}
	o := &assembly.Observed[spec.TimestreamTable]{Identity: identity(t), Spec: specOf(t)}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	all, err := timestreamdb.Tags(ctx, d.c, o.ARN)
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o.Owner, o.Spec.Tags = ownertag.Split(all, d.c.IgnoresTag)
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return "", false, err
	}
	tags, err := timestreamdb.Tags(ctx, d.c, d.c.ARN("timestream", "database/"+names[0]+"/table/"+names[1]))
	return ownertag.Owner(tags, awsapi.IsNotFound(err), err)
}

// describe gives nil for a table that does not exist.
func (d *Driver) describe(ctx context.Context, name string) (*types.Table, error) {
	names, err := spec.SplitName(name, 2)
	if err != nil {
		return nil, err
	}
	out, err := d.c.TimestreamWrite().
		DescribeTable(ctx, &timestreamwrite.DescribeTableInput{DatabaseName: &names[0], TableName: &names[1]})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Table, nil
}

func specOf(t *types.Table) spec.TimestreamTable {
	s := spec.TimestreamTable{Database: aws.ToString(t.DatabaseName)}
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
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.TimestreamTable) (assembly.Identity, error) {
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return assembly.Identity{}, err
	}
	out, err := d.c.TimestreamWrite().CreateTable(ctx, &timestreamwrite.CreateTableInput{
		DatabaseName: &names[0], TableName: &names[1],
		RetentionProperties:          retention(want),
		MagneticStoreWriteProperties: magnetic(want),
		Tags:                         timestreamdb.NewTags(ownertag.Tags(ref.Owner, want.Tags)),
	})
	if awsapi.Is(err, "ConflictException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	return identity(out.Table), nil
}

// Update changes retention and magnetic writes with one call, and the tags.
func (d *Driver) Update(
	ctx context.Context,
	_ assembly.Ref,
	have *assembly.Observed[spec.TimestreamTable],
	want spec.TimestreamTable,
	changes []assembly.Change,
) (assembly.Identity, error) {
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
			return have.Identity, ownertag.Unknown(c)
		}
	}
	if !settings {
		return have.Identity, nil
	}
	names, err := spec.SplitName(have.ID, 2)
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
	names, err := spec.SplitName(ref.Name, 2)
	if err != nil {
		return err
	}
	_, err = d.c.TimestreamWrite().
		DeleteTable(ctx, &timestreamwrite.DeleteTableInput{DatabaseName: &names[0], TableName: &names[1]})
	if awsapi.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.c.Poll(ctx, "waiting for the table to be gone", deletionLimit, func(ctx context.Context) (bool, error) {
		t, err := d.describe(ctx, ref.Name)
		return err == nil && t == nil, err
	})
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff compares; where rejected records go counts only with magnetic writes.
func (d *Driver) Diff(have, want spec.TimestreamTable) []assembly.Change {
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
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags), false)
	return changes
}

func identity(t *types.Table) assembly.Identity {
	return assembly.Identity{
		ID:  spec.NameIn(aws.ToString(t.DatabaseName), aws.ToString(t.TableName)),
		ARN: aws.ToString(t.Arn),
	}
}

func retention(want spec.TimestreamTable) *types.RetentionProperties {
	return &types.RetentionProperties{
		MemoryStoreRetentionPeriodInHours:  &want.MemoryRetentionHours,
		MagneticStoreRetentionPeriodInDays: &want.MagneticRetentionDays,
	}
}

func magnetic(want spec.TimestreamTable) *types.MagneticStoreWriteProperties {
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

// Data implements [assembly.DataHolder].
func (d *Driver) Data(context.Context, assembly.Ref) (string, error) {
	return "may hold time series; AWS does not report how much", nil
}
