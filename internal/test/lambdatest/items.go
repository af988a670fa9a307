package lambdatest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Limits of BatchWriteItem [DynamoDB quotas].
const (
	maxItems     = 25
	maxItemBytes = 400 << 10
)

// putRequest is one element of a BatchWriteItem call.
type putRequest struct {
	PutRequest struct {
		Item map[string]map[string]json.RawMessage
	}
}

// batchWriteItem puts the items of a call, or none if one is not valid or two have the same key. asked says how many
// from the end stay unprocessed; nil is none. The answer is nil if all are put.
func (a *AWS) batchWriteItem(body []byte, asked *Fault) *Fault {
	invalid := &Fault{Status: http.StatusBadRequest, Code: "ValidationException"}
	var input struct{ RequestItems map[string][]putRequest }
	if err := json.Unmarshal(body, &input); err != nil || len(input.RequestItems) != 1 {
		return invalid
	}
	table := slices.Collect(maps.Keys(input.RequestItems))[0]
	keys, items, ok := itemsOf(input.RequestItems[table])
	if !ok {
		return invalid
	}
	put := len(keys)
	if asked != nil {
		put = max(0, put-asked.Unprocessed)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for n, key := range keys[:put] {
		a.items[key] = items[n]
	}
	if put == len(keys) {
		return nil
	}
	return &Fault{Status: http.StatusOK, Raw: fmt.Sprintf(`{"UnprocessedItems":{%q:[{"PutRequest":{"Item":%s}}]}}`,
		table, strings.Join(items[put:], `}},{"PutRequest":{"Item":`))}
}

// itemsOf returns the key and the text of each item, and whether the requests are valid.
func itemsOf(requests []putRequest) (keys, items []string, ok bool) {
	seen := map[string]bool{}
	for _, r := range requests {
		item := r.PutRequest.Item
		key := plain(item["device_id"]) + " " + plain(item["at"])
		text, err := json.Marshal(item)
		if err != nil || seen[key] || itemBytes(item) > maxItemBytes {
			return nil, nil, false
		}
		seen[key] = true
		keys, items = append(keys, key), append(items, string(text))
	}
	return keys, items, len(keys) > 0 && len(keys) <= maxItems
}

// itemBytes is the least that an item can have [DynamoDB item sizes].
func itemBytes(item map[string]map[string]json.RawMessage) int {
	size := 0
	for name, value := range item {
		size += len(name) + 1
		var members map[string]map[string]json.RawMessage
		if json.Unmarshal(value["M"], &members) == nil {
			size += itemBytes(members)
		}
		size += max(0, len(plain(value))-1)
	}
	return size
}

func plain(value map[string]json.RawMessage) string {
	var text string
	if json.Unmarshal(value["S"], &text) != nil {
		return ""
	}
	return text
}

// Items returns the keys of the items that BatchWriteItem calls have put, "DEVICE AT", sorted.
func (a *AWS) Items() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.items))
}

// Item returns an item of [AWS.Items], as DynamoDB's JSON.
func (a *AWS) Item(key string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.items[key]
}
