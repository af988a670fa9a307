package telemetry

import (
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/tinylib/msgp/msgp"

	"github.com/iot-pipeline/terraform-provider-iot/internal/jsontext"
)

// parseCBOR builds the tree of a CBOR document [RFC 8949].
func parseCBOR(payload []byte) (*node, error) {
	mode, err := cbor.DecOptions{MaxNestedLevels: maxNesting, MaxArrayElements: maxNodes,
		MaxMapPairs: maxNodes}.DecMode()
	if err != nil {
		return nil, &Error{Reason: NotCBOR, Detail: err.Error()}
	}
	var value any
	if err := mode.Unmarshal(payload, &value); err != nil {
		return nil, &Error{Reason: NotCBOR, Detail: "the payload is not CBOR: " + err.Error()}
	}
	return treeOf(value)
}

// parseMessagePack builds the tree of a MessagePack document.
func parseMessagePack(payload []byte) (*node, error) {
	value, rest, err := msgp.ReadIntfBytes(payload)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes follow the document", len(rest))
	}
	if err != nil {
		return nil, &Error{Reason: NotMessagePack, Detail: "the payload is not MessagePack: " + err.Error()}
	}
	return treeOf(value)
}

// treeOf builds the tree of a decoded value. Members are in the order of their names, since Go's maps have none.
func treeOf(value any) (*node, error) {
	var root node
	left := maxNodes
	err := fill(&root, value, maxNesting, &left)
	return &root, err
}

func fill(n *node, value any, depth int, left *int) error {
	if *left--; *left < 0 {
		return &Error{Reason: TooLarge, Detail: fmt.Sprintf("the payload holds more than %d values", maxNodes)}
	}
	if depth == 0 {
		return &Error{Reason: TooDeep, Detail: fmt.Sprintf("values are nested more than %d deep", maxNesting)}
	}
	switch v := value.(type) {
	case map[any]any:
		members := make(map[string]any, len(v))
		for key, member := range v {
			members[fmt.Sprint(key)] = member
		}
		return fillObject(n, members, depth, left)
	case map[string]any:
		return fillObject(n, v, depth, left)
	case []any:
		n.kind, n.items = jsontext.Array, make([]node, len(v))
		for i, item := range v {
			if err := fill(&n.items[i], item, depth-1, left); err != nil {
				return err
			}
		}
		return nil
	case cbor.Tag:
		return fill(n, v.Content, depth-1, left)
	}
	return fillScalar(n, value)
}

func fillObject(n *node, members map[string]any, depth int, left *int) error {
	n.kind, n.items = jsontext.Object, make([]node, 0, len(members))
	for key, member := range members {
		item := node{key: key}
		if err := fill(&item, member, depth-1, left); err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	slices.SortFunc(n.items, func(a, b node) int { return strings.Compare(a.key, b.key) })
	return nil
}

func fillScalar(n *node, value any) error {
	n.kind = jsontext.Number
	switch v := value.(type) {
	case nil:
		n.kind = jsontext.Null
	case bool:
		n.kind, n.text = jsontext.Bool, boolText(v)
	case string:
		n.kind, n.text = jsontext.String, strings.ToValidUTF8(v, "\uFFFD")
	case []byte:
		n.kind, n.text = jsontext.String, base64.StdEncoding.EncodeToString(v)
	case time.Time:
		n.kind, n.text = jsontext.String, v.UTC().Format(time.RFC3339Nano)
	case int32:
		n.text = strconv.FormatInt(int64(v), 10)
	case uint32:
		n.text = strconv.FormatUint(uint64(v), 10)
	case int64:
		n.text = strconv.FormatInt(v, 10)
	case uint64:
		n.text = strconv.FormatUint(v, 10)
	case big.Int:
		n.text = v.String()
	case float32:
		return fillFloat(n, float64(v), 32)
	case float64:
		return fillFloat(n, v, 64)
	default:
		n.kind, n.text = jsontext.String, fmt.Sprint(v)
	}
	return nil
}

func fillFloat(n *node, v float64, bits int) error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return &Error{Reason: NumberOutOfRange, Detail: "a number is not finite"}
	}
	n.text = strconv.FormatFloat(v, 'g', -1, bits)
	return nil
}
