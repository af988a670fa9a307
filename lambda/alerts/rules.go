package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/iotsql"
)

const (
	// maxAge is how long a copy of a document is used: a change takes effect within a minute.
	maxAge = time.Minute
	// retryAfter is the delay before another attempt if a document cannot be read; the old copy is used meanwhile.
	retryAfter = 5 * time.Second
	// maxDevices limits the copies of thresholds kept for single devices.
	maxDevices = 10000
)

// rule is one alert rule, compiled.
type rule struct {
	name     string
	when     string
	severity string
	holds    *iotsql.Condition
	// holdsNot is TRUE if the condition is FALSE, but not if it is Undefined: a message without the field says nothing.
	holdsNot *iotsql.Condition // nil unless a resolved notice is wanted
	// undecided is TRUE for a payload in which the condition may not find its members before it is decoded; nil: it
	// reads none.
	undecided      *iotsql.Condition
	message        *iotsql.Template // nil: a standard text
	command        renderer         // nil: none
	cooldown       time.Duration
	notifyResolved bool
}

// compile compiles the rules of a document, in the order of their names. A rule that does not compile is reported in
// broken; the others work.
func compile(text string) (rules []rule, thresholds map[string]json.RawMessage, broken []error, err error) {
	var d contract.AlertRules[json.RawMessage]
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return nil, nil, nil, fmt.Errorf("reading the rules document: %w", err)
	}
	if d.Version != contract.AlertRulesVersion {
		return nil, nil, nil, fmt.Errorf("reading the rules document: its version is %d, this function knows %d",
			d.Version, contract.AlertRulesVersion)
	}
	options := iotsql.Options{Names: []string{"thing", "threshold"}}
	for _, name := range slices.Sorted(maps.Keys(d.Rules)) {
		text := d.Rules[name]
		r := rule{name: name, when: text.When, severity: text.Severity,
			cooldown: time.Duration(text.CooldownSeconds) * time.Second, notifyResolved: text.NotifyResolved}
		var problems [4]error
		r.holds, problems[0] = iotsql.CompileCondition(text.When, options)
		if problems[0] == nil {
			r.undecided, problems[0] = undecided(r.holds, options)
		}
		if r.notifyResolved {
			r.holdsNot, problems[1] = iotsql.CompileCondition("NOT ("+text.When+")", options)
		}
		if text.Message != "" {
			r.message, problems[2] = iotsql.CompileTemplate(text.Message, options)
		}
		if text.Command != "" {
			r.command, problems[3] = compileCommand(text.Command, options)
		}
		if err := errors.Join(problems[:]...); err != nil {
			broken = append(broken, fmt.Errorf("compiling alert rule %q: %w", name, err))
			continue
		}
		rules = append(rules, r)
	}
	return rules, d.Thresholds, broken, nil
}

func undecided(c *iotsql.Condition, o iotsql.Options) (*iotsql.Condition, error) {
	paths := slices.DeleteFunc(c.Paths(), func(path string) bool { return path == "*" })
	if len(paths) == 0 {
		return nil, nil
	}
	return iotsql.CompileCondition(contract.NotPlain+" AND ("+contract.Lacking(paths)+")", o)
}

// tableAPI is the part of the DynamoDB client that the alert handler uses.
type tableAPI interface {
	GetItem(context.Context, *dynamodb.GetItemInput, ...func(*dynamodb.Options)) (*dynamodb.GetItemOutput, error)
	UpdateItem(context.Context, *dynamodb.UpdateItemInput,
		...func(*dynamodb.Options)) (*dynamodb.UpdateItemOutput, error)
}

// copied is a document read from the table, with the time of the next read.
type copied[T any] struct {
	value T
	until time.Time
}

// rulebook holds the rules and thresholds of the pipeline, read from the device table at most once a minute.
type rulebook struct {
	client tableAPI
	table  string
	now    func() time.Time
	warn   func(ctx context.Context, err error) // told of a copy that serves beyond its time

	document string // what rules and defaults are compiled from
	rules    copied[[]rule]
	broken   []error
	defaults map[string]json.RawMessage

	overrides copied[map[string]json.RawMessage]
	devices   map[string]copied[map[string]json.RawMessage]
}

