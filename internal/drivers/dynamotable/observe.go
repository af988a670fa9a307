package dynamotable

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// Observe reads a table with three calls, the last two at once, and its tags before it is recorded and for full reads;
// one call shows that it is absent. A table on its way out counts as absent.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Table], error) {
	t, err := d.describe(ctx, ref.Name)
	if err != nil || t == nil || t.TableStatus == types.TableStatusDeleting {
		return nil, err
	}
	o := &assembly.Observed[spec.Table]{Identity: identity(t), Spec: specOf(t)}
	var all map[string]string
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { o.Spec.TTLAttribute, err = d.ttl(ctx, ref.Name); return err })
	group.Go(func() (err error) { o.Spec.PointInTimeRecovery, err = d.recoverable(ctx, ref.Name); return err })
	if !ref.Brief() {
		group.Go(func() (err error) { all, err = d.tags(ctx, o.ARN); return err })
	}
	if err := group.Wait(); err != nil {
		if awsapi.IsNotFound(err) { // deleted meanwhile
			return nil, nil
		}
		return nil, err
	}
	if ref.Brief() {
		o.Owner = ref.Owner
		return o, nil
	}
	o.Owner, o.Spec.Tags = ownertag.Split(all, d.c.IgnoresTag)
	return o, nil
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	tags, err := d.tags(ctx, d.c.ARN("dynamodb", "table/"+ref.Name))
	return ownertag.Owner(tags, awsapi.IsNotFound(err), err)
}

// describe gives nil for a table that does not exist.
func (d *Driver) describe(ctx context.Context, name string) (*types.TableDescription, error) {
	out, err := d.c.DynamoDB().DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Table, nil
}

// leaving reports whether the table that holds the name is being deleted, or gone by now.
func (d *Driver) leaving(ctx context.Context, name string) bool {
	t, err := d.describe(ctx, name)
	return err == nil && (t == nil || t.TableStatus == types.TableStatusDeleting)
}

func specOf(t *types.TableDescription) spec.Table {
	s := spec.Table{
		// Without a summary a table has been provisioned from its first day.
		Provisioned: t.BillingModeSummary == nil || t.BillingModeSummary.BillingMode != types.BillingModePayPerRequest,
	}
	s.HashKey, s.RangeKey = keys(t.KeySchema)
	for _, i := range t.GlobalSecondaryIndexes {
		if i.IndexStatus == types.IndexStatusDeleting {
			continue
		}
		index := spec.TableIndex{Name: aws.ToString(i.IndexName)}
		index.HashKey, index.RangeKey = keys(i.KeySchema)
		index.TextRange = index.RangeKey != "" && isText(t.AttributeDefinitions, index.RangeKey)
		index.KeysOnly = i.Projection != nil && i.Projection.ProjectionType == types.ProjectionTypeKeysOnly
		s.Indexes = append(s.Indexes, index)
	}
	if e := t.SSEDescription; e != nil && (e.Status == types.SSEStatusEnabled || e.Status == types.SSEStatusUpdating) {
		s.KMSKeyID = aws.ToString(e.KMSMasterKeyArn)
	}
	return s
}

func isText(definitions []types.AttributeDefinition, attribute string) bool {
	return slices.ContainsFunc(definitions, func(d types.AttributeDefinition) bool {
		return aws.ToString(d.AttributeName) == attribute && d.AttributeType == types.ScalarAttributeTypeS
	})
}

func keys(schema []types.KeySchemaElement) (hash, rangeKey string) {
	for _, k := range schema {
		if k.KeyType == types.KeyTypeHash {
			hash = aws.ToString(k.AttributeName)
		} else {
			rangeKey = aws.ToString(k.AttributeName)
		}
	}
	return hash, rangeKey
}

// ttl gives the attribute that TTL is on for or about to be, or empty.
func (d *Driver) ttl(ctx context.Context, name string) (string, error) {
	out, err := d.c.DynamoDB().DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	if err != nil {
		return "", err
	}
	t := out.TimeToLiveDescription
	if t != nil &&
		(t.TimeToLiveStatus == types.TimeToLiveStatusEnabled || t.TimeToLiveStatus == types.TimeToLiveStatusEnabling) {
		return aws.ToString(t.AttributeName), nil
	}
	return "", nil
}

func (d *Driver) recoverable(ctx context.Context, name string) (bool, error) {
	out, err := d.c.DynamoDB().
		DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
	if awsapi.Is(err, "TableNotFoundException") { // a table that is being created has no backups yet
		return false, nil
	}
	if err != nil {
		return false, err
	}
	b := out.ContinuousBackupsDescription
	return b != nil && b.PointInTimeRecoveryDescription != nil &&
		b.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus == types.PointInTimeRecoveryStatusEnabled, nil
}

func (d *Driver) tags(ctx context.Context, arn string) (map[string]string, error) {
	var all []types.Tag
	in := &dynamodb.ListTagsOfResourceInput{ResourceArn: &arn}
	for {
		out, err := d.c.DynamoDB().ListTagsOfResource(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, out.Tags...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return ownertag.Map(all, func(t types.Tag) (*string, *string) { return t.Key, t.Value }), nil
		}
	}
}
