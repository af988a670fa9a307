package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/danielgtaylor/huma/v2"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
)

// Thresholds are the thresholds of alert rules, for the whole pipeline or one device.
type Thresholds struct {
	Values    map[string]any `json:"values" doc:"What holds: numbers, texts and Booleans by name"`
	Overrides map[string]any `json:"overrides" doc:"What was set here"`
	Defaults  map[string]any `json:"defaults" doc:"What would hold without overrides here"`
}

type thresholdsOutput struct {
	ETag string `header:"ETag" doc:"Of the overrides"`
	Body Thresholds
}

type thresholdsInput struct{}

type putThresholdsInput struct {
	MatchParameter
	Body    map[string]any
	RawBody []byte
}

type putDeviceThresholdsInput struct {
	DeviceParameter
	MatchParameter
	Body    map[string]any
	RawBody []byte
}

type deleteThresholdsInput struct{ MatchParameter }

type deleteDeviceThresholdsInput struct {
	DeviceParameter
	MatchParameter
}

// Descriptions of the operations.
const (
	aboutThresholds = "An override takes effect within a minute, without an apply. A device's own comes before the " +
		"pipeline's, which comes before the alert rules'."
	putsThresholds = "The body replaces the overrides: a value per name. The alert rules say which names there are, " +
		"and their types. "
)

func (s *service) thresholdOperations(api huma.API) {
	const (
		all    = "/v1/thresholds"
		device = "/v1/devices/{device}/thresholds"
	)
	register(api, operation("getThresholds", http.MethodGet, all, "Get thresholds", aboutThresholds),
		func(ctx context.Context, _ *thresholdsInput) (*thresholdsOutput, error) {
			return s.showThresholds(ctx, "")
		})
	register(api,
		operation("getDeviceThresholds", http.MethodGet, device, "Get a device's thresholds", aboutThresholds),
		func(ctx context.Context, in *deviceInput) (*thresholdsOutput, error) {
			return s.showThresholds(ctx, in.Device)
		})
	put := operation("putThresholds", http.MethodPut, all, "Override thresholds", putsThresholds+aboutThresholds,
		http.StatusPreconditionFailed)
	put.MaxBodyBytes = maxThresholdBytes
	register(api, put, func(ctx context.Context, in *putThresholdsInput) (*thresholdsOutput, error) {
		return s.putThresholds(ctx, "", in.IfMatch, in.RawBody)
	})
	put = operation("putDeviceThresholds", http.MethodPut, device, "Override a device's thresholds",
		putsThresholds+aboutThresholds, http.StatusPreconditionFailed)
	put.MaxBodyBytes = maxThresholdBytes
	register(api, put, func(ctx context.Context, in *putDeviceThresholdsInput) (*thresholdsOutput, error) {
		return s.putThresholds(ctx, in.Device, in.IfMatch, in.RawBody)
	})
	remove := operation("deleteThresholds", http.MethodDelete, all, "Remove overrides", aboutThresholds,
		http.StatusPreconditionFailed)
	register(api, remove, func(ctx context.Context, in *deleteThresholdsInput) (*thresholdsOutput, error) {
		return s.putThresholds(ctx, "", in.IfMatch, []byte("{}"))
	})
	remove = operation("deleteDeviceThresholds", http.MethodDelete, device, "Remove a device's overrides",
		aboutThresholds, http.StatusPreconditionFailed)
	register(api, remove, func(ctx context.Context, in *deleteDeviceThresholdsInput) (*thresholdsOutput, error) {
		return s.putThresholds(ctx, in.Device, in.IfMatch, []byte("{}"))
	})
}

const (
	maxThresholdBytes = 64<<10 + 1
	maxThresholdText  = 1024
)

// levels are the thresholds as they are stored: by the rules, for the pipeline, and for a device.
type levels struct {
	rules           map[string]any
	pipeline, own   map[string]any
	stored          types.AttributeValue // what own was read from; nil: nothing is stored
	forDevice, seen bool
}

// overridesKey is the key of the item with the overrides of a device, or of the pipeline.
func overridesKey(device string) string {
	if device == "" {
		return contract.ThresholdsItem
	}
	return contract.ThresholdsItem + "#" + device
}

// levels reads everything about thresholds with one request.
func (s *service) levels(ctx context.Context, device string) (*levels, error) {
	keys := []item{deviceKey(contract.RulesItem), deviceKey(contract.ThresholdsItem)}
	if device != "" {
		keys = append(keys, deviceKey(overridesKey(device)), deviceKey(device))
	}
	found, err := s.rowsOf(ctx, keys, true)
	if err != nil {
		return nil, err
	}
	l := &levels{forDevice: device != "", seen: len(found[device]) > 0}
	rules, err := readRules(found[contract.RulesItem])
	if err != nil {
		return nil, err
	}
	l.rules = rules.Thresholds
	l.pipeline = plainMap(found[contract.ThresholdsItem]["values"])
	own := found[overridesKey(device)]
	l.own, l.stored = plainMap(own["values"]), own["values"]
	return l, nil
}

// readRules reads the alert rules; a pipeline without alerts has none.
func readRules(row item) (contract.AlertRules[any], error) {
	var rules contract.AlertRules[any]
	document := content(row[contract.DocumentAttribute])
	if document == "" {
		return rules, nil
	}
	if err := decode([]byte(document), &rules); err != nil {
		return rules, fmt.Errorf("reading item %q: %w", contract.RulesItem, err)
	}
	return rules, nil
}

