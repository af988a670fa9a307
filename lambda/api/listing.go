package api

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/internal/awsenv"
)

const (
	// maxReads bounds the reads for one page: a page can be short if most of what is read is left out.
	maxReads = 10
	// nextRead is how many items the reads after the first one look at.
	nextRead = 200
)

// page collects the devices of a page.
type page struct {
	limit, bytes int
	devices      []Device
	next         string // key after which the next page begins; empty: there is none
}

func (p *page) full() bool { return len(p.devices) >= p.limit || p.bytes > answerBytes }

// add adds a device, and reports whether the page has room for another one.
func (p *page) add(d Device) bool {
	p.devices = append(p.devices, d)
	p.bytes += bytesOf(d.Latest)
	p.next = d.Device
	return !p.full()
}

// scan lists the devices of the table, whose order depends on their names only. It leaves out the special items.
func (s *service) scan(ctx context.Context, limit int, after string) ([]Device, string, error) {
	p := &page{limit: limit}
	var key item
	if after != "" {
		key = deviceKey(after)
	}
	for n := range maxReads {
		in := &dynamodb.ScanInput{
			TableName: aws.String(s.devices), ExclusiveStartKey: key, Limit: aws.Int32(int32(limit)),
			FilterExpression:          aws.String("NOT begins_with(device_id, :special)"),
			ExpressionAttributeValues: item{":special": text("$")},
		}
		if n > 0 {
			in.Limit = aws.Int32(nextRead)
		}
		out, err := s.db.Scan(ctx, in)
		if err != nil {
			return nil, "", err
		}
		for i, row := range out.Items {
			full := !p.add(readDevice(content(row[contract.DeviceKey]), row))
			if full && (i+1 < len(out.Items) || more(out.LastEvaluatedKey)) {
				return p.devices, p.next, nil
			}
		}
		if key = out.LastEvaluatedKey; !more(key) {
			return p.devices, "", nil
		}
		p.next = content(key[contract.DeviceKey])
	}
	return p.devices, p.next, nil
}

func more(key item) bool { return len(key) > 0 }

// ofStatus lists the devices of a status by the index whose order is that of their names. A device that has another
// status by now is left out.
func (s *service) ofStatus(ctx context.Context, status string, limit int, after string) ([]Device, string, error) {
	p := &page{limit: limit}
	var key item
	if after != "" {
		key = item{contract.StatusAttribute: text(status), contract.DeviceKey: text(after)}
	}
	for range maxReads {
		out, err := s.db.Query(ctx, &dynamodb.QueryInput{
			TableName: aws.String(s.devices), IndexName: aws.String(contract.StatusDeviceIndex),
			KeyConditionExpression:    aws.String("#status = :status"),
			ExpressionAttributeNames:  map[string]string{"#status": contract.StatusAttribute},
			ExpressionAttributeValues: item{":status": text(status)},
			ExclusiveStartKey:         key, Limit: aws.Int32(int32(limit - len(p.devices))),
		})
		if err != nil {
			return nil, "", err
		}
		rows, err := s.rows(ctx, out.Items)
		if err != nil {
			return nil, "", err
		}
		for _, entry := range out.Items {
			name := content(entry[contract.DeviceKey])
			if d := readDevice(name, rows[name]); d.Status == status && !p.add(d) && p.bytes > answerBytes {
				return p.devices, p.next, nil
			}
		}
		if key = out.LastEvaluatedKey; !more(key) {
			return p.devices, "", nil
		}
		if p.next = content(key[contract.DeviceKey]); p.full() {
			break
		}
	}
	return p.devices, p.next, nil
}

// rows reads the rows that entries of an index name, by device.
func (s *service) rows(ctx context.Context, entries []item) (map[string]item, error) {
	keys := make([]item, len(entries))
	for i, entry := range entries {
		keys[i] = item{contract.DeviceKey: entry[contract.DeviceKey]}
	}
	return s.rowsOf(ctx, keys, false)
}

// rowsOf reads rows of the device table, by their keys.
func (s *service) rowsOf(ctx context.Context, keys []item, consistent bool) (map[string]item, error) {
	rows := make(map[string]item, len(keys))
	for attempt := 1; len(keys) > 0; {
		out, err := s.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems: map[string]types.KeysAndAttributes{
				s.devices: {Keys: keys, ConsistentRead: aws.Bool(consistent)},
			},
		})
		if err != nil {
			return nil, err
		}
		for _, row := range out.Responses[s.devices] {
			rows[content(row[contract.DeviceKey])] = row
		}
		left := out.UnprocessedKeys[s.devices].Keys
		if len(left) < len(keys) { // an answer has 16 MB at most
			keys = left
			continue
		}
		if attempt == attempts {
			return nil, throttled.problem("AWS limits the rate of requests.").retryAfter(retryThrottled)
		}
		if err := awsenv.Pause(ctx, attempt); err != nil {
			return nil, err
		}
		attempt++
	}
	return rows, nil
}
