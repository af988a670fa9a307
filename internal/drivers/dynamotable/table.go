// Package dynamotable is the driver of DynamoDB tables. It must not know what the
// items in a table are.
package dynamotable

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/kmskey"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	// A table is active within seconds; a new index on a table with data is filled first.
	activeLimit = 10 * time.Minute
	indexLimit  = 60 * time.Minute
)

// Driver reads and writes tables. Ref.ID is the table's name.
type Driver struct{ c *awsapi.Clients }

var _ assembly.Waiter = (*Driver)(nil)

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Create makes the table and, when it is active, sets what CreateTable cannot: TTL and point-in-time recovery.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Table) (assembly.Identity, error) {
	in := &dynamodb.CreateTableInput{
		TableName:            &ref.Name,
		BillingMode:          types.BillingModePayPerRequest,
		AttributeDefinitions: definitions(want),
		KeySchema:            keySchema(want.HashKey, want.RangeKey),
		Tags:                 newTags(ownertag.Tags(ref.Owner, want.Tags)),
	}
	for _, i := range want.Indexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &i.Name, KeySchema: keySchema(i.HashKey, i.RangeKey), Projection: projection(i)})
	}
	if want.KMSKeyID != "" {
		in.SSESpecification = encryption(want.KMSKeyID)
	}
	again := func(err error) bool {
		return tooManyTableChanges(err) || inUse(err) && d.leaving(ctx, ref.Name)
	}
	var out *dynamodb.CreateTableOutput
	err := d.c.Retry(
		ctx,
		"waiting for other tables to be created, or the name to be free",
		activeLimit,
		again,
		func(ctx context.Context) (err error) {
			out, err = d.c.DynamoDB().CreateTable(ctx, in)
			return err
		},
	)
	if inUse(err) {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	id := identity(out.TableDescription)
	ref.ID = id.ID
	if err := d.Wait(ctx, ref); err != nil {
		return id, err
	}
	made := want
	made.TTLAttribute, made.PointInTimeRecovery = "", false
	have := &assembly.Observed[spec.Table]{Identity: id, Owner: ref.Owner, Spec: made}
	return d.Update(ctx, ref, have, want, d.Diff(made, want))
}

// Update makes one call per change, for indexes one per index: DynamoDB takes one change of a table at a time.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.Table],
	want spec.Table,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		if err := d.change(ctx, have, want, c); err != nil {
			return have.Identity, fmt.Errorf("changing %s: %w", c.Field, err)
		}
	}
	return have.Identity, nil
}

func (d *Driver) change(
	ctx context.Context,
	have *assembly.Observed[spec.Table],
	want spec.Table,
	c assembly.Change,
) error {
	db, name := d.c.DynamoDB(), &have.ID
	switch c.Field {
	case "billing_mode":
		return d.update(ctx, &dynamodb.UpdateTableInput{TableName: name, BillingMode: types.BillingModePayPerRequest})
	case "kms_key_id":
		return d.update(ctx, &dynamodb.UpdateTableInput{TableName: name, SSESpecification: encryption(want.KMSKeyID)})
	case "indexes":
		return d.reindex(ctx, have, want)
	case "ttl":
		return d.expire(ctx, have, want)
	case "point_in_time_recovery":
		// For some seconds after a table is active DynamoDB is still preparing its backups.
		again := func(err error) bool { return awsapi.Is(err, "ContinuousBackupsUnavailableException") || inUse(err) }
		return d.c.Retry(
			ctx,
			"waiting for backups to be available",
			activeLimit,
			again,
			func(ctx context.Context) error {
				_, err := db.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{TableName: name,
					PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{
						PointInTimeRecoveryEnabled: &want.PointInTimeRecovery,
					}})
				return err
			},
		)
	case "tags":
		return ownertag.Retag(have.Spec.Tags, want.Tags, func(set map[string]string) error {
			_, err := db.TagResource(ctx, &dynamodb.TagResourceInput{ResourceArn: &have.ARN, Tags: newTags(set)})
			return err
		}, func(keys []string) error {
			_, err := db.UntagResource(ctx, &dynamodb.UntagResourceInput{ResourceArn: &have.ARN, TagKeys: keys})
			return err
		})
	}
	return ownertag.Unknown(c)
}

// update repeats while an earlier change of the table is under way.
func (d *Driver) update(ctx context.Context, in *dynamodb.UpdateTableInput) error {
	again := func(err error) bool { return tooManyTableChanges(err) || inUse(err) }
	return d.c.Retry(
		ctx,
		"waiting for an earlier change of the table",
		indexLimit,
		again,
		func(ctx context.Context) error {
			_, err := d.c.DynamoDB().UpdateTable(ctx, in)
			return err
		},
	)
}

