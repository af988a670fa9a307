package page

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
	"github.com/iot-pipeline/terraform-provider-iot/internal/local"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/telemetry"
)

// condition is the condition of an alert rule, evaluated for a message.
type condition struct {
	Name     string                     `json:"name"`
	When     string                     `json:"when"`
	Severity string                     `json:"severity"`
	Holds    bool                       `json:"holds"`
	Values   map[string]json.RawMessage `json:"values"`          // of the paths that it reads; null without a value
	Cooldown time.Time                  `json:"until,omitzero"`  // no further notice for this device until then
	Problem  string                     `json:"error,omitempty"` // why it cannot be evaluated
}

// alertRules are the pipeline's alert rules with the thresholds that hold for a device.
type alertRules struct {
	contract.AlertRules[json.RawMessage]
}

// conditions tells why a message raised an alert, or why not: each condition, with the values that it reads.
func (s *Server) conditions(r *http.Request) (any, error) {
	f := s.options.Feed
	f.mu.Lock()
	m := f.byTrace[r.PathValue("trace")]
	decoder := f.decoder
	f.mu.Unlock()
	if m == nil {
		return nil, notFound("the message is not among the last %d", keptMessages)
	}
	manifest, err := s.options.Runtime.Manifest(r.Context())
	if err != nil {
		return nil, err
	}
	thing := m.Thing
	rules, err := s.alertRules(r.Context(), manifest, thing)
	if err != nil || rules == nil {
		return map[string]any{"conditions": []condition{}}, err
	}
	payloads := views(m, decoder)
	list := []condition{}
	for _, name := range slices.Sorted(maps.Keys(rules.Rules)) {
		c := condition{Name: name, When: rules.Rules[name].When, Severity: rules.Rules[name].Severity}
		if err := c.evaluate(r.Context(), m, payloads, rules.Thresholds); err != nil {
			c.Problem = err.Error()
		}
		c.Cooldown, err = s.cooldown(r.Context(), manifest, name, thing)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return map[string]any{"conditions": list, "thresholds": rules.Thresholds}, nil
}

// views are what the conditions see of a message: its payload, or where that is not a plain object, its readings.
func views(m *Message, d *telemetry.Decoder) [][]byte {
	all := [][]byte{m.payload}
	readings, err := d.Decode(m.payload, m.Time)
	if err != nil {
		return all
	}
	for i := range readings {
		if form, err := readings[i].Form(); err == nil {
			all = append(all, form)
		}
	}
	return all
}

// evaluate evaluates the condition for the first view that has what it reads.
func (c *condition) evaluate(
	ctx context.Context, m *Message, views [][]byte, thresholds map[string]json.RawMessage,
) error {
	options := iotsql.Options{Names: []string{"thing", "threshold"}}
	compiled, err := iotsql.CompileCondition(c.When, options)
	if err != nil {
		return err
	}
	limits, err := json.Marshal(thresholds)
	if err != nil {
		return err
	}
	name, err := json.Marshal(m.Thing)
	if err != nil {
		return err
	}
	for _, payload := range views {
		seen := &iotsql.Message{Topic: m.Topic, Payload: payload, ClientID: m.Thing, TraceID: m.Trace, Time: m.Time,
			Bindings: map[string]json.RawMessage{"thing": name, "threshold": limits}}
		holds, err := compiled.Eval(ctx, seen)
		if err != nil {
			return err
		}
		values, complete := valuesOf(ctx, compiled.Paths(), seen, options)
		if c.Values == nil || holds || complete && !c.Holds {
			c.Holds, c.Values = holds, values
		}
		if holds {
			return nil
		}
	}
	return nil
}

// valuesOf reads paths of a message; complete means that all of them have a value.
func valuesOf(
	ctx context.Context, paths []string, m *iotsql.Message, o iotsql.Options,
) (values map[string]json.RawMessage, complete bool) {
	values, complete = map[string]json.RawMessage{}, true
	for _, path := range paths {
		if path == "*" {
			continue
		}
		values[path] = json.RawMessage("null")
		query, err := iotsql.Compile("SELECT "+path+" AS v FROM '#'", o)
		if err != nil {
			continue
		}
		var out struct{ V json.RawMessage }
		result, err := query.Eval(ctx, m)
		if err != nil || json.Unmarshal(result.Payload, &out) != nil || out.V == nil {
			complete = false
			continue
		}
		values[path] = out.V
	}
	return values, complete
}

// alertRules reads the alert rules, and the thresholds of a device: its own, else the pipeline's, else the defaults.
func (s *Server) alertRules(ctx context.Context, m *local.Manifest, thing string) (*alertRules, error) {
	item, err := s.item(ctx, m, contract.RulesItem)
	text := attributeText(item[contract.DocumentAttribute])
	if err != nil || text == "" {
		return nil, err
	}
	var rules alertRules
	if err := json.Unmarshal([]byte(text), &rules); err != nil {
		return nil, err
	}
	if rules.Thresholds == nil {
		rules.Thresholds = map[string]json.RawMessage{}
	}
	keys := []string{contract.ThresholdsItem}
	if thing != "" {
		keys = append(keys, contract.ThresholdsItem+"#"+thing)
	}
	for _, key := range keys {
		item, err := s.item(ctx, m, key)
		if err != nil {
			return nil, err
		}
		changed, _ := item["values"].(*ddbtypes.AttributeValueMemberM)
		if changed == nil {
			continue
		}
		for name, v := range changed.Value {
			if text, err := json.Marshal(plain(v)); err == nil {
				rules.Thresholds[name] = text
			}
		}
	}
	return &rules, nil
}

// cooldown is until when a rule gives no further notice for a device; the zero time if it may.
func (s *Server) cooldown(ctx context.Context, m *local.Manifest, rule, thing string) (time.Time, error) {
	item, err := s.item(ctx, m, contract.CooldownPrefix+rule+"#"+thing)
	until := attributeTime(item["until"])
	if err != nil || until.Before(time.Now()) {
		return time.Time{}, err
	}
	return until, nil
}

// item reads an item of the device table; nil if there is none, or no table.
func (s *Server) item(ctx context.Context, m *local.Manifest, key string) (map[string]ddbtypes.AttributeValue, error) {
	table := m.Parts[keyDeviceTable]
	if table == "" {
		return nil, nil
	}
	out, err := s.options.Runtime.Clients().DynamoDB().GetItem(ctx, &dynamodb.GetItemInput{TableName: &table,
		Key: map[string]ddbtypes.AttributeValue{contract.DeviceKey: textOf(key)}, ConsistentRead: aws.Bool(true)})
	if errors.As(err, new(*ddbtypes.ResourceNotFoundException)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}

func textOf(s string) ddbtypes.AttributeValue { return &ddbtypes.AttributeValueMemberS{Value: s} }

// plain is an attribute as JSON has it.
func plain(v ddbtypes.AttributeValue) any {
	switch v := v.(type) {
	case *ddbtypes.AttributeValueMemberS:
		return v.Value
	case *ddbtypes.AttributeValueMemberN:
		return json.Number(v.Value)
	case *ddbtypes.AttributeValueMemberBOOL:
		return v.Value
	case *ddbtypes.AttributeValueMemberM:
		members := map[string]any{}
		for name, member := range v.Value {
			members[name] = plain(member)
		}
		return members
	case *ddbtypes.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i := range v.Value {
			list[i] = plain(v.Value[i])
		}
		return list
	}
	return nil
}

// alerts lists the alert rules and the notices.
func (s *Server) alerts(r *http.Request) (any, error) {
	manifest, err := s.options.Runtime.Manifest(r.Context())
	if err != nil {
		return nil, err
	}
	rules, err := s.alertRules(r.Context(), manifest, "")
	if err != nil || rules == nil {
		return map[string]any{"rules": map[string]any{}}, err
	}
	return map[string]any{"rules": rules.Rules, "thresholds": rules.Thresholds}, nil
}
