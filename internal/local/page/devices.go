package page

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
)

// Device is a row of the list of devices: what the registry, the device table and the runtime know.
type Device struct {
	Beat
	Status string `json:"status,omitempty"` // as the device table has it
}

// fleetAge is how long the registry and the device table are not read again. A fleet of 10,000 takes seconds.
const fleetAge = 5 * time.Second

// fleet is a copy of the registry and the device table.
type fleet struct {
	mu     sync.Mutex
	read   time.Time
	names  []string
	stored map[string]storedDevice
}

// storedDevice is what the device table says.
type storedDevice struct {
	status string
	seen   time.Time
}

// devices lists the devices of the pipeline, by name.
func (s *Server) devices(r *http.Request) (any, error) {
	names, stored, err := s.readFleet(r.Context())
	if err != nil {
		return nil, err
	}
	f := s.options.Feed
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Device, 0, len(names))
	for _, name := range names {
		d := Device{Beat: Beat{Name: name, Seen: stored[name].seen}, Status: stored[name].status}
		if live := f.devices[name]; live != nil {
			d.Beat = live.beat(name)
			if d.Seen.Before(stored[name].seen) {
				d.Seen = stored[name].seen
			}
		}
		list = append(list, d)
	}
	return map[string]any{"devices": list}, nil
}

// readFleet reads the registry and the device table, unless that was just done. Whoever asks meanwhile waits.
func (s *Server) readFleet(ctx context.Context) ([]string, map[string]storedDevice, error) {
	s.fleet.mu.Lock()
	defer s.fleet.mu.Unlock()
	if time.Since(s.fleet.read) < fleetAge {
		return s.fleet.names, s.fleet.stored, nil
	}
	manifest, err := s.options.Runtime.Manifest(ctx)
	if err != nil {
		return nil, nil, err
	}
	names, err := s.things(ctx, manifest)
	if err != nil {
		return nil, nil, err
	}
	stored, err := s.states(ctx, manifest)
	if err != nil {
		return nil, nil, err
	}
	s.fleet.names, s.fleet.stored, s.fleet.read = names, stored, time.Now()
	return names, stored, nil
}

// things are the names of the pipeline's devices, in order.
func (s *Server) things(ctx context.Context, m *local.Manifest) ([]string, error) {
	var names []string
	pages := iot.NewListThingsInThingGroupPaginator(s.options.Runtime.Clients().IoT().ListThingsInThingGroup,
		&iot.ListThingsInThingGroupInput{ThingGroupName: &m.Name, MaxResults: aws.Int32(250)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		names = append(names, page.Things...)
	}
	slices.Sort(names)
	return names, nil
}

// Keys of parts in the manifest that the page reads.
const (
	keyDeviceTable = "device_table"
)

// states reads the device table. A pipeline made by hand has none.
func (s *Server) states(ctx context.Context, m *local.Manifest) (map[string]storedDevice, error) {
	stored := map[string]storedDevice{}
	table := m.Parts[keyDeviceTable]
	if table == "" {
		return stored, nil
	}
	pages := dynamodb.NewScanPaginator(s.options.Runtime.Clients().DynamoDB().Scan, &dynamodb.ScanInput{
		TableName: &table, ProjectionExpression: aws.String("#device, #status, #seen"),
		ExpressionAttributeNames: map[string]string{"#device": contract.DeviceKey, "#status": contract.StatusAttribute,
			"#seen": contract.LastSeenAttribute},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			name := attributeText(item[contract.DeviceKey])
			if strings.HasPrefix(name, "$") {
				continue // the functions' own items
			}
			stored[name] = storedDevice{attributeText(item[contract.StatusAttribute]),
				attributeTime(item[contract.LastSeenAttribute])}
		}
	}
	return stored, nil
}

func attributeText(v ddbtypes.AttributeValue) string {
	switch v := v.(type) {
	case *ddbtypes.AttributeValueMemberS:
		return v.Value
	case *ddbtypes.AttributeValueMemberN:
		return v.Value
	}
	return ""
}

// attributeTime reads epoch milliseconds; the zero time if there are none.
func attributeTime(v ddbtypes.AttributeValue) time.Time {
	n, err := strconv.ParseFloat(attributeText(v), 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(int64(n))
}