// reindex adds the indexes that are missing, then removes those that are not wanted, so that who uses one finds it for
// as long as possible. One that is wanted in another form goes first. A call defines exactly the key attributes that
// the table has after it: DynamoDB refuses unused ones.
func (d *Driver) reindex(ctx context.Context, have *assembly.Observed[spec.Table], want spec.Table) error {
	after := spec.Table{HashKey: want.HashKey, RangeKey: want.RangeKey}
	var later []string
	for _, i := range have.Spec.Indexes {
		at := slices.IndexFunc(want.Indexes, func(w spec.TableIndex) bool { return w.Name == i.Name })
		switch {
		case at >= 0 && property(want.Indexes[at]) != i:
			if err := d.removeIndex(ctx, have.ID, i.Name); err != nil {
				return err
			}
			continue
		case at < 0:
			later = append(later, i.Name)
		}
		after.Indexes = append(after.Indexes, i)
	}
	for _, i := range want.Indexes {
		if slices.Contains(have.Spec.Indexes, property(i)) {
			continue
		}
		if err := d.fill(ctx, have, i); err != nil {
			return fmt.Errorf("adding index %q: %w", i.Name, err)
		}
		after.Indexes = append(after.Indexes, i)
		add := types.GlobalSecondaryIndexUpdate{Create: &types.CreateGlobalSecondaryIndexAction{
			IndexName: &i.Name, KeySchema: keySchema(i.HashKey, i.RangeKey), Projection: projection(i)}}
		if err := d.update(ctx,
			&dynamodb.UpdateTableInput{TableName: &have.ID, AttributeDefinitions: definitions(after),
				GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{add}}); err != nil {
			return fmt.Errorf("adding index %q: %w", i.Name, err)
		}
	}
	for _, name := range later {
		if err := d.removeIndex(ctx, have.ID, name); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) removeIndex(ctx context.Context, table, name string) error {
	remove := types.GlobalSecondaryIndexUpdate{Delete: &types.DeleteGlobalSecondaryIndexAction{IndexName: &name}}
	if err := d.update(ctx, &dynamodb.UpdateTableInput{TableName: &table,
		GlobalSecondaryIndexUpdates: []types.GlobalSecondaryIndexUpdate{remove}}); err != nil {
		return fmt.Errorf("removing index %q: %w", name, err)
	}
	return nil
}

// property is what DynamoDB keeps of an index.
func property(i spec.TableIndex) spec.TableIndex {
	i.FilledFrom = ""
	return i
}

// expire changes the TTL attribute. DynamoDB takes one such change an hour [AWS 7.1], so another attribute instead of
// one that is on needs two applies.
func (d *Driver) expire(ctx context.Context, have *assembly.Observed[spec.Table], want spec.Table) error {
	attribute, on := want.TTLAttribute, true
	if have.Spec.TTLAttribute != "" {
		attribute, on = have.Spec.TTLAttribute, false
	}
	err := d.c.Retry(
		ctx,
		"waiting for an earlier change of the table",
		activeLimit,
		inUse,
		func(ctx context.Context) error {
			_, err := d.c.DynamoDB().UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{TableName: &have.ID,
				TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: &attribute, Enabled: &on}})
			return err
		},
	)
	switch {
	case awsapi.MessageHas(err, "TimeToLive is already "): // the answer of an earlier try was lost
		return nil
	case awsapi.MessageHas(err, "modified multiple times within a fixed interval"):
		return fmt.Errorf("DynamoDB takes one change of a table's TTL an hour; apply again after that: %w", err)
	case err != nil:
		return err
	case !on && want.TTLAttribute != "":
		return fmt.Errorf(
			"TTL on %q is switched off; DynamoDB takes one change of a table's TTL an hour: apply again after that "+
				"to switch it on for %q",
			attribute,
			want.TTLAttribute,
		)
	}
	return nil
}

// Wait returns when the table and its indexes can be used.
func (d *Driver) Wait(ctx context.Context, ref assembly.Ref) error {
	return d.c.Poll(ctx, "waiting for the table to be active", indexLimit, func(ctx context.Context) (bool, error) {
		t, err := d.describe(ctx, ref.Name)
		if err != nil || t == nil || t.TableStatus != types.TableStatusActive {
			return false, err
		}
		for _, i := range t.GlobalSecondaryIndexes {
			if i.IndexStatus != types.IndexStatusActive {
				return false, nil
			}
		}
		return true, nil
	})
}

