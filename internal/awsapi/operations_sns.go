package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sns"
)

// SNS are the operations of SNS that the project uses.
type SNS struct {
	Options                   func() sns.Options
	CreateTopic               Call[sns.CreateTopicInput, sns.Options, sns.CreateTopicOutput]
	DeleteTopic               Call[sns.DeleteTopicInput, sns.Options, sns.DeleteTopicOutput]
	GetSubscriptionAttributes Call[sns.GetSubscriptionAttributesInput, sns.Options, sns.GetSubscriptionAttributesOutput]
	GetTopicAttributes        Call[sns.GetTopicAttributesInput, sns.Options, sns.GetTopicAttributesOutput]
	ListSubscriptions         Call[sns.ListSubscriptionsInput, sns.Options, sns.ListSubscriptionsOutput]
	ListSubscriptionsByTopic  SNSListSubscriptionsByTopic
	ListTagsForResource       Call[sns.ListTagsForResourceInput, sns.Options, sns.ListTagsForResourceOutput]
	ListTopics                Call[sns.ListTopicsInput, sns.Options, sns.ListTopicsOutput]
	Publish                   Call[sns.PublishInput, sns.Options, sns.PublishOutput]
	SetSubscriptionAttributes Call[sns.SetSubscriptionAttributesInput, sns.Options, sns.SetSubscriptionAttributesOutput]
	SetTopicAttributes        Call[sns.SetTopicAttributesInput, sns.Options, sns.SetTopicAttributesOutput]
	Subscribe                 Call[sns.SubscribeInput, sns.Options, sns.SubscribeOutput]
	TagResource               Call[sns.TagResourceInput, sns.Options, sns.TagResourceOutput]
	Unsubscribe               Call[sns.UnsubscribeInput, sns.Options, sns.UnsubscribeOutput]
	UntagResource             Call[sns.UntagResourceInput, sns.Options, sns.UntagResourceOutput]
}

func newSNS(c *sns.Client) *SNS {
	return &SNS{
		Options:                   c.Options,
		CreateTopic:               c.CreateTopic,
		DeleteTopic:               c.DeleteTopic,
		GetSubscriptionAttributes: c.GetSubscriptionAttributes,
		GetTopicAttributes:        c.GetTopicAttributes,
		ListSubscriptions:         c.ListSubscriptions,
		ListSubscriptionsByTopic:  c.ListSubscriptionsByTopic,
		ListTagsForResource:       c.ListTagsForResource,
		ListTopics:                c.ListTopics,
		Publish:                   c.Publish,
		SetSubscriptionAttributes: c.SetSubscriptionAttributes,
		SetTopicAttributes:        c.SetTopicAttributes,
		Subscribe:                 c.Subscribe,
		TagResource:               c.TagResource,
		Unsubscribe:               c.Unsubscribe,
		UntagResource:             c.UntagResource,
	}
}

// SNSListSubscriptionsByTopic is an operation that the SDK's paginator takes.
type SNSListSubscriptionsByTopic Call[sns.ListSubscriptionsByTopicInput, sns.Options, sns.ListSubscriptionsByTopicOutput]

// ListSubscriptionsByTopic implements the paginator's interface.
func (call SNSListSubscriptionsByTopic) ListSubscriptionsByTopic(ctx context.Context, in *sns.ListSubscriptionsByTopicInput, o ...func(*sns.Options)) (
	*sns.ListSubscriptionsByTopicOutput, error,
) {
	return call(ctx, in, o...)
}
