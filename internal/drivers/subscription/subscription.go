// Package subscription is the driver of SNS subscriptions. A subscription
// carries no token: it is ours when its topic is. It must not know what is
// published.
package subscription

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/drivers/snstopic"
	"github.com/iot-pipeline/terraform-provider-iot/internal/ownertag"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

const (
	// Pending is the ID of a subscription that was found by its endpoint and is not confirmed: SNS shows its ARN only
	// to the call that made it.
	Pending = "pending confirmation"
	// pendingARN is what ListSubscriptionsByTopic has in place of such an ARN.
	pendingARN = "PendingConfirmation"

	filterPolicy = "FilterPolicy"
	noFilter     = "{}"     // what takes a filter away
	unread       = "unread" // FilterPolicy of an observed subscription without ARN; Diff leaves it alone
)

// Driver reads and writes subscriptions. Ref.Name is "topic ARN|protocol|endpoint"; Ref.ID is the subscription's ARN,
// or Pending.
type Driver struct{ c *awsapi.Clients }

// New gives the driver for the clients' account and region.
func New(c *awsapi.Clients) *Driver { return &Driver{c} }

// Observe reads a subscription with one call when its ARN is known, else looks through the topic's. One that nobody
// confirmed is gone after some days, and then absent: the next apply asks again.
func (d *Driver) Observe(ctx context.Context, ref assembly.Ref) (*assembly.Observed[spec.Subscription], error) {
	parts, err := spec.SplitName(ref.Name, 3)
	if err != nil {
		return nil, err
	}
	o := &assembly.Observed[spec.Subscription]{
		Identity: assembly.Identity{ID: ref.ID},
		Owner:    ref.Owner,
		Spec:     spec.Subscription{TopicARN: parts[0], Protocol: parts[1], Endpoint: parts[2]},
	}
	if o.ID == "" || o.ID == Pending {
		if o.ID, err = d.find(ctx, o.Spec); err != nil || o.ID == "" {
			return nil, err
		}
	}
	if o.ID == Pending {
		o.Spec.FilterPolicy = unread
		return o, nil
	}
	out, err := d.c.SNS().GetSubscriptionAttributes(ctx, &sns.GetSubscriptionAttributesInput{SubscriptionArn: &o.ID})
	if awsapi.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o.ARN = o.ID
	if o.Spec.FilterPolicy = out.Attributes[filterPolicy]; o.Spec.FilterPolicy == noFilter {
		o.Spec.FilterPolicy = ""
	}
	return o, nil
}

// find gives the ID of the topic's subscription with that protocol and endpoint, or empty. An absent topic has none.
func (d *Driver) find(ctx context.Context, s spec.Subscription) (string, error) {
	pages := sns.NewListSubscriptionsByTopicPaginator(d.c.SNS().ListSubscriptionsByTopic,
		&sns.ListSubscriptionsByTopicInput{TopicArn: &s.TopicARN})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if awsapi.IsNotFound(err) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		for _, known := range page.Subscriptions {
			if aws.ToString(known.Protocol) != s.Protocol || aws.ToString(known.Endpoint) != s.Endpoint {
				continue
			}
			switch arn := aws.ToString(known.SubscriptionArn); {
			case arn == pendingARN:
				return Pending, nil
			case strings.HasPrefix(arn, "arn:"): // not "Deleted", which stays in the list for a while
				return arn, nil
			}
		}
	}
	return "", nil
}

// Create subscribes. For an e-mail address or a URL AWS sends a request for confirmation, and again whenever an
// unconfirmed endpoint is subscribed. AWS returns the ARN at once anyway.
func (d *Driver) Create(ctx context.Context, ref assembly.Ref, want spec.Subscription) (assembly.Identity, error) {
	in := &sns.SubscribeInput{
		TopicArn:              &want.TopicARN,
		Protocol:              &want.Protocol,
		Endpoint:              &want.Endpoint,
		ReturnSubscriptionArn: true,
	}
	if want.FilterPolicy != "" {
		in.Attributes = map[string]string{filterPolicy: want.FilterPolicy}
	}
	out, err := d.c.SNS().Subscribe(ctx, in)
	if awsapi.MessageHas(err, "already exists with different attributes") {
		return ownertag.Resume(ctx, d, ref, want, err)
	}
	if err != nil {
		return assembly.Identity{}, err
	}
	arn := aws.ToString(out.SubscriptionArn)
	return assembly.Identity{ID: arn, ARN: arn}, nil
}

// Update sets the filter.
func (d *Driver) Update(
	ctx context.Context,
	_ assembly.Ref,
	have *assembly.Observed[spec.Subscription],
	want spec.Subscription,
	changes []assembly.Change,
) (assembly.Identity, error) {
	for _, c := range changes {
		if c.Field != "filter_policy" {
			return have.Identity, ownertag.Unknown(c)
		}
		filter := want.FilterPolicy
		if filter == "" {
			filter = noFilter
		}
		_, err := d.c.SNS().SetSubscriptionAttributes(ctx, &sns.SetSubscriptionAttributesInput{
			SubscriptionArn: &have.ID, AttributeName: aws.String(filterPolicy), AttributeValue: &filter})
		if err != nil {
			return have.Identity, err
		}
	}
	return have.Identity, nil
}

// Delete unsubscribes. AWS lets nobody delete a subscription that waits for confirmation: it goes with its topic, or by
// itself after some days, and counts as deleted.
func (d *Driver) Delete(ctx context.Context, ref assembly.Ref) error {
	if ref.ID == Pending {
		return nil
	}
	_, err := d.c.SNS().Unsubscribe(ctx, &sns.UnsubscribeInput{SubscriptionArn: &ref.ID})
	if awsapi.IsNotFound(err) || awsapi.MessageHas(err, "pending confirmation") {
		return nil
	}
	return err
}

// Owner implements [assembly.OwnerReader]: whoever owns the topic owns its subscriptions.
func (d *Driver) Owner(ctx context.Context, ref assembly.Ref) (token string, exists bool, err error) {
	topic, _, _ := strings.Cut(ref.Name, "|")
	if token, exists, err = snstopic.New(d.c).Owner(ctx, assembly.Ref{ID: topic}); err != nil {
		err = fmt.Errorf("reading its topic: %w", err)
	}
	return token, exists, err
}

// Container implements [assembly.Contained]: a subscription goes with its topic.
func (*Driver) Container(ref assembly.Ref) (kind, id string) {
	topic, _, _ := strings.Cut(ref.Name, "|")
	return spec.KindTopic, topic
}

// Kind implements [assembly.Driver].
func (*Driver) Kind() assembly.Kind { return assembly.Kind{ServerID: true} }

// Diff compares; filters by what their JSON says.
func (d *Driver) Diff(have, want spec.Subscription) []assembly.Change {
	var changes []assembly.Change
	add := func(field string, differs, replace bool) {
		if differs {
			changes = append(changes, assembly.Change{Field: field, Replace: replace})
		}
	}
	add("topic", have.TopicARN != want.TopicARN, true)
	add("protocol", have.Protocol != want.Protocol, true)
	add("endpoint", have.Endpoint != want.Endpoint, true)
	add("filter_policy", have.FilterPolicy != unread && !sameJSON(have.FilterPolicy, want.FilterPolicy), false)
	return changes
}

// sameJSON is stricter than the comparison of IAM policies: in a filter an array of one is not its element.
func sameJSON(a, b string) bool {
	if a == b {
		return true
	}
	var left, right any
	return json.Unmarshal([]byte(a), &left) == nil && json.Unmarshal([]byte(b), &right) == nil &&
		reflect.DeepEqual(left, right)
}