// current returns the rules, and the errors of the rules it leaves out.
func (b *rulebook) current(ctx context.Context) ([]rule, []error, error) {
	err := refresh(ctx, b, &b.rules, func() ([]rule, error) {
		item, err := b.item(ctx, contract.RulesItem)
		if err != nil {
			return nil, err
		}
		text, ok := item[contract.DocumentAttribute].(*types.AttributeValueMemberS)
		if !ok {
			return nil, fmt.Errorf("table %q has no rules document", b.table)
		}
		if text.Value == b.document {
			return b.rules.value, nil
		}
		rules, defaults, broken, err := compile(text.Value)
		if err != nil {
			return nil, err
		}
		b.document, b.defaults, b.broken = text.Value, defaults, broken
		return rules, nil
	})
	return b.rules.value, b.broken, err
}

// thresholds returns the named thresholds of a device: its own, else the pipeline's, else the defaults of the rules.
func (b *rulebook) thresholds(ctx context.Context, thing string) (map[string]json.RawMessage, error) {
	if err := refresh(ctx, b, &b.overrides,
		func() (map[string]json.RawMessage, error) { return b.values(ctx, contract.ThresholdsItem) }); err != nil {
		return nil, err
	}
	if len(b.devices) >= maxDevices {
		clear(b.devices)
	}
	device := b.devices[thing]
	if err := refresh(ctx, b, &device,
		func() (map[string]json.RawMessage, error) {
			return b.values(ctx, contract.ThresholdsItem+"#"+thing)
		}); err != nil {
		return nil, err
	}
	b.devices[thing] = device
	all := maps.Clone(b.defaults)
	if all == nil {
		all = map[string]json.RawMessage{}
	}
	maps.Copy(all, b.overrides.value)
	maps.Copy(all, device.value)
	return all, nil
}

// refresh reads a copy again if it is too old. The old copy remains in use while the table cannot be read; without one,
// that is an error.
func refresh[T any](ctx context.Context, b *rulebook, c *copied[T], read func() (T, error)) error {
	now := b.now()
	if now.Before(c.until) {
		return nil
	}
	value, err := read()
	switch {
	case err == nil:
		c.value, c.until = value, now.Add(maxAge)
	case c.until.IsZero():
		return err
	default:
		c.until = now.Add(retryAfter)
		b.warn(ctx, err)
	}
	return nil
}

func (b *rulebook) item(ctx context.Context, key string) (map[string]types.AttributeValue, error) {
	out, err := b.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: aws.String(b.table), Key: itemKey(key), ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, fmt.Errorf("reading item %q of table %q: %w", key, b.table, err)
	}
	return out.Item, nil
}

func itemKey(key string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{contract.DeviceKey: &types.AttributeValueMemberS{Value: key}}
}

// values reads a thresholds item. A missing item overrides nothing; neither does a value whose type thresholds do not
// have.
func (b *rulebook) values(ctx context.Context, key string) (map[string]json.RawMessage, error) {
	item, err := b.item(ctx, key)
	if err != nil {
		return nil, err
	}
	attribute, ok := item["values"].(*types.AttributeValueMemberM)
	if !ok {
		return nil, nil
	}
	values := make(map[string]json.RawMessage, len(attribute.Value))
	for name, v := range attribute.Value {
		var plain any
		switch v := v.(type) {
		case *types.AttributeValueMemberN:
			plain = json.Number(v.Value)
		case *types.AttributeValueMemberS:
			plain = v.Value
		case *types.AttributeValueMemberBOOL:
			plain = v.Value
		default:
			b.warn(ctx, fmt.Errorf("threshold %q of item %q is neither a number, a string nor a Boolean", name, key))
			continue
		}
		text, err := json.Marshal(plain)
		if err != nil {
			b.warn(ctx, fmt.Errorf("threshold %q of item %q: %w", name, key, err))
			continue
		}
		values[name] = text
	}
	return values, nil
}