// answer is what the API says of thresholds.
func (l *levels) answer() (*thresholdsOutput, error) {
	defaults := map[string]any{}
	maps.Copy(defaults, l.rules)
	if l.forDevice {
		maps.Copy(defaults, l.pipeline)
	}
	out := Thresholds{Defaults: defaults, Values: maps.Clone(defaults), Overrides: map[string]any{}}
	maps.Copy(out.Values, l.own)
	maps.Copy(out.Overrides, l.own)
	text, err := json.Marshal(out.Overrides) // sorted
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	return &thresholdsOutput{ETag: `"` + hex.EncodeToString(sum[:8]) + `"`, Body: out}, nil
}

// thresholdsOf reads the thresholds of a device that belongs to the pipeline, or of the pipeline.
func (s *service) thresholdsOf(ctx context.Context, device string) (*levels, *thresholdsOutput, error) {
	l, err := s.levels(ctx, device)
	if err != nil {
		return nil, nil, s.failed(ctx, err, "reading thresholds")
	}
	if l.forDevice && !l.seen {
		if err := s.exists(ctx, device); err != nil {
			return nil, nil, err
		}
	}
	out, err := l.answer()
	if err != nil {
		return nil, nil, s.failed(ctx, err, "writing thresholds")
	}
	return l, out, nil
}

func (s *service) showThresholds(ctx context.Context, device string) (*thresholdsOutput, error) {
	_, out, err := s.thresholdsOf(ctx, device)
	return out, err
}

func (s *service) putThresholds(ctx context.Context, device, match string, body []byte) (*thresholdsOutput, error) {
	var wanted map[string]any
	if err := decode(body, &wanted); err != nil {
		return nil, malformed.problem("The body is not JSON.")
	}
	l, now, err := s.thresholdsOf(ctx, device)
	if err != nil {
		return nil, err
	}
	if match != "" && match != now.ETag && (match != "*" || l.stored == nil) {
		return nil, stale.problem("The overrides have the ETag %s.", now.ETag)
	}
	values, err := l.attributes(wanted)
	if err != nil {
		return nil, err
	}
	err = s.storeOverrides(ctx, overridesKey(device), values, l.stored, match != "")
	if errors.As(err, new(*types.ConditionalCheckFailedException)) {
		return nil, stale.problem("The overrides were changed at the same time.")
	}
	if err != nil {
		return nil, s.failed(ctx, err, "writing thresholds")
	}
	if l.own = wanted; device == "" {
		l.pipeline = wanted
	}
	out, err := l.answer()
	if err != nil {
		return nil, s.failed(ctx, err, "writing thresholds")
	}
	return out, nil
}

// storeOverrides replaces overrides, or removes them if there are none; if conditional, only if stored still holds.
func (s *service) storeOverrides(ctx context.Context, key string, values item, stored types.AttributeValue,
	conditional bool) error {
	names := map[string]string{"#values": "values"}
	var condition *string
	var known item
	if conditional && stored == nil {
		condition = aws.String("attribute_not_exists(#values)")
	} else if conditional {
		condition, known = aws.String("#values = :stored"), item{":stored": stored}
	}
	if len(values) == 0 {
		in := &dynamodb.DeleteItemInput{TableName: aws.String(s.devices), Key: deviceKey(key),
			ConditionExpression: condition, ExpressionAttributeValues: known}
		if conditional {
			in.ExpressionAttributeNames = names
		}
		_, err := s.db.DeleteItem(ctx, in)
		return err
	}
	set := item{":values": &types.AttributeValueMemberM{Value: values}}
	maps.Copy(set, known)
	_, err := s.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: aws.String(s.devices), Key: deviceKey(key), UpdateExpression: aws.String("SET #values = :values"),
		ConditionExpression: condition, ExpressionAttributeNames: names, ExpressionAttributeValues: set,
	})
	return err
}

// attributes checks overrides against the thresholds that the rules name, and returns them as they are stored.
func (l *levels) attributes(wanted map[string]any) (item, error) {
	known := "The alert rules name no thresholds."
	if names := slices.Sorted(maps.Keys(l.rules)); len(names) > 0 {
		known = "The alert rules name " + strings.Join(names, ", ") + "."
	}
	p := badThreshold.problem("%s", known)
	values := item{}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		at := "body." + shortened(name)
		normal, ok := l.rules[name]
		if !ok {
			p = p.at(at, "the alert rules name no such threshold")
			continue
		}
		value, why := thresholdValue(wanted[name], normal)
		if why != "" {
			p = p.at(at, why)
			continue
		}
		values[name] = value
	}
	if len(p.Errors) > 0 {
		p.Errors = p.Errors[:min(len(p.Errors), maxMistakes)]
		return nil, p
	}
	return values, nil
}

// thresholdValue returns a threshold as it is stored, or why it has another type than the rules give it.
func thresholdValue(value, normal any) (types.AttributeValue, string) {
	switch normal.(type) {
	case json.Number:
		n, ok := value.(json.Number)
		if !ok {
			return nil, "must be a number"
		}
		if !storable(n) {
			return nil, "must be a number with at most 38 digits, between 1E-130 and 9.9E+125"
		}
		return &types.AttributeValueMemberN{Value: n.String()}, ""
	case string:
		t, ok := value.(string)
		if !ok || len(t) > maxThresholdText {
			return nil, fmt.Sprintf("must be a text of at most %d bytes", maxThresholdText)
		}
		return text(t), ""
	case bool:
		b, ok := value.(bool)
		if !ok {
			return nil, "must be true or false"
		}
		return &types.AttributeValueMemberBOOL{Value: b}, ""
	}
	return nil, "the alert rules give it no value"
}

// storable reports whether DynamoDB can hold a number.
func storable(n json.Number) bool {
	v, err := n.Float64()
	if err != nil {
		return false
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(n.String()), "e")
	digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(mantissa), "0")
	v = math.Abs(v)
	return len(digits) <= 38 && (v == 0 && digits == "" || 1e-130 <= v && v < 9.9e125)
}
