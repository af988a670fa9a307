// Package topicrule manages AWS IoT topic rules. It does not know what a rule is for or what its SQL means.
package topicrule

import (
	"cmp"
	"context"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iotaccess"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/iottags"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// A spec without an SQL version means sqlVersion; AWS treats a rule without one as firstSQLVersion [IoT-SQL].
const (
	sqlVersion      = "2016-03-23"
	firstSQLVersion = "2015-10-08"
)

// Driver implements assembly.Driver for topic rules; the ID is the rule's name.
type Driver struct {
	c *awsapi.Clients

	mu      sync.Mutex
	listing *listing // in progress; others wait for it
}

// New returns a driver that uses the given clients.
func New(c *awsapi.Clients) *Driver { return &Driver{c: c} }

// Observe reads the rule. It reads the tags only before the rule is recorded and for full reads.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.TopicRule], error) {
	out, err := d.c.IoT().GetTopicRule(ctx, &iot.GetTopicRuleInput{RuleName: &ref.Name})
	if err != nil {
		absent, err := d.absent(ctx, ref.Name, err)
		if absent {
			return nil, nil
		}
		return nil, err
	}
	o := &assembly.Observed[spec.TopicRule]{
		Identity: assembly.Identity{ID: ref.Name, ARN: aws.ToString(out.RuleArn)},
		Spec:     specOf(out.Rule),
	}
	o.Owner, o.Spec.Tags, err = iottags.Observe(ctx, d.c, ref, o.ARN)
	return o, err
}

// Owner implements [assembly.OwnerReader] with one call.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	return iottags.Owner(ctx, d.c, d.c.ARN("iot", "rule/"+ref.Name))
}

// Create creates the rule with its tags.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.TopicRule) (assembly.Identity, error) {
	err := d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.IoT().CreateTopicRule(ctx, &iot.CreateTopicRuleInput{
			RuleName:         &ref.Name,
			TopicRulePayload: payload(want),
			Tags:             aws.String(query(ownertag.Tags(ref.Owner, want.Tags))),
		})
		return err
	})
	if awsapi.Is(err, "ResourceAlreadyExistsException") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	// The response to the create call is empty.
	return assembly.Identity{ID: ref.Name, ARN: d.c.ARN("iot", "rule/"+ref.Name)}, nil
}

// Update replaces the whole payload of the rule in one call, and changes tags.
func (d *Driver) Update(
	ctx context.Context,
	ref assembly.Ref,
	have *assembly.Observed[spec.TopicRule],
	want spec.TopicRule,
	changes []assembly.Change,
) (assembly.Identity, error) {
	isTags := func(c assembly.Change) bool { return c.Field == "tags" }
	if slices.ContainsFunc(changes, func(c assembly.Change) bool { return !isTags(c) }) {
		err := d.retry(ctx, func(ctx context.Context) error {
			_, err := d.c.IoT().ReplaceTopicRule(ctx,
				&iot.ReplaceTopicRuleInput{RuleName: &ref.Name, TopicRulePayload: payload(want)})
			return err
		})
		if err != nil {
			return have.Identity, err
		}
	}
	if slices.ContainsFunc(changes, isTags) {
		return have.Identity, iottags.Update(ctx, d.c, have.ARN, have.Spec.Tags, want.Tags)
	}
	return have.Identity, nil
}

// Delete deletes the rule.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	err := d.retry(ctx, func(ctx context.Context) error {
		_, err := d.c.IoT().DeleteTopicRule(ctx, &iot.DeleteTopicRuleInput{RuleName: &ref.Name})
		return err
	})
	if err == nil {
		return nil
	}
	absent, err := d.absent(ctx, ref.Name, err)
	if absent {
		return nil
	}
	return err
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{} }

// Diff reports the fields sql, description, enabled, actions, error_action and tags.
func (d *Driver) Diff(have, want spec.TopicRule) []assembly.Change {
	var changes []assembly.Change
	add := func(differs bool, field string) {
		if differs {
			changes = append(changes, assembly.Change{Field: field})
		}
	}
	add(have.SQL != want.SQL || cmp.Or(have.SQLVersion, sqlVersion) != cmp.Or(want.SQLVersion, sqlVersion), "sql")
	add(have.Description != want.Description, "description")
	add(have.Disabled != want.Disabled, "enabled")
	add(!slices.EqualFunc(have.Actions, want.Actions, sameAction), "actions")
	add(!sameErrorAction(have.ErrorAction, want.ErrorAction), "error_action")
	add(ownertag.TagsDiffer(have.Tags, want.Tags), "tags")
	return changes
}

func sameAction(have, want spec.Action) bool {
	want, ok := settled(have, want)
	return ok && reflect.DeepEqual(decode(encode(have)), decode(encode(want)))
}

// settled decides about write-only values of headers, so that the rest can be compared. Of two descriptions, their
// versions are compared. A value that is not known here is taken to be the one that the rule has.
func settled(have, want spec.Action) (spec.Action, bool) {
	if have.HTTP == nil || want.HTTP == nil {
		return want, true
	}
	action := *want.HTTP
	action.Headers = slices.Clone(action.Headers)
	for i := range action.Headers {
		w := &action.Headers[i]
		if w.Version == 0 || i >= len(have.HTTP.Headers) || have.HTTP.Headers[i].Key != w.Key {
			continue
		}
		h := have.HTTP.Headers[i]
		if h.Version != 0 && h.Version != w.Version {
			return want, false
		}
		if h.Version != 0 || w.Value == "" {
			w.Value = h.Value
		}
	}
	want.HTTP = &action
	return want, true
}

func sameErrorAction(a, b *spec.Action) bool {
	if a == nil || b == nil {
		return a == b
	}
	return sameAction(*a, *b)
}

// retry repeats a call that fails temporarily: IoT does not see the role yet [AWS 2.2 CreateTopicRule], or another
// write to the rule is in progress. SqlParseException and every other error are returned at once.
func (d *Driver) retry(ctx context.Context, call func(context.Context) error) error {
	return iotaccess.Retry(ctx, d.c, "waiting until AWS IoT can assume the rule's role", call)
}

// query encodes tags as the URL query string that CreateTopicRule expects [AWS 2.1].
func query(tags map[string]string) string {
	values := url.Values{}
	for key, value := range tags {
		values.Set(key, value)
	}
	return strings.ReplaceAll(values.Encode(), "+", "%20")
}

func payload(want spec.TopicRule) *types.TopicRulePayload {
	p := &types.TopicRulePayload{
		AwsIotSqlVersion: aws.String(cmp.Or(want.SQLVersion, sqlVersion)),
		Sql:              &want.SQL,
		Description:      &want.Description,
		RuleDisabled:     &want.Disabled,
		Actions:          make([]types.Action, len(want.Actions)),
	}
	for i, a := range want.Actions {
		p.Actions[i] = encode(a)
	}
	if want.ErrorAction != nil {
		a := encode(*want.ErrorAction)
		p.ErrorAction = &a
	}
	return p
}

func specOf(r *types.TopicRule) spec.TopicRule {
	s := spec.TopicRule{
		SQL:         aws.ToString(r.Sql),
		SQLVersion:  cmp.Or(aws.ToString(r.AwsIotSqlVersion), firstSQLVersion),
		Description: aws.ToString(r.Description),
		Disabled:    aws.ToBool(r.RuleDisabled),
	}
	for _, a := range r.Actions {
		s.Actions = append(s.Actions, decode(a))
	}
	if r.ErrorAction != nil {
		a := decode(*r.ErrorAction)
		s.ErrorAction = &a
	}
	return s
}
