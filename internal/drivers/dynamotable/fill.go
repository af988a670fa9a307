package dynamotable

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// fillers is how many items are written at a time.
const fillers = 16

// fill gives the items of a table without a range key of its own the range key of a new index, where they have what it
// is filled from. It comes before the index, so that an apply that ends in between fills the rest the next time. An
// item that somebody else fills in the meantime, or deletes, stays as it is.
func (d *Driver) fill(ctx context.Context, have *assembly.Observed[spec.Table], i spec.TableIndex) error {
	if i.FilledFrom == "" {
		return nil
	}
	pages := dynamodb.NewScanPaginator(d.c.DynamoDB().Scan, &dynamodb.ScanInput{
		TableName:            &have.ID,
		FilterExpression:     aws.String("attribute_exists(#from) AND attribute_not_exists(#to)"),
		ProjectionExpression: aws.String("#key, #from"),
		ExpressionAttributeNames: map[string]string{"#key": have.Spec.HashKey, "#from": i.FilledFrom,
			"#to": i.RangeKey},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("looking for items without %q: %w", i.RangeKey, err)
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(fillers)
		for _, item := range page.Items {
			group.Go(func() error { return d.fillOne(ctx, have, i, item) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) fillOne(ctx context.Context, have *assembly.Observed[spec.Table], i spec.TableIndex,
	item map[string]types.AttributeValue) error {
	key := have.Spec.HashKey
	_, err := d.c.DynamoDB().UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:                 &have.ID,
		Key:                       map[string]types.AttributeValue{key: item[key]},
		UpdateExpression:          aws.String("SET #to = :from"),
		ConditionExpression:       aws.String("#from = :from AND attribute_not_exists(#to)"),
		ExpressionAttributeNames:  map[string]string{"#from": i.FilledFrom, "#to": i.RangeKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":from": item[i.FilledFrom]},
	})
	if err != nil && !errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return fmt.Errorf("writing %q of an item: %w", i.RangeKey, err)
	}
	return nil
}