// Delete removes the table with its items and returns when its name is free again.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	again := func(err error) bool { return tooManyTableChanges(err) || inUse(err) }
	err := d.c.Retry(
		ctx,
		"waiting for an earlier change of the table",
		activeLimit,
		again,
		func(ctx context.Context) error {
			_, err := d.c.DynamoDB().DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &ref.Name})
			return err
		},
	)
	if awsapi.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.c.Poll(ctx, "waiting for the table to be gone", activeLimit, func(ctx context.Context) (bool, error) {
		t, err := d.describe(ctx, ref.Name)
		return err == nil && t == nil, err
	})
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff compares; the order of indexes does not count.
func (d *Driver) Diff(have, want spec.Table) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs, replace bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field, Replace: replace})
		}
	}
	add("hash_key", have.HashKey != want.HashKey, true)
	add("range_key", have.RangeKey != want.RangeKey, true)
	add("billing_mode", have.Provisioned, false)
	add("indexes", !slices.Equal(sorted(have.Indexes), sorted(want.Indexes)), false)
	add("kms_key_id", !kmskey.Same(have.KMSKeyID, want.KMSKeyID), false)
	add("ttl", have.TTLAttribute != want.TTLAttribute, false)
	add("point_in_time_recovery", have.PointInTimeRecovery != want.PointInTimeRecovery, false)
	add("tags", ownertag.TagsDiffer(have.Tags, want.Tags), false)
	return changes
}

func sorted(indexes []spec.TableIndex) []spec.TableIndex {
	list := make([]spec.TableIndex, len(indexes))
	for i, index := range indexes {
		list[i] = property(index)
	}
	slices.SortFunc(list, func(a, b spec.TableIndex) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// definitions names the attributes that are keys: those of the table and hash keys of indexes are strings.
func definitions(want spec.Table) []types.AttributeDefinition {
	kinds := map[string]types.ScalarAttributeType{want.HashKey: types.ScalarAttributeTypeS}
	if want.RangeKey != "" {
		kinds[want.RangeKey] = types.ScalarAttributeTypeS
	}
	for _, i := range want.Indexes {
		kinds[i.HashKey] = types.ScalarAttributeTypeS
		if i.RangeKey != "" && !i.TextRange {
			kinds[i.RangeKey] = types.ScalarAttributeTypeN
		} else if i.RangeKey != "" {
			kinds[i.RangeKey] = types.ScalarAttributeTypeS
		}
	}
	list := make([]types.AttributeDefinition, 0, len(kinds))
	for name, kind := range kinds {
		list = append(list, types.AttributeDefinition{AttributeName: &name, AttributeType: kind})
	}
	slices.SortFunc(list,
		func(a, b types.AttributeDefinition) int { return strings.Compare(*a.AttributeName, *b.AttributeName) })
	return list
}

func keySchema(hash, rangeKey string) []types.KeySchemaElement {
	schema := []types.KeySchemaElement{{AttributeName: &hash, KeyType: types.KeyTypeHash}}
	if rangeKey != "" {
		schema = append(schema, types.KeySchemaElement{AttributeName: &rangeKey, KeyType: types.KeyTypeRange})
	}
	return schema
}

func projection(i spec.TableIndex) *types.Projection {
	if i.KeysOnly {
		return &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly}
	}
	return &types.Projection{ProjectionType: types.ProjectionTypeAll}
}

// encryption goes back to the AWS owned key with an empty one.
func encryption(key string) *types.SSESpecification {
	if key == "" {
		return &types.SSESpecification{Enabled: aws.Bool(false)}
	}
	return &types.SSESpecification{Enabled: aws.Bool(true), SSEType: types.SSETypeKms, KMSMasterKeyId: &key}
}

func newTags(tags map[string]string) []types.Tag {
	return ownertag.List(tags, func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} })
}

func identity(t *types.TableDescription) assembly.Identity {
	return assembly.Identity{ID: aws.ToString(t.TableName), ARN: aws.ToString(t.TableArn)}
}

func inUse(err error) bool { return awsapi.Is(err, "ResourceInUseException") }

// tooManyTableChanges reports DynamoDB's limit on concurrent table operations; retry.
func tooManyTableChanges(err error) bool {
	return awsapi.Is(err, "LimitExceededException") && awsapi.MessageHas(err, "simultaneously")
}
