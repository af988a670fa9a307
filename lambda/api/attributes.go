package api

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// item is an item of a table, or the values of an expression.
type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// content returns a text, or "" for anything else.
func content(v types.AttributeValue) string {
	if s, ok := v.(*types.AttributeValueMemberS); ok {
		return s.Value
	}
	return ""
}

// whole returns a whole number, or 0 for anything else.
func whole(v types.AttributeValue) int64 {
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

// moment reads epoch milliseconds; nil if there are none.
func moment(v types.AttributeValue) *time.Time {
	n := whole(v)
	if n == 0 {
		return nil
	}
	at := time.UnixMilli(n).UTC()
	return &at
}

// plain returns the JSON form of a measure or a threshold: a number, a text or a Boolean. Anything else is nil.
func plain(v types.AttributeValue) any {
	switch v := v.(type) {
	case *types.AttributeValueMemberN:
		return json.Number(v.Value)
	case *types.AttributeValueMemberS:
		return v.Value
	case *types.AttributeValueMemberBOOL:
		return v.Value
	}
	return nil
}

// plainMap returns the JSON form of a map of such values, nil if there is none.
func plainMap(v types.AttributeValue) map[string]any {
	m, ok := v.(*types.AttributeValueMemberM)
	if !ok {
		return nil
	}
	out := make(map[string]any, len(m.Value))
	for name, value := range m.Value {
		out[name] = plain(value)
	}
	return out
}

// answerBytes bounds the lists of an answer; Lambda takes 6 MB.
const answerBytes = 4 << 20

// bytesOf estimates the size of a map in JSON.
func bytesOf(values map[string]any) int {
	n := 0
	for name, value := range values {
		n += len(name) + 16
		switch v := value.(type) {
		case string:
			n += 2 * len(v)
		case json.Number:
			n += len(v)
		}
	}
	return n
}
