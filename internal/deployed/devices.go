package deployed

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// NeverSeen is the status of a device that has sent nothing yet.
const NeverSeen = "never_seen"

// Statuses are what [Device.Status] can be.
var Statuses = []string{contract.StatusOnline, contract.StatusOffline, contract.StatusSilent, NeverSeen}

// Device is a device of a pipeline: its thing, and its row in the device table.
type Device struct {
	Name       string
	ThingARN   string
	Attributes map[string]string // without those of the provider
	Registered string            // how it registered itself: "claim" or "jitp"; empty for a device of the configuration
	Gateway    string            // the gateway that it is behind; empty for a device that connects itself
	Status     string            // one of Statuses
	LastSeen   time.Time         // zero if it was never seen
}

// Filter selects devices; its zero value selects all.
type Filter struct {
	Status     string            // one of Statuses
	Attributes map[string]string // all of them
}

func (f Filter) selects(d Device) bool {
	for key, value := range f.Attributes {
		if have, ok := d.Attributes[key]; !ok || have != value {
			return false
		}
	}
	return f.Status == "" || f.Status == d.Status
}

// Largest pages and batches [AWS 1.3 page size, DynamoDB BatchGetItem].
const (
	thingsPage = 250
	rowsBatch  = 100
)

// Devices returns the devices of the pipeline that the filter selects, page by page: the next page is asked for when
// somebody wants it. An error ends the sequence.
func (p *Pipeline) Devices(ctx context.Context, f Filter) iter.Seq2[Device, error] {
	in := &iot.ListThingsInput{MaxResults: aws.Int32(thingsPage)}
	if thingType := p.Parts[contract.KeyThingType].Name; thingType != "" {
		// A search by an attribute finds only what the type of the things makes searchable.
		in.ThingTypeName = &thingType
	} else {
		in.AttributeName, in.AttributeValue = aws.String(contract.OwnerAttribute), &p.ID
	}
	return func(yield func(Device, error) bool) {
		for pages := iot.NewListThingsPaginator(p.clients.IoT().ListThings, in); pages.HasMorePages(); {
			devices, err := p.page(ctx, pages)
			if err != nil {
				yield(Device{}, err)
				return
			}
			for _, d := range devices {
				if f.selects(d) && !yield(d, nil) {
					return
				}
			}
		}
	}
}

// page reads the next page of the pipeline's devices. Things of others are left out.
func (p *Pipeline) page(ctx context.Context, pages *iot.ListThingsPaginator) ([]Device, error) {
	page, err := pages.NextPage(ctx)
	if err != nil {
		return nil, fmt.Errorf("listing the devices of pipeline %q: %w", p.Name, err)
	}
	var devices []Device
	for _, t := range page.Things {
		if t.Attributes[contract.OwnerAttribute] == p.ID {
			devices = append(devices, device(aws.ToString(t.ThingName), aws.ToString(t.ThingArn), t.Attributes))
		}
	}
	// AWS has no order; a page has that of the names.
	slices.SortFunc(devices, func(a, b Device) int { return cmp.Compare(a.Name, b.Name) })
	if err := p.addRows(ctx, devices); err != nil {
		return nil, fmt.Errorf("reading the states of devices of pipeline %q: %w", p.Name, err)
	}
	return devices, nil
}

func device(name, arn string, attributes map[string]string) Device {
	d := Device{Name: name, ThingARN: arn, Attributes: map[string]string{}, Status: NeverSeen,
		Registered: attributes[contract.RegisteredAttribute], Gateway: contract.GatewayOf(name)}
	for key, value := range attributes {
		if !strings.HasPrefix(key, contract.OwnerAttribute) {
			d.Attributes[key] = value
		}
	}
	return d
}

// addRows completes devices by their rows in the device table.
func (p *Pipeline) addRows(ctx context.Context, devices []Device) error {
	table := p.Parts[contract.KeyDeviceTable].Name
	if table == "" {
		return nil
	}
	for batch := range slices.Chunk(devices, rowsBatch) {
		byName := map[string]*Device{}
		for i := range batch {
			byName[batch[i].Name] = &batch[i]
		}
		rows, err := p.rows(ctx, table, batch)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if name, ok := row[contract.DeviceKey].(*types.AttributeValueMemberS); ok && byName[name.Value] != nil {
				byName[name.Value].readRow(row)
			}
		}
	}
	return nil
}

func (d *Device) readRow(row map[string]types.AttributeValue) {
	if status, ok := row[contract.StatusAttribute].(*types.AttributeValueMemberS); ok {
		d.Status = cmp.Or(status.Value, NeverSeen)
	}
	if seen, ok := row[contract.LastSeenAttribute].(*types.AttributeValueMemberN); ok {
		if ms, err := strconv.ParseInt(seen.Value, 10, 64); err == nil {
			d.LastSeen = time.UnixMilli(ms).UTC()
		}
	}
}

// rows reads one batch. The table may leave keys for another request, when there is more than one answer can hold or
// when it is throttled; the SDK repeats only requests of which nothing was answered.
func (p *Pipeline) rows(
	ctx context.Context,
	table string,
	devices []Device,
) (rows []map[string]types.AttributeValue, err error) {
	keys := types.KeysAndAttributes{
		ProjectionExpression: aws.String("#key, #status, #seen"),
		ExpressionAttributeNames: map[string]string{
			"#key": contract.DeviceKey, "#status": contract.StatusAttribute, "#seen": contract.LastSeenAttribute,
		},
	}
	for _, d := range devices {
		keys.Keys = append(keys.Keys,
			map[string]types.AttributeValue{contract.DeviceKey: &types.AttributeValueMemberS{Value: d.Name}})
	}
	err = p.clients.Poll(ctx, "reading the device table", readLimit, func(ctx context.Context) (bool, error) {
		in := &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{table: keys}}
		out, err := p.clients.DynamoDB().BatchGetItem(ctx, in)
		if awsapi.IsNotFound(err) {
			return true, nil // the table is gone: nothing is known of the devices' states
		}
		if err != nil {
			return false, err
		}
		rows = append(rows, out.Responses[table]...)
		keys = out.UnprocessedKeys[table]
		return len(keys.Keys) == 0, nil
	})
	return rows, err
}

// readLimit bounds the repetitions of a read that the table answers in part only.
const readLimit = time.Minute
