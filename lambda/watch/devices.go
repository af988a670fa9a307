package watch

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// tableAPI is the part of the DynamoDB client that the watch function uses.
type tableAPI interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(
		context.Context,
		*dynamodb.UpdateItemInput,
		...func(*dynamodb.Options),
	) (*dynamodb.UpdateItemOutput, error)
	DeleteItem(
		context.Context,
		*dynamodb.DeleteItemInput,
		...func(*dynamodb.Options),
	) (*dynamodb.DeleteItemOutput, error)
	BatchGetItem(
		context.Context,
		*dynamodb.BatchGetItemInput,
		...func(*dynamodb.Options),
	) (*dynamodb.BatchGetItemOutput, error)
	Query(context.Context, *dynamodb.QueryInput, ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error)
}

// devices is the device table.
type devices struct {
	client tableAPI
	table  string
}

// device is a row of the table, as far as the watch function looks at it. Times are in ms.
type device struct {
	thing    string
	status   string
	lastSeen int64
	silentAt int64 // when it was last marked as silent
	// farewell is when it said that it goes offline.
	farewell int64
	// ended is why its connection ended; empty while it is connected, and if nothing is known of its connection.
	ended string
	// silentSince is when a returned device was seen before.
	silentSince int64
}

// columns are the attributes of a device.
const columns = "device_id, #status, last_seen, silent_at, silent_since, farewell_at, " +
	"connected, disconnect_reason"

func readDevice(item values) device {
	return device{
		thing: content(item[contract.DeviceKey]), status: content(item[contract.StatusAttribute]),
		lastSeen: number(item[contract.LastSeenAttribute]), silentSince: number(item[contract.SilentSinceAttribute]),
		silentAt: number(item[contract.SilentAtAttribute]),
		farewell: number(item[contract.FarewellAttribute]), ended: ended(item),
	}
}

func ended(item values) string {
	if connected, ok := item[contract.ConnectedAttribute].(*types.AttributeValueMemberBOOL); !ok || connected.Value {
		return ""
	}
	return content(item[contract.DisconnectReasonAttribute])
}

// properly is the reason of a device that says to AWS IoT that it disconnects.
const properly = "CLIENT_INITIATED_DISCONNECT"

// leftUnsaid reports whether a device is offline without having said so: its connection ended. What it said before its
// last message is over. If its connection broke, its last will said that it is offline, not the device.
func (d *device) leftUnsaid() bool {
	broke := d.ended != "" && d.ended != properly
	return d.status == contract.StatusOffline && (d.farewell < d.lastSeen || broke)
}

// query selects the rows of a status; the zero value of the other members selects all of them.
type query struct {
	status string
	before time.Time // last seen before
	since  time.Time // and not before this; only together with before
	// silentSince selects the rows that were marked as silent then or later, in ms.
	silentSince int64
	count       bool // count the rows, return none
}

// find returns the rows that a query selects, or their number. The index has the keys only, and a time that is up to
// MaxSlot too early; the rows decide.
func (d *devices) find(ctx context.Context, q query) ([]device, int, error) {
	things, n, err := d.search(ctx, q)
	if err != nil || q.count {
		return nil, n, err
	}
	rows, err := d.read(ctx, things)
	found := slices.DeleteFunc(rows, func(row device) bool { return !q.selects(&row) })
	return found, len(found), err
}

// selects reports whether a row is what a query is about.
func (q *query) selects(row *device) bool {
	seen := time.UnixMilli(row.lastSeen)
	return row.status == q.status && (q.before.IsZero() || seen.Before(q.before)) &&
		(q.since.IsZero() || !seen.Before(q.since)) && row.silentAt >= q.silentSince
}

// search returns the keys of the rows that a query may be about, or their number.
func (d *devices) search(ctx context.Context, q query) ([]string, int, error) {
	in := &dynamodb.QueryInput{
		TableName: aws.String(d.table), IndexName: aws.String(contract.StatusIndex),
		KeyConditionExpression:    aws.String("#status = :status"),
		ExpressionAttributeNames:  map[string]string{"#status": contract.StatusAttribute},
		ExpressionAttributeValues: values{":status": text(q.status)},
	}
	if !q.before.IsZero() {
		in.KeyConditionExpression = aws.String("#status = :status AND seen_slot < :before")
		in.ExpressionAttributeValues[":before"] = millis(q.before)
	}
	if !q.since.IsZero() {
		in.KeyConditionExpression = aws.String("#status = :status AND seen_slot BETWEEN :since AND :before")
		in.ExpressionAttributeValues[":since"] = millis(q.since.Add(-contract.MaxSlot))
		in.ExpressionAttributeValues[":before"] = millis(q.before.Add(-time.Millisecond)) // BETWEEN includes both
	}
	if q.count {
		in.Select = types.SelectCount
	}
	var found []string
	n := 0
	pages := dynamodb.NewQueryPaginator(d.client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return found, n, fmt.Errorf("looking for %s devices in table %q: %w", q.status, d.table, err)
		}
		n += int(page.Count)
		for _, item := range page.Items {
			found = append(found, content(item[contract.DeviceKey]))
		}
	}
	return found, n, nil
}

// maxBatch is how many items a BatchGetItem reads at most [DynamoDB quotas].
const maxBatch = 100

// read returns the rows of devices; those that have none are left out.
func (d *devices) read(ctx context.Context, things []string) ([]device, error) {
	var found []device
	for chunk := range slices.Chunk(things, maxBatch) {
		keys := make([]values, len(chunk))
		for i, thing := range chunk {
			keys[i] = key(thing)
		}
		asked := map[string]types.KeysAndAttributes{d.table: {
			Keys: keys, ProjectionExpression: aws.String(columns),
			ExpressionAttributeNames: map[string]string{"#status": contract.StatusAttribute},
		}}
		for tries := 0; len(asked) > 0; tries++ {
			if tries == maxTries {
				return found, fmt.Errorf("reading %d devices of table %q: DynamoDB left some unread, %d times",
					len(chunk), d.table, tries)
			}
			out, err := d.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: asked})
			if err != nil {
				return found, fmt.Errorf("reading %d devices of table %q: %w", len(chunk), d.table, err)
			}
			for _, item := range out.Responses[d.table] {
				found = append(found, readDevice(item))
			}
			asked = out.UnprocessedKeys
		}
	}
	return found, nil
}

// maxTries is how often what a call leaves unread is asked for. The next run asks again.
const maxTries = 5

// values are the attributes of an item, or the values of an expression.
type values = map[string]types.AttributeValue

func key(name string) values { return values{contract.DeviceKey: text(name)} }

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func integer(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func millis(t time.Time) types.AttributeValue { return integer(t.UnixMilli()) }

// content returns a text, or "" for anything else.
func content(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// number returns a whole number, or 0 for anything else.
func number(v types.AttributeValue) int64 {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	value, err := strconv.ParseInt(n.Value, 10, 64)
	if err != nil {
		return 0
	}
	return value
}
