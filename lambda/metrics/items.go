package metrics

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// store writes the series of the keys, which are sorted: an item per device, with all its measures. Writing them again
// changes nothing.
func (t *table) store(ctx context.Context, w *window, all series, keys []key) error {
	puts := t.putter(ctx)
	expires := number(w.End.Add(t.keep).Unix())
	for len(keys) > 0 {
		device, items := keys[0].device, 0
		for len(keys) > 0 && keys[0].device == device {
			var measures map[string]types.AttributeValue
			measures, keys = measuresOf(all, keys)
			item := map[string]types.AttributeValue{
				contract.DeviceKey:         text(device),
				contract.WindowStartKey:    text(w.sortKey(items)),
				contract.WindowEndKey:      text(w.End.Format(time.RFC3339)),
				contract.MeasuresAttribute: &types.AttributeValueMemberM{Value: measures},
				contract.ExpiryAttribute:   expires,
			}
			puts.put(item)
			items++
		}
	}
	return puts.wait()
}

// sortKey begins with the window's start, so that a query can ask for a range of time. What follows tells apart the
// items that a device has in one window: see part. A device with too many measures for an item has more of them.
func (w *window) sortKey(item int) string {
	k := w.Start.Format(time.RFC3339) + "#" + w.part()
	if item > 0 {
		k += "#" + strconv.Itoa(item)
	}
	return k
}

// statisticsBytes is about how much the statistics of a measure take in an item, without the measure's name.
const statisticsBytes = 180

// measuresOf returns the first keys' measures of one device, as many as fit into an item, and the other keys.
func measuresOf(all series, keys []key) (map[string]types.AttributeValue, []key) {
	measures, size := map[string]types.AttributeValue{}, 0
	n := 0
	for n < len(keys) && keys[n].device == keys[0].device && size < itemBytes {
		measures[keys[n].measure] = attribute(all[keys[n]])
		size += len(keys[n].measure) + statisticsBytes
		n++
	}
	return measures, keys[n:]
}

func attribute(s *statistics) types.AttributeValue {
	return &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
		contract.CountStatistic:      number(s.count),
		contract.SumStatistic:        float(s.sum.value()),
		contract.MinimumStatistic:    float(s.minimum),
		contract.MaximumStatistic:    float(s.maximum),
		contract.AverageStatistic:    float(s.average()),
		contract.FirstValueStatistic: float(s.first.value),
		contract.FirstAtStatistic:    number(s.first.at),
		contract.LastValueStatistic:  float(s.last.value),
		contract.LastAtStatistic:     number(s.last.at),
	}}
}
